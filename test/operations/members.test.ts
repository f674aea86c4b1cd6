/**
 * How each member of a ticket is decoded, directly. Tests of decoding prove through the front door what a client gets.
 */
import { describe, expect, it } from '@jest/globals';
import { decodeList } from '../../src/command-api/decoder.ts';
import { CommandApiError } from '../../src/command-api/errors.ts';
import type { Id } from '../../src/maintenance.ts';

describe('a member of a ticket is decoded', () => {
  const UNDECODABLE = expect.any(CommandApiError);
  it.each([
    ['start_time', 'startTime', '2024-02-29 13:32:45', '2024-02-29T13:32:45Z'],
    ['start_time', 'startTime', '', null],
    ...['2024-01-16', '2024-01-16T13:32:45Z', ' 2024-01-16 13:32:45', '١٢٣٤-01-16 13:32:45', { 10: ' ' }].map(
      (time) => ['start_time', 'startTime', time, UNDECODABLE] as const,
    ),
    ...['2024-02-30 00:00:00', '2024-13-01 00:00:00', '2024-01-00 00:00:00'].map(
      (time) => ['finish_time', 'finishTime', time, UNDECODABLE] as const,
    ),
    ...['2024-01-16 24:00:00', '2024-01-16 13:60:45', '2024-01-16 13:32:60'].map(
      (time) => ['created_time', 'createdTime', time, UNDECODABLE] as const,
    ),
    ['created_time', 'createdTime', null, null],
    ['state', 'state', 'in progress', 'IN_PROGRESS'],
    ['state', 'state', '', null],
    ...['lost', 'In Progress', 'IN_PROGRESS', 'constructor'].map(
      (state) => ['state', 'state', state, UNDECODABLE] as const,
    ),
    ['description', 'description', '', ''],
    ['description', 'description', 'x\ud83d', 'x\ufffd'],
    ['contact', 'contact', undefined, null],
    ['contact', 'contact', ['test'], UNDECODABLE],
    ['feedback', 'feedback', true, UNDECODABLE],
    ['maintenance_picture_url', 'pictureUrls', null, null],
    ['maintenance_picture_url', 'pictureUrls', [], []],
    ['maintenance_picture_url', 'pictureUrls', ['\udc27'], ['\ufffd']],
    ['maintenance_picture_url', 'pictureUrls', 'https://test.akubela.com/p', UNDECODABLE],
    ['maintenance_picture_url', 'pictureUrls', ['x', null], UNDECODABLE],
  ])('%s as %s: %j', (member, field, value, decoded) => {
    const { value: tickets } = decodeList([{ maintenance_id: 'm', [member]: value }], { residenceId: 'r' as Id });
    expect(tickets[0]).toHaveProperty(field, decoded);
  });
});
