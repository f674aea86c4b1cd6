import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { codes, NEW_MAINTENANCE } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const MUTATE = 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }';
const DELETE = 'mutation ($ids: [ID!]!) { deleteMaintenances(ids: $ids) { deletedIds } }';

const subgraph = useSubgraph();

/** The operation, its variables, and the path and wording of the one refusal that it must bring. */
const REFUSED: [string, string, Record<string, unknown>, string, string][] = [
  [
    'an empty residence id',
    '{ maintenances(residenceId: "") { id } }',
    {},
    'maintenances',
    '"residenceId" must be 1 to 256 characters',
  ],
  [
    'a negative first',
    `{ maintenances(residenceId: "${R}", first: -1) { id } }`,
    {},
    'maintenances',
    '"first" must not be negative',
  ],
  [
    'a negative offset',
    `{ maintenances(residenceId: "${R}", offset: -1) { id } }`,
    {},
    'maintenances',
    '"offset" must not be negative',
  ],
  [
    'an id without a colon',
    '{ maintenance(id: "m1") { id } }',
    {},
    'maintenance',
    '"id" must be the id of a Maintenance',
  ],
  ['an id with two colons', '{ maintenance(id: "r:m:x") { id } }', {}, 'maintenance', '"id"'],
  ['an id without a residence', '{ maintenance(id: ":m") { id } }', {}, 'maintenance', '"id"'],
  ['an id without a ticket', '{ maintenance(id: "r:") { id } }', {}, 'maintenance', '"id"'],
  ['an empty id', '{ maintenance(id: "") { id } }', {}, 'maintenance', '"id"'],
  ['a number for an id', '{ maintenance(id: 5) { id } }', {}, 'maintenance', '"id"'],
  ['an id with a bare percent sign', '{ maintenance(id: "r%:m") { id } }', {}, 'maintenance', '"id"'],
  ['an id with another escape', '{ maintenance(id: "r%2F:m") { id } }', {}, 'maintenance', '"id"'],
  ['a malformed id to delete', 'mutation { deleteMaintenance(id: "m1") { id } }', {}, 'deleteMaintenance', '"id"'],
  ['no ids', DELETE, { ids: [] }, 'deleteMaintenances', '"ids" must not be empty'],
  [
    '501 ids',
    DELETE,
    { ids: Array.from({ length: 501 }, (_, i) => `r:${i}`) },
    'deleteMaintenances',
    '"ids" must not hold more than 500',
  ],
  [
    'an empty residence id to create in',
    MUTATE,
    { input: { ...NEW_MAINTENANCE, residenceId: '' } },
    'createMaintenance',
    '"input.residenceId" must be 1 to 256 characters',
  ],
  [
    'a blank description',
    MUTATE,
    { input: { ...NEW_MAINTENANCE, description: ' \n\t　' } },
    'createMaintenance',
    '"input.description" must not be blank',
  ],
  [
    'an invisible description',
    MUTATE,
    { input: { ...NEW_MAINTENANCE, description: '\u200b\u202e\u0000' } },
    'createMaintenance',
    '"input.description" must not be blank',
  ],
  [
    'an empty contact',
    MUTATE,
    { input: { ...NEW_MAINTENANCE, contact: '' } },
    'createMaintenance',
    '"input.contact" must not be blank',
  ],
  [
    'an end at the beginning',
    MUTATE,
    { input: { ...NEW_MAINTENANCE, finishTime: NEW_MAINTENANCE.startTime } },
    'createMaintenance',
    '"input.finishTime" must be later',
  ],
  [
    'an end a fraction after the beginning',
    MUTATE,
    { input: { ...NEW_MAINTENANCE, finishTime: '2024-01-16T13:32:45.9Z' } },
    'createMaintenance',
    '"input.finishTime" must be later',
  ],
  [
    'an end before the beginning by its offset',
    MUTATE,
    { input: { ...NEW_MAINTENANCE, finishTime: '2024-01-16T14:00:00+08:00' } },
    'createMaintenance',
    '"input.finishTime" must be later',
  ],
];

describe('is refused before any command', () => {
  it.each(REFUSED)('%s', async (_, operation, variables, path, wording) => {
    const answer = await subgraph.ask(operation, { variables });
    expect(answer.status).toBe(200);
    expect(codes(answer)).toEqual([['BAD_USER_INPUT', path]]);
    expect(answer.errors[0]?.message).toContain(`Argument ${wording}`);
    const [, argument, message = ''] = /^"(.+?)" ?(.*)$/.exec(wording) ?? [];
    const fault = { argument, message: expect.stringContaining(message) };
    expect(answer.errors[0]?.extensions.arguments).toEqual([fault]);
    expect(answer.errors[0]?.extensions.outcome).toBe(operation.startsWith('mutation') ? 'NOT_SENT' : undefined);
    expect(answer.data).toEqual({ [path]: null });
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('costs the fields beside it nothing', async () => {
    const answer = await subgraph.ask(
      `{ bad: maintenances(residenceId: "${R}", first: -1) { id } good: maintenances(residenceId: "${R}") { id } }`,
    );
    expect(codes(answer)).toEqual([['BAD_USER_INPUT', 'bad']]);
    expect(answer.data).toEqual({ bad: null, good: [{ id: `${R}:${EXAMPLE.maintenanceId}` }] });
  });
});

describe('every fault is told at once', () => {
  const many = (count: number, text = 'x') => Array.from({ length: count }, () => text);
  const ALL_OF_A_LIST = [
    'residenceId must be 1 to 256 characters of well-formed Unicode',
    'states must not hold more than 100 entries',
    'first must not be negative',
    'offset must not be negative',
  ];
  const MALFORMED =
    'must be the id of a Maintenance: "<residence id>:<maintenance id>", each of at most 256 characters';
  const LIST_ARGUMENTS = 'first: -1, offset: -2, states: $states';
  const STATES = { states: many(101, 'CLOSED') };
  const ENTITIES = 'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }';
  const CASES: [string, string, Record<string, unknown>, (string | number)[], string[]][] = [
    [
      'of a list',
      `query ($states: [MaintenanceState!]) { maintenances(residenceId: "", ${LIST_ARGUMENTS}) { id } }`,
      STATES,
      ['maintenances'],
      ALL_OF_A_LIST,
    ],
    [
      'of the list of a residence',
      `query ($r: [_Any!]!, $states: [MaintenanceState!]) {
        _entities(representations: $r) { ... on Residence { maintenances(${LIST_ARGUMENTS}) { id } } }
      }`,
      { ...STATES, r: [{ __typename: 'Residence', id: 'r1' }] },
      ['_entities', 0, 'maintenances'],
      ALL_OF_A_LIST.slice(1),
    ],
    [
      'of a request to file',
      MUTATE,
      {
        input: {
          residenceId: 'x'.repeat(257),
          startTime: NEW_MAINTENANCE.startTime,
          finishTime: NEW_MAINTENANCE.startTime,
          description: ' ',
          contact: 'x'.repeat(1001),
          pictureFilenames: ['x', 'x'.repeat(257), ''],
        },
      },
      ['createMaintenance'],
      [
        'input.residenceId must be 1 to 256 characters of well-formed Unicode',
        'input.finishTime must be later than input.startTime',
        'input.description must not be blank',
        'input.contact must not be longer than 1000 characters',
        'input.pictureFilenames[1] must not be longer than 256 characters',
        'input.pictureFilenames[2] must not be blank',
      ],
    ],
    [
      'of file names only where there are not too many',
      MUTATE,
      { input: { ...NEW_MAINTENANCE, contact: '', pictureFilenames: many(21, '') } },
      ['createMaintenance'],
      ['input.contact must not be blank', 'input.pictureFilenames must not hold more than 20 entries'],
    ],
    [
      'of ids to delete, the first 20',
      DELETE,
      { ids: ['r:m', ...many(30)] },
      ['deleteMaintenances'],
      many(20).map((_, index) => `ids[${index + 1}] ${MALFORMED}`),
    ],
    [
      'of ids to delete, of too many residences too',
      DELETE,
      { ids: [...many(101).map((_, index) => `r${index}:m`), 'x'] },
      ['deleteMaintenances'],
      ['ids must not be of more than 100 residences', `ids[101] ${MALFORMED}`],
    ],
    [
      'of the second key of a representation',
      ENTITIES,
      { r: [{ __typename: 'Maintenance', residence: { id: '' }, maintenanceId: 7 }] },
      ['_entities', 0],
      [
        'representations.residence.id must be 1 to 256 characters of well-formed Unicode',
        'representations.maintenanceId must be 1 to 256 characters of well-formed Unicode',
      ],
    ],
  ];

  it.each(CASES)('%s', async (_, operation, variables, path, faults) => {
    const { errors } = await subgraph.ask(operation, { variables });
    const first = faults[0]?.replace(/^(\S+) (.*)$/, 'Argument "$1" $2.');
    expect(errors).toMatchObject([
      {
        message: `${first} ${faults.length - 1} more in extensions.arguments.`,
        path,
        extensions: { code: 'BAD_USER_INPUT' },
      },
    ]);
    const told = errors[0]?.extensions.arguments as { argument: string; message: string }[];
    expect(told.map(({ argument, message }) => `${argument} ${message}`)).toEqual(faults);
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('is refused by graphql, with a code, and no command is sent', () => {
  const NULLED = 'query ($id: ID = "r:m") { maintenance(id: $id) { id } }';
  const CASES: [string, string, Record<string, unknown>, string][] = [
    [
      '31 February in a variable',
      MUTATE,
      { input: { ...NEW_MAINTENANCE, startTime: '2024-02-31T00:00:00Z' } },
      'BAD_USER_INPUT',
    ],
    [
      '31 February in the document',
      `mutation { createMaintenance(input: { residenceId: "r", startTime: "2024-02-31T00:00:00Z", finishTime: "2025-01-01T00:00:00Z", description: "x", contact: "x" }) { id } }`,
      {},
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'a number for a time in the document',
      `mutation { createMaintenance(input: { residenceId: "r", startTime: 5, finishTime: "2025-01-01T00:00:00Z", description: "x", contact: "x" }) { id } }`,
      {},
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'an unknown state',
      `{ maintenances(residenceId: "${R}", states: [LOST]) { id } }`,
      {},
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['a null for an id through a variable with a default', NULLED, { id: null }, 'BAD_USER_INPUT'],
    ['a missing variable', MUTATE, {}, 'BAD_USER_INPUT'],
    ['an unknown member', MUTATE, { input: { ...NEW_MAINTENANCE, state: 'CLOSED' } }, 'BAD_USER_INPUT'],
    ['an object for a text', MUTATE, { input: { ...NEW_MAINTENANCE, contact: {} } }, 'BAD_USER_INPUT'],
    ['a null in ids', DELETE, { ids: ['r:m', null] }, 'BAD_USER_INPUT'],
    ['60 faulty ids', DELETE, { ids: Array.from({ length: 60 }, () => ({})) }, 'BAD_USER_INPUT'],
    [
      'a large number',
      'query ($n: Int) { maintenances(residenceId: "r", first: $n) { id } }',
      { n: 1e12 },
      'BAD_USER_INPUT',
    ],
    ['an unknown field', '{ maintenances(residenceId: "r") { price } }', {}, 'GRAPHQL_VALIDATION_FAILED'],
    ['a document that does not parse', '{ maintenances', {}, 'GRAPHQL_PARSE_FAILED'],
    ['two operations and no name', 'query A { __typename } query B { __typename }', {}, 'OPERATION_RESOLUTION_FAILURE'],
  ];

  it.each(CASES)('%s', async (_, operation, variables, code) => {
    const { status, errors } = await subgraph.ask(operation, { variables });
    expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set([code]));
    expect(status).toBe(200);
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('says nothing of names that would have fitted', async () => {
    const { errors } = await subgraph.ask('{ maintenance(id: "r:m") { descriptio } }');
    expect(errors[0]?.message).not.toMatch(/did you mean/i);
  });
});

it('says why a variable is refused, whatever the length of what it quotes', async () => {
  const { contact: _, ...input } = { ...NEW_MAINTENANCE, description: 'x'.repeat(100_000) };
  const { errors } = await subgraph.ask(MUTATE, { variables: { input } });
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
  expect(errors[0]?.message).toHaveLength(503);
  expect(errors[0]?.message).toMatch(
    /^Variable "\$input" got invalid value .+Field "contact" of required type "String!" was not provided\.$/,
  );
});

it('says why a variable is refused, whatever it quotes', async () => {
  const list = 'query ($first: Int) { maintenances(residenceId: "r", first: $first) { id } }';
  const quoting = await subgraph.ask(list, { variables: { first: 'a Did you mean it' } });
  expect(quoting.errors[0]?.message).toMatch(/"a Did you mean it".+Int cannot represent non-integer value/);
  const cut = await subgraph.ask(list, { variables: { first: '😀'.repeat(400) } });
  expect(cut.errors[0]?.message).toContain(' … ');
  expect(cut.errors[0]?.message.isWellFormed()).toBe(true);
  const lone = await subgraph.ask(list, { variables: { first: 'x\ud83d' } });
  expect(lone.errors[0]?.message.isWellFormed()).toBe(true);
});
