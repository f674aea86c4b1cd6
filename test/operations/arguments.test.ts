/** Faults of arguments: all of a field at once, before any command. sizes.test.ts has the sizes, secrecy.test.ts that no value is repeated. */
import { expect, it } from '@jest/globals';
import { NEW_MAINTENANCE } from '../support/ask.ts';
import {
  answerWith,
  create,
  deleteMany,
  type FieldQuery,
  list,
  request,
  times,
} from '../support/maintenance/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();

/** Asks, and expects one error of these faults, each of which begins with the name of its argument and its code. */
async function expectRefused({ query, variables }: Omit<FieldQuery, 'path'>, faults: string[]) {
  const answer = await subgraph.ask(query, { variables });
  const named = faults.map((fault) => ({ .../^(?<argument>\S+) (?<code>\w+) (?<message>.*)$/.exec(fault)?.groups }));
  const more = faults.length > 1 ? ` ${faults.length - 1} more in extensions.arguments.` : '';
  const message = `Argument "${faults[0]?.replace(/ [A-Z_]+ /, '" ')}.${more}`;
  expect(answer.errors).toMatchObject([{ message, extensions: { code: 'BAD_USER_INPUT', arguments: named } }]);
  expect(answer.status).toBe(200);
  expect(subgraph.upstream.commands()).toEqual([]);
  return answer;
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
])('a field is refused by the names of its arguments, not of its variables: %s', async (_, asked, faults) => {
  const { query, path } = asked;
  const variables = Object.entries(asked.variables).map(([name, value]) => [`v_${name}`, value]);
  const renamed = { query: query.replaceAll('$', '$v_'), variables: Object.fromEntries(variables) };
  const { data, errors } = await expectRefused(renamed, faults);
  expect(data).toEqual({ [String(path[0])]: null });
  expect(errors[0]?.path).toEqual(path);
  expect(errors[0]?.extensions.outcome).toBe(query.startsWith('mutation') ? 'NOT_SENT' : undefined);
});

it.each<[string, string?]>([
  ['2024-01-16t13:32:45.999999999z', '2024-01-16 13:32:45'],
  ['2024-02-29T23:59:59-00:01', '2024-03-01 00:00:59'],
  ['9999-12-31T23:59:59Z', '9999-12-31 23:59:59'],
  ['2024-01-16T13:32:45'],
  ['2024-01-16T13:32:45.Z'],
  ['2024-01-16T13:32:45Z\n'],
  ['2024-01-16T13:32:45+0800'],
  ['2024-01-16T13:32:45+24:00'],
  ['2016-12-31T23:59:60Z'],
  ['0000-01-01T00:00:00+01:00'],
])('a time of the input is sent in UTC, or refused: %j', async (finishTime, sent = '') => {
  if (!sent) return void (await expectRefused(create({ finishTime }), [`input.finishTime ${NO_TIME}`]));
  const { query, variables } = create({ startTime: '0000-01-01T00:00:00Z', finishTime });
  expect((await subgraph.ask(query, { variables })).errors).toEqual([]);
  expect(subgraph.upstream.received).toMatchObject([{ param: { finish_time: sent } }]);
});

const FORM = { residenceId: true, startTime: 5, description: null, pictureFilenames: ['x', null], colour: 'canary' };
const [BEFORE, AFTER] = ['"r:m"', '$v'].map((id) => `deleteMaintenance(id: ${id}) { deletedId }`);
const OF_VARIABLES = 'A variable is missing, or has a value that does not fit its type.';

it.each<[string, Omit<FieldQuery, 'path'>, errors: number]>([
  ['an input', request('createMaintenance', { input: FORM }), 6],
  ['all arguments of a list', list({ residenceId: null, states: ['CLOSED', 'x', null], first: 1.5, orderBy: 'x' }), 5],
  ['60 ids', deleteMany(times(60, () => ({ x: 'canary' }))), 6],
  ['a missing value', { query: 'query ($__proto__: ID!) { maintenance(id: $__proto__) { id } }', variables: {} }, 1],
])('an operation is refused whole by the types of its variables, without their values: %s', async (...row) => {
  const [, { query, variables }, count] = row;
  const answer = await subgraph.ask(query, { variables });
  const outcome = query.startsWith('mutation') ? { outcome: 'NOT_SENT' } : {};
  const error = { message: OF_VARIABLES, extensions: { code: 'BAD_USER_INPUT', ...outcome } };
  expect([answer.data, answer.errors]).toEqual([undefined, Array(count).fill(error)]);
  expect(subgraph.upstream.commands()).toEqual([]);
});

it('a field is refused by a variable that is null in place of its default, and fields before it are executed', async () => {
  const query = `mutation ($v: ID = "r:m") { before: ${BEFORE} ...F } fragment F on Mutation { ${AFTER} }`;
  answerWith(subgraph.upstream, {});
  const { data, errors } = await subgraph.ask(query, { variables: { v: null } });
  expect(data).toMatchObject({ before: { deletedId: 'r:m' }, deleteMaintenance: null });
  const extensions = { code: 'BAD_USER_INPUT', outcome: 'NOT_SENT' };
  expect(errors).toEqual([{ message: OF_VARIABLES, path: ['deleteMaintenance'], extensions }]);
});

it.each<[string, Omit<FieldQuery, 'path'>]>([
  ['in an input', create({ residenceId: 2 ** 53 })],
  ['of a list', list({ residenceId: -(2 ** 60) })],
  ['among ids', deleteMany(['r:m', 2 ** 53])],
])('a number beyond 2^53, which JSON has rounded, is no id: %s', async (_, { query, variables }) => {
  const { data, errors } = await subgraph.ask(query, { variables });
  const outcome = query.startsWith('mutation') ? { outcome: 'NOT_SENT' } : {};
  const message = 'A variable has a number beyond 2^53. Send ids as texts.';
  expect([data, errors]).toEqual([undefined, [{ message, extensions: { code: 'BAD_USER_INPUT', ...outcome } }]]);
  expect(subgraph.upstream.commands()).toEqual([]);
});

it.each<[string, Omit<FieldQuery, 'path'>, string]>([
  ['the largest safe number', list({ residenceId: 2 ** 53 - 1 }), 'get_maintenance_list 9007199254740991'],
  ['a default', { query: `mutation ($v: ID = "r:m") { ${AFTER} }`, variables: {} }, 'delete_maintenance_info r m'],
])('an id may be %s', async (_, { query, variables }, command) => {
  await subgraph.ask(query, { variables });
  expect(subgraph.upstream.commands()).toEqual([command]);
});
