import { describe, expect, it, jest } from '@jest/globals';
import { GraphQLBoolean, GraphQLID, type GraphQLInputObjectType } from 'graphql';
import { NEW_MAINTENANCE } from '../support/ask.ts';
import {
  create,
  deleteMany,
  deleteOne,
  detail,
  entities,
  type FieldQuery,
  list,
  request,
  times,
} from '../support/requests.ts';
import { SCHEMA } from '../support/schema.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const MALFORMED = 'must be the id of a Maintenance: "<residence id>:<maintenance id>", each of at most 256 characters';
const UNUSABLE = 'must be 1 to 256 characters of well-formed Unicode';
const LATER = 'input.finishTime must be later than input.startTime';

const subgraph = useSubgraph();

/** Returns the entries of `extensions.arguments`, and the message of their error. A fault begins with its argument. */
const named = (faults: string[]) =>
  faults.map((fault) => ({ argument: fault.split(' ')[0], message: fault.replace(/^\S+ /, '') }));
function messageOf(faults: string[]): string {
  const more = faults.length > 1 ? ` ${faults.length - 1} more in extensions.arguments.` : '';
  return `Argument "${faults[0]?.replace(' ', '" ')}.${more}`;
}

/** Returns the request with variables that have other names than the arguments: `v_id` for `id`. */
function renameVariables({ query, variables, path }: FieldQuery): FieldQuery {
  const renamed = Object.entries(variables).map(([name, value]) => [`v_${name}`, value]);
  return { query: query.replaceAll('$', '$v_'), variables: Object.fromEntries(renamed), path };
}

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

  it.each(FAULTY)('is refused before any command, by the names of the arguments: %s', async (_, request, faults) => {
    const { query, variables, path } = renameVariables(request);
    const answer = await subgraph.ask(query, { variables });
    const outcome = query.startsWith('mutation') ? { outcome: 'NOT_SENT' } : {};
    const extensions = { code: 'BAD_USER_INPUT', arguments: named(faults), ...outcome };
    expect(answer.errors).toEqual([{ message: messageOf(faults), path, extensions }]);
    expect(answer.data).toHaveProperty(path.map(String), null);
    expect(answer.status).toBe(200);
    expect(subgraph.upstream.commands()).toEqual([]);
    expect(JSON.stringify(answer) + subgraph.logText()).not.toContain('canary');
  });
});

describe('a value of a wrong type', () => {
  /** No message and no log line may contain these marks. */
  const [MARK, NUMBER] = ['canary', 20061977];
  const LEAK = /canary|20061977/i;
  const form = (members: Record<string, unknown>) => ({ input: { ...NEW_MAINTENANCE, ...members } });
  const inList = (args: Record<string, unknown>) => ({ residenceId: 'r', ...args });

  const CREATE = 'createMaintenance';
  const LIST = 'maintenances';
  const OBJECT = { canary: MARK, toString: MARK, toJSON: MARK, length: 1e9 };
  const be = (type: string) => `must be of the type ${type}`;
  const REQUIRED = 'is required';
  const { contact: _, ...WITHOUT_CONTACT } = NEW_MAINTENANCE;
  /** A field, its arguments, and their faults by the names of the arguments, which the variables have too. */
  const WRONG: [string, Record<string, unknown>, ...string[]][] = [
    [CREATE, form({ residenceId: true }), `input.residenceId ${be('ID')}`],
    [CREATE, form({ residenceId: OBJECT }), `input.residenceId ${be('ID')}`],
    [CREATE, form({ residenceId: null }), `input.residenceId ${REQUIRED}`],
    [CREATE, form({ startTime: NUMBER }), `input.startTime ${be('DateTime')}`],
    [CREATE, form({ finishTime: OBJECT }), `input.finishTime ${be('DateTime')}`],
    [CREATE, form({ startTime: null }), `input.startTime ${REQUIRED}`],
    [CREATE, form({ contact: NUMBER }), `input.contact ${be('String')}`],
    [CREATE, form({ contact: [MARK] }), `input.contact ${be('String')}`],
    [CREATE, form({ description: OBJECT }), `input.description ${be('String')}`],
    [CREATE, { input: WITHOUT_CONTACT }, `input.contact ${REQUIRED}`],
    [
      CREATE,
      form({ pictureFilenames: ['x', [MARK], null] }),
      `input.pictureFilenames[1] ${be('String')}`,
      `input.pictureFilenames[2] ${REQUIRED}`,
    ],
    [CREATE, form({ pictureFilenames: NUMBER }), `input.pictureFilenames ${be('String')}`],
    [CREATE, form({ colour: MARK }), 'input.colour is unknown'],
    [CREATE, form({ constructor: MARK }), 'input.constructor is unknown'],
    [CREATE, { input: MARK }, `input ${be('CreateMaintenanceInput')}`],
    [CREATE, { input: null }, `input ${REQUIRED}`],
    [LIST, inList({ first: MARK }), `first ${be('Int')}`],
    [LIST, inList({ first: 20061977.5 }), `first ${be('Int')}`],
    [LIST, inList({ first: 20061977000 }), `first ${be('Int')}`],
    [LIST, inList({ orderBy: MARK }), `orderBy ${be('MaintenanceOrder')}`],
    [LIST, inList({ orderBy: NUMBER }), `orderBy ${be('MaintenanceOrder')}`],
    [LIST, inList({ states: ['CLOSED', MARK, null] }), `states[1] ${be('MaintenanceState')}`, `states[2] ${REQUIRED}`],
    [LIST, inList({ states: OBJECT }), `states ${be('MaintenanceState')}`],
    [LIST, { residenceId: null, first: MARK }, `residenceId ${REQUIRED}`, `first ${be('Int')}`],
    ['maintenance', { id: OBJECT }, `id ${be('ID')}`],
    ['deleteMaintenances', { ids: null }, `ids ${REQUIRED}`],
    ['deleteMaintenances', { ids: ['r:m', null, OBJECT] }, `ids[1] ${REQUIRED}`, `ids[2] ${be('ID')}`],
    ['deleteMaintenances', { ids: times(60, () => OBJECT) }, ...times(20, (index) => `ids[${index}] ${be('ID')}`)],
    ['_entities', { representations: [null] }, `representations[0] ${REQUIRED}`],
  ];
  /** A fault that no literal can have. */
  const ONLY_IN_VARIABLES: typeof WRONG = [
    [CREATE, form({ '13812345678 canary': MARK }), 'input has an unknown member'],
    [CREATE, form({ [`canary${'x'.repeat(64)}`]: MARK }), 'input has an unknown member'],
    [CREATE, form({ 'canary" of required type "String!" was not provided.': MARK }), 'input has an unknown member'],
  ];

  it.each([...WRONG, ...ONLY_IN_VARIABLES])('is named without the value: %s(%j)', async (field, args, ...parts) => {
    const { query, variables } = renameVariables(request(field, args));
    const answer = await subgraph.ask(query, { variables });
    const faults = parts.map((part) => `v_${part}`);
    const extensions = { code: 'BAD_USER_INPUT', arguments: named(faults) };
    expect(answer.errors).toEqual([{ message: messageOf(faults), extensions }]);
    expect([answer.status, answer.data]).toEqual([200, undefined]);
    expect(subgraph.upstream.commands()).toEqual([]);
    expect(JSON.stringify(answer) + subgraph.logText()).not.toMatch(LEAK);
  });

  it.each(WRONG)('is not repeated in a document: %s(%j)', async (field, args) => {
    const asLiteral = (name: string) => JSON.stringify(args[name]).replace(/"(\w+)":/g, '$1:');
    const query = request(field, args).query.replace(/ \(.*?\) /, ' ');
    const answer = await subgraph.ask(query.replace(/\$(\w+)/g, (_, name) => asLiteral(name)));
    expect(new Set(answer.errors.map(({ extensions }) => extensions.code))).toEqual(
      new Set(['GRAPHQL_VALIDATION_FAILED']),
    );
    expect(subgraph.upstream.commands()).toEqual([]);
    expect(JSON.stringify(answer) + subgraph.logText()).not.toMatch(LEAK);
  });

  it.each([
    ['the name of a state', '{ maintenances(residenceId: "r", states: [CANARY]) { id } }', /^The value does not exist/],
    [
      'a default',
      'query ($first: Int = "canary") { maintenances(residenceId: "r", first: $first) { id } }',
      /^Int cannot/,
    ],
    [
      'a text in place of a name',
      '{ maintenance("canary" 20061977) { id } }',
      /^Syntax Error: Expected Name, found String\.$/,
    ],
    [
      'a text like a message',
      '{ maintenance("canary cannot represent x: canary") { id } }',
      /^Syntax Error: Expected Name, found String\.$/,
    ],
    ['a text like a suggestion', '{ maintenance("canary Did you mean canary?") { id } }', /found String\.$/],
    [
      'a wrong text like a message',
      '{ maintenances(residenceId: "r", first: "canary cannot represent x: canary") { id } }',
      /^Int cannot represent non-integer value\.$/,
    ],
    [
      'a wrong time like a message',
      'mutation { createMaintenance(input: "canary cannot represent x: canary") { createdId } }',
      /^Expected value of type "CreateMaintenanceInput!"\.$/,
    ],
    [
      'a digit',
      '{ maintenance(first: 020061977) { id } }',
      /^Syntax Error: Invalid number, unexpected digit after 0\.$/,
    ],
    ['a block text in place of a name', '{ maintenance("""canary "20061977" """) { id } }', /found BlockString\.$/],
    ['a number in place of a name', '{ maintenance(20061977) { id } }', /found Int\.$/],
    ['a fraction in place of a name', '{ maintenance(20061977.5) { id } }', /found Float\.$/],
    [
      'an escape',
      String.raw`{ maintenance(id: "\ucanary😀") { id } }`,
      /^Syntax Error: Invalid Unicode escape sequence\.$/,
    ],
    ['an escape of a code point', String.raw`{ maintenance(id: "\u{20061977") { id } }`, /escape sequence\.$/],
    ['a name in place of a field', '{ maintenance(id: "x") { id } } canary', /^Syntax Error: Unexpected Name\.$/],
    ['a number after the document', '{ maintenance(id: "x") { id } } 20061977', /^Syntax Error: Unexpected Int\.$/],
  ])('is not repeated in a document: %s', async (_, query, wording) => {
    const answer = await subgraph.ask(query);
    expect(answer.errors[0]?.message).toMatch(wording);
    expect(answer.errors[0]?.message.isWellFormed()).toBe(true);
    expect(JSON.stringify(answer) + subgraph.logText()).not.toMatch(LEAK);
  });

  // A pattern that is not linear takes minutes for the second.
  it.each(['canary', 'canary cannot represent'.repeat(45_000)])(
    'is not repeated as the name of an operation',
    async (operationName) => {
      const answer = await subgraph.post(JSON.stringify({ query: 'query A { __typename }', operationName }));
      expect(answer.errors[0]?.message).toBe('Unknown operation.');
      expect(JSON.stringify(answer) + subgraph.logText()).not.toMatch(LEAK);
    },
  );

  const FORM = {
    residenceId: '',
    startTime: NUMBER,
    finishTime: '2024-02-31T00:00:00Z',
    contact: ' ',
    pictureFilenames: ['', [MARK]],
    colour: MARK,
  };
  const inputType = SCHEMA.getType('CreateMaintenanceInput') as GraphQLInputObjectType;
  const fields = Object.values(inputType.getFields());
  const members = fields.map(({ name }) => `${name}: $${name}`);
  const definitions = fields.map(({ name, type }) => `$${name}: ${type}`);
  const inVariable = 'mutation ($i: CreateMaintenanceInput!) { createMaintenance(input: $i) { createdId } }';
  const inMembers = `mutation (${definitions}) { createMaintenance(input: { ${members} }) { createdId } }`;
  const inFragment =
    'mutation ($i: CreateMaintenanceInput!) { ...F } fragment F on Mutation { createMaintenance(input: $i) { createdId } }';
  const FAULTS_OF_FORM = [
    `i.startTime ${be('DateTime')}`,
    `i.description ${REQUIRED}`,
    `i.pictureFilenames[1] ${be('String')}`,
    'i.colour is unknown',
  ];
  const FAULTS_OF_MEMBERS = [
    `startTime ${be('DateTime')}`,
    `description ${REQUIRED}`,
    `pictureFilenames[1] ${be('String')}`,
  ];
  const inIds = `mutation ($a: ID!, $b: ID!, $c: Boolean!) {
    deleteMaintenances(ids: ["x", $a, $b]) { deletedIds @include(if: $c) }
  }`;
  const inEntity =
    'query ($id: ID!) { _entities(representations: [{ __typename: "Maintenance", id: $id }]) { __typename } }';
  const asInteger = 'query ($first: Int) { maintenances(residenceId: 5, states: CLOSED, first: $first) { id } }';
  const inOptional = `query ($limit: Int!, $states: [MaintenanceState!]) {
    maintenances(residenceId: "r", states: $states, first: $limit) { id }
  }`;
  const inTwoFields = `mutation ($a: CreateMaintenanceInput!, $b: CreateMaintenanceInput!, $c: ID!) {
    a: createMaintenance(input: $a) { createdId } b: createMaintenance(input: $b) { createdId } deleteMaintenance(id: $c) { deletedId }
  }`;
  const inAny = `query ($i: [CreateMaintenanceInput!]) {
    _entities(representations: [{ __typename: "Residence", id: "r", x: $i }]) { __typename }
  }`;
  const inDefault = `query ($i: ID! = "bad", $first: Int) {
    maintenance(id: $i) { id } maintenances(residenceId: "r", first: $first) { id }
  }`;
  const longName = 'v'.repeat(200);
  // Faults that are no fault of a type are told when the types fit.
  it.each<[string, string, Record<string, unknown>, ...string[]]>([
    ['a form', inVariable, { i: FORM }, ...FAULTS_OF_FORM],
    ['the members of a form', inMembers, FORM, ...FAULTS_OF_MEMBERS],
    ['a form in a fragment', inFragment, { i: FORM }, ...FAULTS_OF_FORM],
    ['a list and a condition', inIds, { a: OBJECT, b: 'x', c: MARK }, `a ${be('ID')}`, `c ${be('Boolean')}`],
    ['an argument beside a default', inDefault, { first: MARK }, `first ${be('Int')}`],
    ['a representation', inEntity, { id: OBJECT }, `id ${be('ID')}`],
    [
      'an input in a representation',
      inAny,
      { i: { contact: MARK } },
      ...['residenceId', 'startTime', 'finishTime', 'description'].map((name) => `i.${name} ${REQUIRED}`),
    ],
    ['an argument beside literals that are coerced', asInteger, { first: MARK }, `first ${be('Int')}`],
    [
      'an optional argument',
      inOptional,
      { states: [NUMBER] },
      `limit ${REQUIRED}`,
      `states[0] ${be('MaintenanceState')}`,
    ],
    [
      'a field after a field with another fault',
      inTwoFields,
      { a: { ...NEW_MAINTENANCE, contact: '' }, b: NEW_MAINTENANCE, c: OBJECT },
      `c ${be('ID')}`,
    ],
    [
      'a variable with a long name',
      `query ($${longName}: ID!) { maintenance(id: $${longName}) { id } }`,
      {},
      `${'v'.repeat(100)} ${REQUIRED}`,
    ],
  ])('is named by its variable before anything runs: in %s', async (_, query, variables, ...faults) => {
    const answer = await subgraph.ask(query, { variables });
    const extensions = { code: 'BAD_USER_INPUT', arguments: named(faults) };
    expect(answer.errors).toEqual([{ message: messageOf(faults), extensions }]);
    expect(subgraph.upstream.commands()).toEqual([]);
    expect(JSON.stringify(answer) + subgraph.logText()).not.toMatch(LEAK);
  });

  const inputWith = (members: string) => `{
    residenceId: "r", startTime: "2024-01-16T13:32:45Z", finishTime: "2024-01-17T13:32:45Z", description: "x", ${members}
  }`;
  const INPUT = inputWith('contact: "x"');
  const withMembers = (members: string) => `createMaintenance(input: ${inputWith(members)}) { createdId }`;
  /** The type and default of `$v`, and a use of it where null is not allowed. */
  const NULLS: [string, string, string][] = [
    ['an argument', 'ID = "r:m"', 'deleteMaintenance(id: $v) { deletedId }'],
    ['an input', `CreateMaintenanceInput = ${INPUT}`, 'createMaintenance(input: $v) { createdId }'],
    ['a member of an input', 'String = "x"', withMembers('contact: $v')],
    ['an entry of a list', 'ID = "r:m"', 'deleteMaintenances(ids: ["r:m", $v]) { deletedIds }'],
    ['an entry of a list in an input', 'String = "x"', withMembers('contact: "x", pictureFilenames: ["x", $v]')],
    ['a directive of a field', 'Boolean = true', 'deleteMaintenance(id: "r:m") @include(if: $v) { deletedId }'],
    [
      'a directive of a fragment',
      'Boolean = false',
      '... @skip(if: $v) { deleteMaintenance(id: "r:m") { deletedId } }',
    ],
    [
      'a field of an answer',
      'MaintenanceState = CLOSED',
      'deleteMaintenance(id: "r:m") { residence { maintenances(states: [$v]) { id } } }',
    ],
    ['a fragment', 'ID = "r:m"', '...F } fragment F on Mutation { deleteMaintenance(id: $v) { deletedId }'],
  ];
  it.each(NULLS)('is null in place of a default, and refused before a mutation runs: in %s', async (_, type, use) => {
    const query = `mutation ($v: ${type}) { before: createMaintenance(input: ${INPUT}) { createdId } ${use} }`;
    const answer = await subgraph.ask(query, { variables: { v: null } });
    const faults = [`v ${REQUIRED}`];
    const extensions = { code: 'BAD_USER_INPUT', arguments: named(faults) };
    expect(answer.errors).toEqual([{ message: messageOf(faults), extensions }]);
    expect([answer.status, answer.data]).toEqual([200, undefined]);
    expect(subgraph.upstream.commands()).toEqual([]);
    // The default is good.
    await subgraph.ask(query);
    expect(subgraph.upstream.commands().length).toBeGreaterThan(1);
  });

  it('is checked once, however often it is used', async () => {
    // graphql would print it for each use, which takes 80 ms.
    const large = Object.fromEntries(times(60_000, (index) => [`m${index}`, 1]));
    const query = `query ($x: Boolean!) { ${'__typename @include(if: $x) '.repeat(400)} }`;
    const parseValue = jest.spyOn(GraphQLBoolean, 'parseValue');
    const { errors } = await subgraph.ask(query, { variables: { x: large } });
    expect(errors).toMatchObject([{ extensions: { arguments: named([`x ${be('Boolean')}`]) } }]);
    expect(parseValue).toHaveBeenCalledTimes(1);
    parseValue.mockRestore();
  });

  it('is not looked for after 20 faults', async () => {
    const { query, variables } = deleteMany(times(10_000, () => OBJECT));
    const parseValue = jest.spyOn(GraphQLID, 'parseValue');
    await subgraph.ask(query, { variables });
    expect(parseValue).toHaveBeenCalledTimes(21);
    parseValue.mockRestore();
  });

  it('is refused with 400 where the client reads the status', async () => {
    const { query, variables } = create({ contact: OBJECT });
    const headers = { accept: 'application/graphql-response+json' };
    expect((await subgraph.ask(query, { variables, headers })).status).toBe(400);
  });
});
