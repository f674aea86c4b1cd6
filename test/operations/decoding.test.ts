/** How the members of a reply are decoded. A member that cannot be decoded fails alone. */
import { expect, it } from '@jest/globals';
import { exampleTicket } from '../../dev/maintenance/seed.ts';
import { codes } from '../support/ask.ts';
import { answerWith, R } from '../support/maintenance/requests.ts';
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

it('a member of a ticket that cannot be decoded is null with an error, and the others are not affected', async () => {
  const bad = MEMBERS.flatMap((member) => UNDECODABLE[member].map((value) => [member, value, null] as const));
  const all = [...DECODED, ...bad];
  const tickets = all.map(([member, value], index) => ({ ...GOOD, maintenance_id: `m${index}`, [member]: value }));
  // Tickets without a usable id are left out.
  const dropped = [null, 5, 'x', [GOOD], {}, { ...GOOD, maintenance_id: '' }];
  answerWith(subgraph.upstream, [...dropped, ...tickets, GOOD]);
  const answer = await subgraph.ask(`{ ${LIST} { ${ALL} } }`);
  const good = answer.data.maintenances.pop();
  const expected = all.map(([member, , decoded]) => ({ ...good, [FIELDS[member]]: decoded }));
  expect(answer.data.maintenances).toEqual(expected);
  const pathOf = (member: Member, index: number) => `maintenances.${DECODED.length + index}.${FIELDS[member]}`;
  expect(codes(answer)).toEqual(bad.map(([member], index) => [INVALID, pathOf(member, index)]));
  const commandId = subgraph.upstream.received[0]?.id;
  expect(answer.errors[0]?.extensions).toMatchObject({ command: 'get_maintenance_list', commandId });
});

it.each([
  ['maintenances', 'residenceId: "r"', GOOD],
  ['maintenance', 'id: "r:m1"', [GOOD]],
])('%s fails after a result of another form', async (field, argument, result) => {
  answerWith(subgraph.upstream, result);
  expect(codes(await subgraph.ask(`{ ${field}(${argument}) { id } }`))).toEqual([[INVALID, field]]);
});
