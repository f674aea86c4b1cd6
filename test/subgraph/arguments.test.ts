import { describe, expect, it } from '@jest/globals';
import { create, deleteMany, deleteOne, detail, entities, type FieldQuery, list, times } from '../support/requests.ts';
import { NEW_MAINTENANCE } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const MALFORMED = 'must be the id of a Maintenance: "<residence id>:<maintenance id>", each of at most 256 characters';
const UNUSABLE = 'must be 1 to 256 characters of well-formed Unicode';
const LATER = 'input.finishTime must be later than input.startTime';

const subgraph = useSubgraph();

describe('a field with faulty arguments', () => {
  const lists = (states: unknown): FieldQuery => ({
    query: `query ($r: [_Any!]!, $states: [MaintenanceState!]) {
      _entities(representations: $r) { ... on Residence { maintenances(first: -1, offset: -2, states: $states) { id } } }
    }`,
    variables: { states, r: [{ __typename: 'Residence', id: 'r1' }] },
    path: ['_entities', 0, 'maintenances'],
  });
  const faultyList = { states: times(101, () => 'CLOSED'), first: -1, offset: -2 };
  const FAULTS_OF_LIST = [
    'states must not hold more than 100 entries',
    'first must not be negative',
    'offset must not be negative',
  ];

  // White space, control and formatting characters, fillers, and the empty Braille cell.
  const INVISIBLE =
    ' \t\n\v\f\r\u00a0\u1680\u2003\u2028\u202f\u205f\u3000\ufeff\u0000\u0007\u001b\u0085\u00ad\u180e' +
    '\u200b\u202e\u2066\ufff9\u115f\u3164\u034f\ufe0f\u2800';
  /** The request and each fault that its error names. */
  const FAULTY: [string, FieldQuery, string[]][] = [
    ['the least offset', list({ offset: -(2 ** 31) }), ['offset must not be negative']],
    ['a malformed id', detail('m1'), [`id ${MALFORMED}`]],
    ['an id with another escape', detail('r%2F:m'), [`id ${MALFORMED}`]],
    ['a number for an id', detail(5), [`id ${MALFORMED}`]],
    ['a malformed id to delete', deleteOne('m1'), [`id ${MALFORMED}`]],
    ['no ids to delete', deleteMany([]), ['ids must not be empty']],
    ['5,000 ids to delete', deleteMany(times(5000, () => 'r:m')), ['ids must not hold more than 500 entries']],
    ['one malformed id of 500', deleteMany([...times(499, (i) => `r:m${i}`), 'canary']), [`ids[499] ${MALFORMED}`]],
    ['an end a fraction after the beginning', create({ finishTime: '2024-01-16T13:32:45.9Z' }), [LATER]],
    ['only invisible characters', create({ description: INVISIBLE }), ['input.description must not be blank']],
    ['four faults in a list', list({ residenceId: '', ...faultyList }), [`residenceId ${UNUSABLE}`, ...FAULTS_OF_LIST]],
    ['three faults in the list of a residence', lists(faultyList.states), FAULTS_OF_LIST],
    [
      'an empty form',
      create({ residenceId: '', startTime: '', finishTime: '2024-02-31T00:00:00Z', description: '', contact: '' }),
      [
        `input.residenceId ${UNUSABLE}`,
        'input.startTime must be RFC 3339 with an offset, like 2024-01-16T13:32:45Z',
        'input.finishTime is not a day of the calendar',
        'input.description must not be blank',
        'input.contact must not be blank',
      ],
    ],
    [
      'six faults in an input',
      create({
        residenceId: 'x'.repeat(257),
        finishTime: NEW_MAINTENANCE.startTime,
        description: ' ',
        contact: 'x'.repeat(1001),
        pictureFilenames: ['x', 'x'.repeat(257), ''],
      }),
      [
        `input.residenceId ${UNUSABLE}`,
        LATER,
        'input.description must not be blank',
        'input.contact must not be longer than 1000 characters',
        'input.pictureFilenames[1] must not be longer than 256 characters',
        'input.pictureFilenames[2] must not be blank',
      ],
    ],
    [
      'too many file names, each of them blank',
      create({ contact: '', pictureFilenames: times(21, () => '') }),
      ['input.contact must not be blank', 'input.pictureFilenames must not hold more than 20 entries'],
    ],
    [
      '30 malformed ids, of which the error names 20',
      deleteMany(['r:m', ...times(30, () => 'x')]),
      times(20, (index) => `ids[${index + 1}] ${MALFORMED}`),
    ],
    [
      'ids of too many residences and a malformed id',
      deleteMany([...times(101, (index) => `r${index}:m`), 'x']),
      ['ids must not be of more than 100 residences', `ids[101] ${MALFORMED}`],
    ],
    [
      'two faults in the second key of a representation',
      entities([{ __typename: 'Maintenance', residence: { id: '' }, maintenanceId: 7 }]),
      [`representations.residence.id ${UNUSABLE}`, `representations.maintenanceId ${UNUSABLE}`],
    ],
  ];

  it.each(FAULTY)('is refused before any command: %s', async (_, { query, variables, path }, faults) => {
    const answer = await subgraph.ask(query, { variables });
    const named = faults.map((fault) => ({ argument: fault.split(' ')[0], message: fault.replace(/^\S+ /, '') }));
    const more = faults.length > 1 ? ` ${faults.length - 1} more in extensions.arguments.` : '';
    const message = `Argument "${named[0]?.argument}" ${named[0]?.message}.${more}`;
    const outcome = query.startsWith('mutation') ? { outcome: 'NOT_SENT' } : {};
    const extensions = { code: 'BAD_USER_INPUT', arguments: named, ...outcome };
    expect(answer.errors).toEqual([{ message, path, extensions }]);
    expect(answer.data).toHaveProperty(path.map(String), null);
    expect(answer.status).toBe(200);
    expect(subgraph.upstream.commands()).toEqual([]);
    expect(JSON.stringify(answer) + subgraph.logText()).not.toContain('canary');
  });
});

describe('a request that GraphQL refuses', () => {
  const NULLED = 'query ($id: ID = "r:m") { maintenance(id: $id) { id } }';
  const CREATE = `mutation { createMaintenance(input: { residenceId: "r", startTime: START, finishTime: "2025-01-01T00:00:00Z",
    description: "x", contact: "x" }) { id } }`;
  const VALIDATION = 'GRAPHQL_VALIDATION_FAILED';
  type Request = Pick<FieldQuery, 'query'> & Partial<FieldQuery>;
  const canary = { canary: 'canary', toString: 'canary', toJSON: 'canary', length: 1e9 };

  it.each<[string, Request, string]>([
    ['a number for a time', create({ startTime: 1705411965 }), 'BAD_USER_INPUT'],
    ['a number for a time in the document', { query: CREATE.replace('START', '5') }, VALIDATION],
    ['an object for a time', create({ startTime: canary }), 'BAD_USER_INPUT'],
    ['an object for a text', create({ contact: canary }), 'BAD_USER_INPUT'],
    ['a list for a file name', create({ pictureFilenames: ['x', ['canary']] }), 'BAD_USER_INPUT'],
    ['an unknown member', create({ constructor: 'canary' }), 'BAD_USER_INPUT'],
    ['null for an id through a variable with a default', { query: NULLED, variables: { id: null } }, 'BAD_USER_INPUT'],
    ['60 objects for ids', deleteMany(times(60, () => canary)), 'BAD_USER_INPUT'],
    ['first above 32 bits', list({ first: 2 ** 31 }), 'BAD_USER_INPUT'],
  ])('gets a code, and no command is sent: %s', async (_, { query, variables = {} }, code) => {
    const { status, data, errors } = await subgraph.ask(query, { variables });
    expect(status).toBe(200);
    expect([...new Set(errors.map(({ extensions }) => extensions.code))]).toEqual([code]);
    expect(data ?? { maintenance: null }).toEqual({ maintenance: null });
    expect(subgraph.upstream.commands()).toEqual([]);
    expect(subgraph.logText()).not.toContain('canary');
  });

  it('gets a message of 503 characters that names the fault after a value of 100,000', async () => {
    const { query, variables } = create({ description: 'x'.repeat(100_000), contact: undefined });
    const { errors } = await subgraph.ask(query, { variables });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    expect(errors[0]?.message).toHaveLength(503);
    expect(errors[0]?.message).toMatch(
      /^Variable "\$input" got invalid value .+Field "contact" of required type "String!" was not provided\.$/,
    );
  });

  it.each([
    ['names the fault after a quoted suggestion', 'a Did you mean it', /"a Did you mean it".+Int cannot represent/],
    ['is well-formed where it is cut', '😀'.repeat(400), / … /],
    ['is well-formed where the value is not', 'x\ud83d', /Int cannot represent non-integer/],
  ])('gets a message that %s', async (_, first, wording) => {
    const { query, variables } = list({ first });
    const { errors } = await subgraph.ask(query, { variables });
    expect(errors[0]?.message).toMatch(wording);
    expect(errors[0]?.message.isWellFormed()).toBe(true);
  });
});
