/**
 * What each selection and each text of a response is charged, directly, so that a failure names its price. Tests of bounds
 * prove through the front door that it is charged.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { costOfEntries, costOfWrite, selectedBeneath } from '../../src/graphql/cost.ts';
import { LIMITS } from '../../src/graphql/limits.ts';
import { PRICES } from '../../src/prices.ts';
import { infoOf } from '../support/schema.ts';

describe('the cost', () => {
  const [FIELD, CALL, CHARACTER] = [PRICES.field.work, PRICES.call.work, PRICES.character.work];
  const LONG = 'x'.repeat(20);
  /** The four characters of `LONG` that cost. */
  const MORE = 4 * CHARACTER;

  const select = (root: string, selection: string) => selectedBeneath(infoOf(root, selection));

  const PAGE = readFileSync('docs/reliability.md', 'utf8');
  const write = (figure: number) => figure.toLocaleString('en');

  // `npm run codegen -- --check` compares the table of prices.
  it('of a list of 20 is as in the example of docs/reliability.md', () => {
    const id = 'r31adc223cc4b3bedb6bd4742dedcfa52:m31adc223cc4b3bedb6bd4742dedcfa52';
    const time = '2024-01-16T13:32:45Z';
    const entry = { id, state: 'CLOSED', startTime: time, finishTime: time, description: 'x'.repeat(16) };
    const selected = select('maintenances', '{ id state startTime finishTime description }');
    const { bytes, work } = costOfEntries(Array(20).fill(entry), selected, LIMITS.responseWork);
    expect(PAGE).toContain(`| the response | ${write(bytes)} | ${write(work + 20 * PRICES.scanned.work)} |`);
  });

  it('is limited as docs/reliability.md says, and the limit of work also limits bytes', () => {
    expect(PAGE).toContain(`at most ${write(LIMITS.responseWork)} work`);
    const { field, character, call, error, scanned } = PRICES;
    for (const { bytes, work } of [field, character, call, error, scanned]) expect(work).toBeGreaterThanOrEqual(bytes);
  });

  it.each([
    ['{ state }', {}, FIELD],
    ['{ a: state b: state }', {}, 2 * FIELD],
    ['{ state @skip(if: true) }', {}, FIELD],
    ['{ ...F ... { state } }', {}, 2 * FIELD],
    [`{ ${LONG}: state }`, {}, FIELD + MORE],
    ['{ description }', { description: 'x'.repeat(16) }, FIELD],
    ['{ a: description b: description }', { description: LONG }, 2 * (FIELD + MORE)],
    ['{ pictureUrls }', { pictureUrls: ['x', LONG] }, 3 * FIELD + MORE],
    ['{ residence { id } }', { residence: { id: LONG } }, 2 * FIELD + MORE],
    ['{ residence { maintenances { id } } }', {}, 2 * FIELD + CALL],
    ['{ residence { maintenances(states: [CLOSED, CLOSED]) { id } } }', {}, 4 * FIELD + CALL],
  ])('of an entry: %s of %j', (selection, entry, cost) => {
    const selected = select('maintenances', selection);
    expect(costOfEntries([entry], selected, cost)).toEqual({ bytes: cost, work: cost });
  });

  it.each([
    ['deleteMaintenance', '{ deletedId }', { id: LONG }, FIELD + MORE],
    ['deleteMaintenance', '{ deletedId residence { id } }', { id: LONG }, 3 * FIELD + 2 * MORE],
    ['deleteMaintenances', '{ deletedIds }', { ids: ['x', LONG, LONG] }, 3 * FIELD + 2 * MORE],
    ['deleteMaintenances', '{ failures { failedId code } }', { ids: ['x', LONG] }, 2 * 3 * FIELD + 2 * MORE],
    ['createMaintenance', '{ createdId }', { input: { contact: LONG, pictureFilenames: [] } }, FIELD + MORE],
    ['createMaintenance', '{ maintenance { id } }', { input: { contact: LONG } }, FIELD + CALL],
  ])('of a write, before it: %s %s of %j', (root, selection, args, cost) =>
    expect(costOfWrite(args, select(root, selection))).toEqual({ bytes: cost, work: cost }),
  );
});
