import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EXAMPLE } from '../../dev/seed.ts';
import { codes } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const GOOD = {
  maintenance_id: 'm1',
  start_time: '2024-01-16 13:32:45',
  finish_time: '2024-01-17 13:32:45',
  description: 'test',
  contact: '10086',
  maintenance_picture_url: ['https://test.akubela.com/p'],
  feedback: 'test',
  state: 'in progress',
  created_time: '2024-01-12 13:32:45',
};
const FIELDS: [keyof typeof GOOD, string][] = [
  ['start_time', 'startTime'],
  ['finish_time', 'finishTime'],
  ['created_time', 'createdTime'],
  ['description', 'description'],
  ['contact', 'contact'],
  ['feedback', 'feedback'],
  ['maintenance_picture_url', 'pictureUrls'],
  ['state', 'state'],
];
const ALL = FIELDS.map(([, field]) => field).join(' ');
const LIST = `{ maintenances(residenceId: "${R}") { id ${ALL} } }`;

const subgraph = useSubgraph();
const lists = (...tickets: unknown[]) => subgraph.upstream.fail(() => ({ body: { success: true, result: tickets } }));

describe('a bad member nulls its field alone', () => {
  const BAD: [keyof typeof GOOD, unknown][] = [
    ...FIELDS.flatMap(([member]): [keyof typeof GOOD, unknown][] => [
      [member, 5],
      [member, {}],
      [member, true],
    ]),
    ...(['start_time', 'finish_time', 'created_time'] as const).flatMap((member): [keyof typeof GOOD, unknown][] =>
      [
        'soon',
        '2024-01-16',
        '2024-01-16T13:32:45Z',
        '2024-02-30 00:00:00',
        '2024-01-16 24:00:00',
        '0000-00-00 00:00:00',
        ' 2024-01-16 13:32:45',
        '2024-01-16 13:32:60',
        '١٢٣٤-01-16 13:32:45',
      ].map((time) => [member, time]),
    ),
    ['state', 'lost'],
    ['state', 'In Progress'],
    ['state', 'IN_PROGRESS'],
    ['state', 'constructor'],
    ['description', ['test']],
    ['maintenance_picture_url', 'https://test.akubela.com/p'],
    ['maintenance_picture_url', ['https://test.akubela.com/p', null]],
    ['maintenance_picture_url', [5]],
  ];

  it.each(BAD)('%s: %j', async (member, value) => {
    const [, field = ''] = FIELDS.find(([name]) => name === member) ?? [];
    lists({ ...GOOD, [member]: value }, { ...GOOD, maintenance_id: 'm2' });
    const answer = await subgraph.ask(LIST);
    expect(codes(answer)).toEqual([['UPSTREAM_INVALID_RESPONSE', `maintenances.0.${field}`]]);
    expect(answer.errors[0]?.extensions).toMatchObject({
      command: 'get_maintenance_list',
      commandId: subgraph.upstream.received[0]?.id,
    });
    const [bad, good] = answer.data.maintenances;
    expect(good).toMatchObject({ id: `${R}:m2`, description: 'test', state: 'IN_PROGRESS' });
    expect(bad).toEqual({ ...good, id: `${R}:m1`, [field]: null });
  });

  it('has no error where the field was not asked for', async () => {
    lists({ ...GOOD, state: 'lost', created_time: 5, description: {} });
    const { data, errors } = await subgraph.ask(`{ maintenances(residenceId: "${R}") { id contact } }`);
    expect(errors).toEqual([]);
    expect(data.maintenances).toEqual([{ id: `${R}:m1`, contact: '10086' }]);
  });

  it('has an error for each alias of the field', async () => {
    lists({ ...GOOD, state: 'lost' });
    expect(codes(await subgraph.ask(`{ maintenances(residenceId: "${R}") { a: state b: state } }`))).toEqual([
      ['UPSTREAM_INVALID_RESPONSE', 'maintenances.0.a'],
      ['UPSTREAM_INVALID_RESPONSE', 'maintenances.0.b'],
    ]);
  });

  it('is the same in an info', async () => {
    subgraph.upstream.fail(() => ({ body: { success: true, result: { ...GOOD, created_time: 'soon' } } }));
    const answer = await subgraph.ask(`{ maintenance(id: "${R}:m1") { createdTime state } }`);
    expect(codes(answer)).toEqual([['UPSTREAM_INVALID_RESPONSE', 'maintenance.createdTime']]);
    expect(answer.data).toEqual({ maintenance: { createdTime: null, state: 'IN_PROGRESS' } });
  });
});

describe('a member that says nothing is null, without an error', () => {
  const SILENT: [keyof typeof GOOD, unknown][] = [
    ...FIELDS.flatMap(([member]): [keyof typeof GOOD, unknown][] => [
      [member, null],
      [member, undefined],
    ]),
    ['start_time', ''],
    ['finish_time', ''],
    ['created_time', ''],
    ['state', ''],
  ];

  it.each(SILENT)('%s: %j', async (member, value) => {
    const [, field = ''] = FIELDS.find(([name]) => name === member) ?? [];
    lists({ ...GOOD, [member]: value });
    const { data, errors } = await subgraph.ask(LIST);
    expect(errors).toEqual([]);
    expect(data.maintenances[0][field]).toBeNull();
  });

  it('but an empty text is a text, and no pictures are no pictures', async () => {
    lists({ ...GOOD, feedback: '', maintenance_picture_url: [] });
    const { data } = await subgraph.ask(LIST);
    expect(data.maintenances[0]).toMatchObject({ feedback: '', pictureUrls: [] });
  });
});

describe('a ticket without a usable id', () => {
  it('is left out of the list and logged', async () => {
    const { maintenance_id: _, ...nameless } = GOOD;
    const named = ['', 5, 'x\ud83d', '\udc27', 'x'.repeat(257), 'x'.repeat(256)].map((maintenance_id) => ({
      ...GOOD,
      maintenance_id,
    }));
    lists(nameless, ...named, null, 'ticket', [GOOD], GOOD);
    const { data, errors } = await subgraph.ask(LIST);
    expect(errors).toEqual([]);
    expect(data.maintenances.map(({ id }: { id: string }) => id)).toEqual([`${R}:${'x'.repeat(256)}`, `${R}:m1`]);
    expect(subgraph.logs().find(({ msg }) => msg === 'operation')).toMatchObject({
      commands: [{ name: 'get_maintenance_list', dropped: 9 }],
    });
  });
});

it('takes the first of two tickets with the same id for a detail, and lists both', async () => {
  lists(GOOD, { ...GOOD, description: 'second' });
  const { data } = await subgraph.ask(
    `{ maintenances(residenceId: "${R}") { description } maintenance(id: "${R}:m1") { description } }`,
  );
  expect(data).toEqual({
    maintenances: [{ description: 'test' }, { description: 'second' }],
    maintenance: { description: 'test' },
  });
});

describe('whatever JSON the command API answers', () => {
  const member = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(GOOD), 'x\ud83d', ['\udc27']));
  const ticket = fc.record(
    Object.fromEntries(Object.keys(GOOD).map((name) => [name, member])) as Record<keyof typeof GOOD, typeof member>,
    { requiredKeys: [] },
  );
  const reply = fc.oneof(
    fc.jsonValue(),
    fc.record({ success: fc.constant(true), result: fc.oneof(fc.jsonValue(), ticket, fc.array(ticket)) }),
    fc.record({ success: fc.constant(true), result: fc.array(fc.oneof(ticket, fc.jsonValue())) }),
  );

  it('the answer is 200 and well-formed text, with typed errors at their paths and nothing unforeseen', async () => {
    await fc.assert(
      fc.asyncProperty(reply, fc.constantFrom(200, 200, 200, 201, 400, 404), async (body, status) => {
        subgraph.upstream.fail(() => ({ status, body: JSON.stringify(body) }));
        const answer = await subgraph.ask(
          `query ($r: [_Any!]!) {
            maintenances(residenceId: "${R}", orderBy: CREATED_TIME_DESC) { id maintenanceId ${ALL} }
            maintenance(id: "other:m1") { id ${ALL} }
            _entities(representations: $r) { ... on Maintenance { id ${ALL} } }
          }`,
          { variables: { r: [{ __typename: 'Maintenance', id: `${R}:m1` }] } },
        );
        expect(answer.status).toBe(200);
        expect(answer.data).toHaveProperty('maintenances');
        // JSON.stringify escapes half a surrogate pair, and nothing else of that form.
        expect(JSON.stringify(answer.data)).not.toMatch(/\\ud[89a-f]/);
        for (const { extensions, path } of answer.errors) {
          expect(['UPSTREAM_INVALID_RESPONSE', 'COMMAND_REJECTED']).toContain(extensions.code);
          expect(path).toBeDefined();
        }
      }),
      { numRuns: 300 },
    );
  });
});
