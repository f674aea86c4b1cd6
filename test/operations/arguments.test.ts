/** Faults of arguments: all of a field at once before any command, and no value is repeated. sizes.test.ts has the sizes. */
import { describe, expect, it } from '@jest/globals';
import { NEW_MAINTENANCE } from '../support/ask.ts';
import { create, deleteMany, type FieldQuery, list, request, times } from '../support/maintenance/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

/** No answer and no log line may contain these marks. */
const [MARK, NUMBER] = ['canary', 20061977];
const LEAK = /canary|20061977/i;

const subgraph = useSubgraph();
const ask = ({ query, variables }: Omit<FieldQuery, 'path'>) => subgraph.ask(query, { variables });

/** Returns what an error has of these faults. Each begins with the name of its argument and its code. */
function errorOf(faults: string[]): object {
  const named = faults.map((fault) => ({ .../^(?<argument>\S+) (?<code>\w+) (?<message>.*)$/.exec(fault)?.groups }));
  const more = faults.length > 1 ? ` ${faults.length - 1} more in extensions.arguments.` : '';
  const message = `Argument "${faults[0]?.replace(/ [A-Z_]+ /, '" ')}.${more}`;
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

const NO_TIME = 'NOT_A_TIME must be RFC 3339 with an offset, like 2024-01-16T13:32:45Z';

const MALFORMED =
  'NOT_AN_ID must be the id of a Maintenance: "<residence id>:<maintenance id>", each of at most 256 characters';
const UNUSABLE = 'NOT_AN_ID must be 1 to 256 characters of well-formed Unicode';
const LATER = 'input.finishTime NOT_LATER must be later than input.startTime';
// White space, control and formatting characters, fillers, and the empty Braille cell.
const INVISIBLE =
  ' \t\n\v\f\r\u00a0\u1680\u2003\u2028\u202f\u205f\u3000\ufeff\u0000\u0007\u001b\u0085\u00ad\u180e' +
  '\u200b\u202e\u2066\ufff9\u115f\u3164\u034f\ufe0f\u2800';

it.each<[string, FieldQuery, string[]]>([
  ['no ids to delete', deleteMany([]), ['ids EMPTY must not be empty']],
  ['only invisible characters', create({ description: INVISIBLE }), ['input.description BLANK must not be blank']],
  [
    'four faults in a list',
    list({ residenceId: '', states: times(101, () => 'CLOSED'), first: -1, offset: -(2 ** 31) }),
    [
      `residenceId ${UNUSABLE}`,
      'states TOO_MANY must not hold more than 100 entries',
      'first NEGATIVE must not be negative',
      'offset NEGATIVE must not be negative',
    ],
  ],
  [
    'five faults in an input, some of them of texts that are read as times',
    create({ residenceId: '', startTime: '', finishTime: '2024-02-31T00:00:00Z', description: '', contact: ' ' }),
    [
      `input.residenceId ${UNUSABLE}`,
      `input.startTime ${NO_TIME}`,
      'input.finishTime NOT_A_DAY is not a day of the calendar',
      'input.description BLANK must not be blank',
      'input.contact BLANK must not be blank',
    ],
  ],
  [
    'faults of several members together and of entries of a list',
    create({ finishTime: NEW_MAINTENANCE.startTime, pictureFilenames: ['x', 'x'.repeat(257), ''] }),
    [
      'input.pictureFilenames[1] TOO_LONG must not be longer than 256 characters',
      'input.pictureFilenames[2] BLANK must not be blank',
      LATER,
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
  const be = (type: string) => `WRONG_TYPE must be of the type ${type}`;
  const REQUIRED = 'REQUIRED is required';
  const FORM = {
    ...{ residenceId: true, startTime: NUMBER, finishTime: OBJECT, description: null },
    ...{ pictureFilenames: ['x', [MARK], null], colour: MARK, constructor: MARK },
  };
  const FAULTS_OF_FORM = [
    ...[`residenceId ${be('ID')}`, `startTime ${be('DateTime')}`, `finishTime ${be('DateTime')}`],
    ...[`description ${REQUIRED}`, `contact ${REQUIRED}`],
    ...[`pictureFilenames[1] ${be('String')}`, `pictureFilenames[2] ${REQUIRED}`],
    ...['colour UNKNOWN is unknown', 'constructor UNKNOWN is unknown'],
  ];
  const form = (members: Record<string, unknown>) => ({ input: { ...NEW_MAINTENANCE, ...members } });

  /** A field, its arguments, and their faults by the names of the arguments. */
  it.each<[string, Record<string, unknown>, ...string[]]>([
    [CREATE, { input: FORM }, ...FAULTS_OF_FORM.map((fault) => `input.${fault}`)],
    [CREATE, form({ 'canary is no name': MARK }), 'input UNKNOWN has an unknown member'],
    [
      'maintenances',
      { residenceId: null, states: ['CLOSED', MARK, null], first: 20061977.5, orderBy: MARK },
      ...[`residenceId ${REQUIRED}`, `states[1] ${be('MaintenanceState')}`, `states[2] ${REQUIRED}`],
      ...[`first ${be('Int')}`, `orderBy ${be('MaintenanceOrder')}`],
    ],
    // JSON has rounded them: 2^53 + 1 is the id of something else.
    [CREATE, form({ residenceId: 2 ** 53 }), `input.residenceId ${be('ID')}`],
    ['maintenance', { id: -1e300 }, `id ${be('ID')}`],
    ['deleteMaintenances', { ids: ['r:m', 2 ** 53, 1] }, `ids[1] ${be('ID')}`],
    ['deleteMaintenances', { ids: times(60, () => OBJECT) }, ...times(20, (index) => `ids[${index}] ${be('ID')}`)],
  ])('is named without its value: %s(%j)', async (field, args, ...faults) => {
    await expectRefusedWhole(request(field, args), faults);
  });

  it.each([
    ['the largest safe number in a variable', list({ residenceId: 2 ** 53 - 1 }), '9007199254740991'],
    ['a text of digits in a variable', list({ residenceId: '9007199254740993' }), '9007199254740993'],
    [
      'a number in the document',
      { query: '{ maintenances(residenceId: 9007199254740993) { id } }', variables: {} },
      '9007199254740993',
    ],
  ])('is none of these, which are ids: %s', async (_, request, residenceId) => {
    await ask(request);
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${residenceId}`]);
  });

  it('is missing, also with the name of an inherited property', async () => {
    const query = 'query ($__proto__: ID!) { maintenance(id: $__proto__) { id } }';
    await expectRefusedWhole({ query, variables: {} }, [`__proto__ ${REQUIRED}`]);
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
