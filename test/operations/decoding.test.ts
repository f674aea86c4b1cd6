import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EXAMPLE, exampleTicket } from '../../dev/seed.ts';
import { codes } from '../support/ask.ts';
import { times } from '../support/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const GOOD = { ...exampleTicket(), maintenance_id: 'm1' };
const SECOND = { ...GOOD, maintenance_id: 'm2' };
const FIELDS = {
  ...{ start_time: 'startTime', finish_time: 'finishTime', created_time: 'createdTime', state: 'state' },
  ...{ description: 'description', contact: 'contact', feedback: 'feedback', maintenance_picture_url: 'pictureUrls' },
};
type Member = keyof typeof FIELDS;
const MEMBERS = Object.keys(FIELDS) as Member[];
const ALL = Object.values(FIELDS).join(' ');
const LIST = `{ maintenances(residenceId: "${R}") { id ${ALL} } }`;

const subgraph = useSubgraph();
const answerWith = (result: unknown) => subgraph.upstream.fail(() => ({ body: { success: true, result } }));
describe('a member of a ticket', () => {
  // test/operations/members.test.ts has the values that can be decoded, and others that cannot.
  it.each(MEMBERS)('that cannot be decoded makes only its own field null, with an error: %s', async (member) => {
    const field = FIELDS[member];
    answerWith([{ ...GOOD, [member]: 5 }, SECOND]);
    const answer = await subgraph.ask(LIST);
    expect(codes(answer)).toEqual([['UPSTREAM_INVALID_RESPONSE', `maintenances.0.${field}`]]);
    const commandId = subgraph.upstream.received[0]?.id;
    expect(answer.errors[0]?.extensions).toMatchObject({ command: 'get_maintenance_list', commandId });
    const [bad, good] = answer.data.maintenances;
    expect(good).toMatchObject({ id: `${R}:m2`, description: 'test', state: 'IN_PROGRESS' });
    expect(bad).toEqual({ ...good, id: `${R}:m1`, [field]: null });
  });

  it.each([
    ['no error if its field is not selected', 'contact', []],
    ['an error for each alias of its field', 'a: state b: state', ['maintenances.0.a', 'maintenances.0.b']],
  ])('that cannot be decoded has %s', async (_, selection, paths) => {
    answerWith([{ ...GOOD, state: 'lost' }]);
    const answer = await subgraph.ask(`{ maintenances(residenceId: "${R}") { ${selection} } }`);
    expect(codes(answer)).toEqual(paths.map((path) => ['UPSTREAM_INVALID_RESPONSE', path]));
  });

  it('that cannot be decoded makes only its own field null in a detail', async () => {
    answerWith({ ...GOOD, created_time: 'soon' });
    const answer = await subgraph.ask(`{ maintenance(id: "${R}:m1") { createdTime state } }`);
    expect(codes(answer)).toEqual([['UPSTREAM_INVALID_RESPONSE', 'maintenance.createdTime']]);
    expect(answer.data).toEqual({ maintenance: { createdTime: null, state: 'IN_PROGRESS' } });
  });
});

it('a ticket without a usable id is left out of the list and logged', async () => {
  const { maintenance_id: _, ...nameless } = GOOD;
  const ids = ['', 5, 'x\ud83d', '\udc27', 'x'.repeat(257), 'x'.repeat(256)];
  answerWith([nameless, ...ids.map((id) => ({ ...GOOD, maintenance_id: id })), null, 'ticket', [GOOD], GOOD]);
  const { data, errors } = await subgraph.ask(`{ maintenances(residenceId: "${R}") { maintenanceId } }`);
  expect(errors).toEqual([]);
  expect(data.maintenances).toEqual([{ maintenanceId: 'x'.repeat(256) }, { maintenanceId: 'm1' }]);
  expect(subgraph.logs().find(({ msg }) => msg === 'operation')).toMatchObject({
    commands: [{ name: 'get_maintenance_list', dropped: 9 }],
  });
});

it('two tickets with the same id are both in the list, and the detail is the first', async () => {
  answerWith([GOOD, { ...GOOD, description: 'second' }]);
  const { data } = await subgraph.ask(
    `{ maintenances(residenceId: "${R}") { description } maintenance(id: "${R}:m1") { description } }`,
  );
  expect(data).toEqual({
    maintenances: [{ description: 'test' }, { description: 'second' }],
    maintenance: { description: 'test' },
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
        expect(['UPSTREAM_INVALID_RESPONSE', 'COMMAND_REJECTED']).toContain(extensions.code);
        expect(path).toBeDefined();
      }
    }),
    { numRuns: 300 },
  );
});
