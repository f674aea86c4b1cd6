/**
 * Faults of arguments: all of a field are named at once before any command, and no value is repeated. sizes.test.ts has the
 * sizes.
 */
import { describe, expect, it } from '@jest/globals';
import { NEW_MAINTENANCE } from '../support/ask.ts';
import { create, deleteMany, type FieldQuery, list, request, times } from '../support/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

/** No answer and no log line may contain these marks. */
const [MARK, NUMBER] = ['canary', 20061977];
const LEAK = /canary|20061977/i;

const subgraph = useSubgraph();
const ask = ({ query, variables }: Omit<FieldQuery, 'path'>) => subgraph.ask(query, { variables });

/** Returns what an error has of these faults. Each begins with the name of its argument. */
function errorOf(faults: string[]): object {
  const named = faults.map((fault) => ({ argument: fault.split(' ')[0], message: fault.replace(/^\S+ /, '') }));
  const more = faults.length > 1 ? ` ${faults.length - 1} more in extensions.arguments.` : '';
  const message = `Argument "${faults[0]?.replace(' ', '" ')}.${more}`;
  return { message, extensions: { code: 'BAD_USER_INPUT', arguments: named } };
}

/** Expects that the operation is refused before it runs, with one error of these faults. */
async function expectRefusedWhole(request: Omit<FieldQuery, 'path'>, faults: string[]): Promise<void> {
  const answer = await ask(request);
  expect(answer.errors).toMatchObject([errorOf(faults)]);
  expect([answer.status, answer.data, answer.errors[0]?.path]).toEqual([200, undefined, undefined]);
  expect(subgraph.upstream.commands()).toEqual([]);
  expect(JSON.stringify(answer) + subgraph.logText()).not.toMatch(LEAK);
}

const NO_TIME = 'must be RFC 3339 with an offset, like 2024-01-16T13:32:45Z';

const MALFORMED = 'must be the id of a Maintenance: "<residence id>:<maintenance id>", each of at most 256 characters';
const UNUSABLE = 'must be 1 to 256 characters of well-formed Unicode';
const LATER = 'input.finishTime must be later than input.startTime';
// White space, control and formatting characters, fillers, and the empty Braille cell.
const INVISIBLE =
  ' \t\n\v\f\r\u00a0\u1680\u2003\u2028\u202f\u205f\u3000\ufeff\u0000\u0007\u001b\u0085\u00ad\u180e' +
  '\u200b\u202e\u2066\ufff9\u115f\u3164\u034f\ufe0f\u2800';

it.each<[string, FieldQuery, string[]]>([
  ['no ids to delete', deleteMany([]), ['ids must not be empty']],
  ['only invisible characters', create({ description: INVISIBLE }), ['input.description must not be blank']],
  [
    'four faults in a list',
    list({ residenceId: '', states: times(101, () => 'CLOSED'), first: -1, offset: -(2 ** 31) }),
    [
      `residenceId ${UNUSABLE}`,
      'states must not hold more than 100 entries',
      'first must not be negative',
      'offset must not be negative',
    ],
  ],
  [
    'five faults in an input, some of them of texts that are read as times',
    create({ residenceId: '', startTime: '', finishTime: '2024-02-31T00:00:00Z', description: '', contact: ' ' }),
    [
      `input.residenceId ${UNUSABLE}`,
      `input.startTime ${NO_TIME}`,
      'input.finishTime is not a day of the calendar',
      'input.description must not be blank',
      'input.contact must not be blank',
    ],
  ],
  [
    'faults of several members together and of entries of a list',
    create({ finishTime: NEW_MAINTENANCE.startTime, pictureFilenames: ['x', 'x'.repeat(257), ''] }),
    [
      LATER,
      'input.pictureFilenames[1] must not be longer than 256 characters',
      'input.pictureFilenames[2] must not be blank',
    ],
  ],
  [
    '30 malformed ids, of which the error names 20',
    deleteMany(['r:m', ...times(30, () => 'x')]),
    times(20, (index) => `ids[${index + 1}] ${MALFORMED}`),
  ],
])(
  'a field is refused before any command, by the names of its arguments: %s',
  async (_, { query, variables, path }, faults) => {
    const renamed = Object.entries(variables).map(([name, value]) => [`v_${name}`, value]);
    const answer = await ask({ query: query.replaceAll('$', '$v_'), variables: Object.fromEntries(renamed) });
    expect(answer.errors).toMatchObject([{ path, ...errorOf(faults) }]);
    expect(answer.errors[0]?.extensions.outcome).toBe(query.startsWith('mutation') ? 'NOT_SENT' : undefined);
    expect(answer.data).toHaveProperty(path.map(String), null);
    expect(answer.status).toBe(200);
    expect(subgraph.upstream.commands()).toEqual([]);
    expect(JSON.stringify(answer) + subgraph.logText()).not.toMatch(LEAK);
  },
);

describe('a time of the input', () => {
  it.each([
    ['2024-01-16t13:32:45.999999999z', '2024-01-16 13:32:45'],
    ['2024-02-29T23:59:59-00:01', '2024-03-01 00:00:59'],
    ['9999-12-31T23:59:59Z', '9999-12-31 23:59:59'],
  ])('is sent in UTC: %s as %s', async (finishTime, sent) => {
    expect((await ask(create({ startTime: '0000-01-01T00:00:00Z', finishTime }))).errors).toEqual([]);
    expect(subgraph.upstream.received).toMatchObject([{ param: { finish_time: sent } }]);
  });

  it.each([
    '2024-01-16T13:32:45',
    '2024-01-16T13:32:45.Z',
    '2024-01-16T13:32:45Z\n',
    '2024-01-16T13:32:45+0800',
    '2024-01-16T13:32:45+24:00',
    '2016-12-31T23:59:60Z',
    '0000-01-01T00:00:00+01:00',
  ])('is refused: %j', async (startTime) => {
    expect((await ask(create({ startTime }))).errors).toMatchObject([errorOf([`input.startTime ${NO_TIME}`])]);
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('a variable of a wrong type', () => {
  const CREATE = 'createMaintenance';
  const OBJECT = { canary: MARK, toString: MARK, toJSON: MARK, length: 1e9 };
  const be = (type: string) => `must be of the type ${type}`;
  const REQUIRED = 'is required';
  const FORM = {
    ...{ residenceId: true, startTime: NUMBER, finishTime: OBJECT, description: null },
    ...{ pictureFilenames: ['x', [MARK], null], colour: MARK, constructor: MARK },
  };
  const FAULTS_OF_FORM = [
    ...[`residenceId ${be('ID')}`, `startTime ${be('DateTime')}`, `finishTime ${be('DateTime')}`],
    ...[`description ${REQUIRED}`, `contact ${REQUIRED}`],
    ...[`pictureFilenames[1] ${be('String')}`, `pictureFilenames[2] ${REQUIRED}`],
    ...['colour is unknown', 'constructor is unknown'],
  ];
  const form = (members: Record<string, unknown>) => ({ input: { ...NEW_MAINTENANCE, ...members } });

  /** A field, its arguments, and their faults by the names of the arguments. */
  it.each<[string, Record<string, unknown>, ...string[]]>([
    [CREATE, { input: FORM }, ...FAULTS_OF_FORM.map((fault) => `input.${fault}`)],
    [CREATE, form({ 'canary" of required type "String!" was not provided.': MARK }), 'input has an unknown member'],
    [
      'maintenances',
      { residenceId: null, states: ['CLOSED', MARK, null], first: 20061977.5, orderBy: MARK },
      ...[`residenceId ${REQUIRED}`, `states[1] ${be('MaintenanceState')}`, `states[2] ${REQUIRED}`],
      ...[`first ${be('Int')}`, `orderBy ${be('MaintenanceOrder')}`],
    ],
    ['deleteMaintenances', { ids: times(60, () => OBJECT) }, ...times(20, (index) => `ids[${index}] ${be('ID')}`)],
  ])('is named without its value: %s(%j)', async (field, args, ...faults) => {
    await expectRefusedWhole(request(field, args), faults);
  });

  it('is null in place of a default, and refused before a mutation runs', async () => {
    const [before, after] = ['"r:m"', '$v'].map((id) => `deleteMaintenance(id: ${id}) { deletedId }`);
    const query = `mutation ($v: ID = "r:m") { before: ${before} ...F } fragment F on Mutation { ${after} }`;
    await expectRefusedWhole({ query, variables: { v: null } }, [`v ${REQUIRED}`]);
    // The default is good.
    await subgraph.ask(query);
    expect(subgraph.upstream.commands().length).toBeGreaterThan(1);
  });
});

describe('a document with a wrong value does not have it in the answer', () => {
  const inList = (args: string) => `{ maintenances(residenceId: "r", ${args}) { id } }`;
  it.each([
    ['a text for a number', inList('first: "canary cannot represent x: canary"')],
    ['the name of a state', inList('states: [CANARY]')],
    ['a text in place of a name', '{ maintenance("canary cannot represent x: canary") { id } }'],
    ['a number in place of a name', '{ maintenance(20061977) { id } }'],
    ['an escape', String.raw`{ maintenance(id: "\ucanary😀") { id } }`],
    ['a name after the document', '{ maintenance(id: "x") { id } } canary'],
  ])('%s', async (_, query) => {
    const answer = await subgraph.ask(query);
    expect(answer.errors[0]?.extensions.code).toMatch(/^GRAPHQL_(PARSE|VALIDATION)_FAILED$/);
    expect(answer.errors[0]?.path).toBeUndefined();
    expect(subgraph.upstream.commands()).toEqual([]);
    expect(JSON.stringify(answer).isWellFormed()).toBe(true);
    expect(JSON.stringify(answer) + subgraph.logText()).not.toMatch(LEAK);
  });

  // A pattern that is not linear takes minutes for the second.
  it.each(['canary', 'canary cannot represent'.repeat(45_000)])('the name of an operation', async (operationName) => {
    const answer = await subgraph.post(JSON.stringify({ query: 'query A { __typename }', operationName }));
    expect(answer.errors).toMatchObject([{ extensions: { code: 'OPERATION_RESOLUTION_FAILURE' } }]);
    expect(JSON.stringify(answer) + subgraph.logText()).not.toMatch(LEAK);
  });
});
