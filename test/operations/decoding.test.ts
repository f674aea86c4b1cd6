/** What becomes of the members of a reply: each that cannot be decoded fails alone. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { exampleTicket } from '../../dev/maintenance/seed.ts';
import { codes } from '../support/ask.ts';
import { answerWith, R, times } from '../support/maintenance/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const GOOD = { ...exampleTicket(), maintenance_id: 'm1' };
const FIELDS = {
  ...{ start_time: 'startTime', finish_time: 'finishTime', created_time: 'createdTime', state: 'state' },
  ...{ description: 'description', contact: 'contact', feedback: 'feedback', maintenance_picture_url: 'pictureUrls' },
} as const;
type Member = keyof typeof FIELDS;
const MEMBERS = Object.keys(FIELDS) as Member[];
const ALL = Object.values(FIELDS).join(' ');
const LIST = `maintenances(residenceId: "${R}")`;

const subgraph = useSubgraph();
const INVALID = 'UPSTREAM_INVALID_RESPONSE';

describe('a member of a ticket', () => {
  const DECODED: readonly (readonly [member: Member, value: unknown, decoded: unknown])[] = [
    ['start_time', '2024-02-29 13:32:45', '2024-02-29T13:32:45Z'],
    ['start_time', '', null],
    ['created_time', null, null],
    ['state', 'in progress', 'IN_PROGRESS'],
    ['state', '', null],
    ['description', '', ''],
    ['description', 'x\ud83d', 'x\ufffd'],
    ['contact', undefined, null],
    ['maintenance_picture_url', null, null],
    ['maintenance_picture_url', ['\udc27'], ['\ufffd']],
  ];
  const UNDECODABLE: Readonly<Record<Member, readonly unknown[]>> = {
    start_time: ['2024-01-16', '2024-01-16T13:32:45', ' 2024-01-16 13:32:45', '١٢٣٤-01-16 13:32:45', { 10: ' ' }],
    finish_time: ['2024-02-30 00:00:00', '2024-13-01 00:00:00', '2024-01-00 00:00:00'],
    created_time: ['2024-01-16 24:00:00', '2024-01-16 13:60:45', '2024-01-16 13:32:60'],
    state: ['In Progress', 'IN_PROGRESS', 'constructor'],
    ...{ description: [['test']], contact: [5], feedback: [true] },
    maintenance_picture_url: ['https://test.akubela.com/p', ['x', null]],
  };

  it('that cannot be decoded is null with an error, and the others are not affected', async () => {
    const bad = MEMBERS.flatMap((member) => UNDECODABLE[member].map((value) => [member, value, null] as const));
    const all = [...DECODED, ...bad];
    const tickets = all.map(([member, value], index) => ({ ...GOOD, maintenance_id: `m${index}`, [member]: value }));
    answerWith(subgraph.upstream, [...tickets, GOOD]);
    const answer = await subgraph.ask(`{ ${LIST} { ${ALL} } }`);
    const good = answer.data.maintenances.pop();
    const expected = all.map(([member, , decoded]) => ({ ...good, [FIELDS[member]]: decoded }));
    expect(answer.data.maintenances).toEqual(expected);
    const pathOf = (member: Member, index: number) => `maintenances.${DECODED.length + index}.${FIELDS[member]}`;
    expect(codes(answer)).toEqual(bad.map(([member], index) => [INVALID, pathOf(member, index)]));
    const commandId = subgraph.upstream.received[0]?.id;
    expect(answer.errors[0]?.extensions).toMatchObject({ command: 'get_maintenance_list', commandId });
  });
});

it('any JSON reply leads to well-formed data with each good ticket, and typed errors at their paths', async () => {
  const member = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(GOOD), 'x\ud83d', ['\udc27']));
  const names = ['maintenance_id', ...MEMBERS];
  const ticket = fc.record(Object.fromEntries(names.map((name) => [name, member])), { requiredKeys: [] });
  const good = { ...GOOD, maintenance_id: 'good' };
  const list = fc.array(fc.oneof(ticket, fc.jsonValue())).map((tickets) => [...tickets, good]);
  const result = fc.oneof(fc.jsonValue(), ticket, list);
  const reply = fc.oneof(fc.jsonValue(), ...times(2, () => fc.record({ success: fc.constant(true), result })));
  const variables = { r: [{ __typename: 'Maintenance', id: `${R}:m1` }] };
  const query = `query ($r: [_Any!]!) {
    maintenances(residenceId: "${R}", orderBy: CREATED_TIME_DESC) { id maintenanceId ${ALL} }
    maintenance(id: "other:m1") { id ${ALL} }
    _entities(representations: $r) { ... on Maintenance { id ${ALL} } }
  }`;
  const GOOD_ANSWER = expect.objectContaining({ maintenanceId: 'good', description: 'test', state: 'IN_PROGRESS' });
  const statuses = fc.constantFrom(...times(3, () => 200), 201, 400, 404);
  await fc.assert(
    fc.asyncProperty(reply, statuses, async (body, status) => {
      const reply = JSON.stringify(body);
      subgraph.upstream.fail(() => ({ status, body: reply }));
      const answer = await subgraph.ask(query, { variables });
      expect(answer.status).toBe(200);
      expect(answer.data).toHaveProperty('maintenances');
      if (status < 300 && reply.includes('"good"')) expect(answer.data.maintenances).toContainEqual(GOOD_ANSWER);
      // JSON.stringify escapes only lone surrogates in this form.
      expect(JSON.stringify(answer.data)).not.toMatch(/\\ud[89a-f]/);
      for (const { extensions, path } of answer.errors) {
        expect([INVALID, 'COMMAND_REJECTED']).toContain(extensions.code);
        expect(path).toBeDefined();
      }
    }),
    { numRuns: 200 },
  );
});
