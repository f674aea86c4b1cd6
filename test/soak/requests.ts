/**
 * Request bodies of at most 1 MB that are made to be expensive.
 */
import { idOf, type ReplyName } from '../support/fast-vendor.ts';
import { aliased, R } from '../support/requests.ts';

type HostileRequest = {
  readonly name: string;
  readonly body: string;
  readonly reply: ReplyName;
};
type Make = string | ((index: number) => string);

export const repeat = (count: number, make: Make, separator = ' ') =>
  Array.from({ length: count }, (_, index) => (typeof make === 'string' ? make : make(index))).join(separator);
export const document = (query: string, variables?: string) =>
  variables === undefined ? JSON.stringify({ query }) : `{"query":${JSON.stringify(query)},"variables":${variables}}`;
export const entities = (type: string, fields: string) =>
  `_entities(representations: $r) { ... on ${type} { ${fields} } }`;
export const readEntities = (fields: string) => `query ($r: [_Any!]!) { ${fields} }`;
/** Returns the variable `r` of `readEntities`. */
export const representations = (count: number, make: Make) => `{"r":[${repeat(count, make, ',')}]}`;
export const EVERY_FIELD =
  'id maintenanceId residence { id } startTime finishTime createdTime description contact feedback pictureUrls state';

const nested = (open: string, close: string, depth: number, inside = '') =>
  open.repeat(depth) + inside + close.repeat(depth);
const fragments = (count: number, type: string, fields: (index: number) => string) =>
  repeat(count, (i) => `fragment f${i} on ${type} { ${fields(i)} }`);
const LIST = `maintenances(residenceId: "${R}")`;
const CREATE = 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { createdId } }';
const DELETES = `mutation ($ids: [ID!]!) { ${aliased(100, 'deleteMaintenances(ids: $ids) { deletedIds }')} }`;
const RESIDENCES = readEntities(entities('Residence', 'id'));
const DETAIL = 'query ($i: ID!) { maintenance(id: $i) { id } }';
const residence = (id: string) => `{"__typename":"Residence","id":${id}}`;
const REFUSED_LISTS = readEntities(entities('Residence', aliased(97, 'maintenances(first: -1) { id }')));
const M = 'Maintenance';
const spreadTwice = (i: number) => repeat(2, (at) => `${'ab'[at]}: residence { maintenances { ...f${i + 1} } }`);
const CHAIN = `{ ${LIST} { ...f0 } } ${fragments(24, M, spreadTwice)} fragment f24 on ${M} { id }`;
const CREATION = `"residenceId":"r","startTime":"2024-01-16T13:32:45Z","finishTime":"2024-01-17T13:32:45Z","contact":"x"`;
const PROTOTYPE = '{"constructor":{"prototype":1}}';

/** Name, query and variables. */
const DOCUMENTS: readonly (readonly [string, string, string?])[] = [
  ['15,000 tokens of aliases', `{ ${aliased(4990, '__typename')} }`],
  ['nesting 60,000 deep', `{ ${nested('a{', '}', 60_000, 'a')} }`],
  ['exponential fragments', CHAIN],
  ['70 fragments that each spread all', `{ ...f0 } ${fragments(70, 'Query', () => repeat(70, (j) => `...f${j}`))}`],
  ['overlapping fields that differ', `{ ${LIST} { ${repeat(3700, (i) => `x: ${i % 2 ? 'id' : 'state'}`)} } }`],
  ['a list type 7,000 deep', `query ($a: ${nested('[', ']', 7000, 'Int')}) { __typename }`],
  ['14,000 unknown fields', `{ ${repeat(14_000, (i) => `maintenance${i}`)} }`],
  ['4,000 unknown arguments', `{ maintenances(${repeat(4000, (i) => `residenceId${i}: 1`)}) { id } }`],
  ['3,500 unknown types', `query (${repeat(3500, (i) => `$v${i}: Maintenance${i}`)}) { __typename }`],
  ['2,900 unused variables', `query (${repeat(2900, (i) => `$v${i}: Int`)}) { __typename }`],
  ['3,000 operations', repeat(3000, (i) => `query q${i} { __typename }`)],
  ['2,100 unused fragments', `{ __typename } ${fragments(2100, 'Query', () => '__typename')}`],
  ['1 MB of comments', `{ __typename }${'#\n'.repeat(300_000)}`],
  ['a name of 1 MB', `{ ${'a'.repeat(1_000_000)} }`],
  ['a block string of 300,000 lines', `{ maintenances(residenceId: """${' \n'.repeat(300_000)}""") { id } }`],
  ['an id of 1 MB of colons', DETAIL, `{"i":"${':'.repeat(1_000_000)}"}`],
  ['a time of 1 MB', CREATE, `{"input":{"startTime":"2024-01-16T13:32:45.${'0'.repeat(1_000_000)}"}}`],
  ['a description of 1 MB of blanks', CREATE, `{"input":{${CREATION},"description":"${' '.repeat(1_000_000)}"}}`],
  ['100,000 representations', RESIDENCES, representations(100_000, '{}')],
  ['a deep representation', RESIDENCES, representations(1, residence(nested('{"a":', '}', 150_000, '1')))],
  ['100 × 330,000 ids', DELETES, `{"ids":[${repeat(330_000, '""', ',')}]}`],
  [
    '400 × a Boolean of 80,000 members',
    `query ($x: Boolean!) { ${repeat(400, () => '__typename @include(if: $x)')} }`,
    `{"x":{${repeat(80_000, (i) => `"a${i}":1`, ',')}}}`,
  ],
  ['45,000 misspelt input fields', CREATE, `{"input":{${repeat(45_000, (i) => `"residenceId${i}":1`, ',')}}}`],
  ['80,000 undeclared variables', '{ __typename }', `{${repeat(80_000, (i) => `"a${i}":1`, ',')}}`],
  ['variables 400,000 deep', '{ __typename }', `{"a":${nested('[', ']', 400_000)}}`],
  ['30,000 × constructor.prototype', '{ __typename }', `{"a":[${repeat(30_000, PROTOTYPE, ',')}]}`],
  ['1,000 residences with 97 refused lists each', REFUSED_LISTS, representations(1000, residence(`"${R}"`))],
];

const BODIES: readonly (readonly [string, string])[] = [
  ['extensions 150,000 deep', `{"query":"{ __typename }","extensions":${nested('{"a":', '}', 150_000, '1')}}`],
  [
    'an operation name of 1 MB',
    `{"query":"query a { a }","operationName":"${repeat(55_000, ' cannot represent', '')}"}`,
  ],
  ['a body 500,000 deep', nested('[', ']', 500_000)],
  ['an unfinished body 1,000,000 deep', '['.repeat(1_000_000)],
];

const REPLIES = ['small', 'ordinary', 'tiny', 'faulty', 'text', 'urls', 'ids', 'refusal'] as const;
const LISTS = ['ordinary', 'tiny', 'faulty', 'ids'] as const;
export const list = (fields: string, args = '', id: string | number = 'r') =>
  `maintenances(residenceId: "${id}"${args}) { ${fields} }`;
const ofResidences = (fields: string) =>
  document(readEntities(entities('Residence', `maintenances { ${fields} }`)), representations(1000, residence('"r"')));
const ticket = (id: string) =>
  `{"__typename":"Maintenance","residence":{"id":"r"},"maintenanceId":${JSON.stringify(id)}}`;
const ofTickets = (write: (root: string) => string) => (fields: string, reply: ReplyName) =>
  document(
    readEntities(write(entities(M, fields))),
    representations(1000, (i) => ticket(idOf(reply, i))),
  );
const SORTED = 'orderBy: START_TIME_DESC, first: 0';
const BY_STATES = 'query ($s: [MaintenanceState!])';
const STATES = `{"s":[${repeat(90_000, '"CLOSED"', ',')}]}`;
const deletion = (fields: string) => `deleteMaintenance(id: "r:0") { residence { maintenances { ${fields} } } }`;
const FEW = ['ordinary', 'tiny'] as const;
const LONG = 'a'.repeat(200_000);

/** As many fields of each ordinary ticket as a response may have; a further field is refused. */
const MOST_FIELDS = 49;

type MakeBody = (fields: string, reply: ReplyName) => string;

/** The body with a root field, and its replies. A plain root multiplies already and leaves no room for aliases. */
const ROOTS: Readonly<Record<string, readonly [MakeBody, readonly ReplyName[], 'plain'?]>> = {
  list: [(fields) => document(`{ ${list(fields)} }`), REPLIES],
  'list of 90,000 states': [
    (fields) => document(`${BY_STATES} { ${list(fields, ', states: $s')} }`, STATES),
    FEW,
    'plain',
  ],
  '50 × sorted list': [(fields) => document(`{ ${aliased(50, list(fields, `, ${SORTED}`))} }`), LISTS, 'plain'],
  '50 lists': [(fields) => document(`{ ${aliased(50, (i) => list(fields, '', i))} }`), REPLIES, 'plain'],
  detail: [(fields) => document(`{ maintenance(id: "r:0") { ${fields} } }`), ['tiny', 'faulty', 'text', 'urls']],
  '1,000 × residence': [ofResidences, ['small', ...LISTS, 'text', 'refusal']],
  '1,000 requests': [ofTickets((root) => root), REPLIES],
  '1,000 requests, alias of 200 KB': [ofTickets((root) => `${LONG}: ${root}`), ['faulty', 'refusal'], 'plain'],
  '50 × 1,000 requests': [ofTickets((root) => aliased(50, root)), ['small', ...LISTS, 'refusal'], 'plain'],
  delete: [(fields) => document(`mutation { ${deletion(fields)} }`), LISTS, 'plain'],
};

/** The selected fields of each ticket, and the replies that matter for them. */
const SELECTIONS: Readonly<Record<string, readonly [string, readonly ReplyName[]]>> = {
  id: ['id', REPLIES],
  'every field': [EVERY_FIELD, REPLIES],
  '20 × state': [aliased(20, 'state'), LISTS],
  'as many fields as fit': [aliased(MOST_FIELDS, 'state'), ['ordinary']],
  '99 × state': [aliased(99, 'state'), LISTS],
  '20 × description': [aliased(20, 'description'), ['ordinary', 'text']],
  '99 × description': [aliased(99, 'description'), ['ordinary', 'text', 'faulty']],
  '20 × pictureUrls': [aliased(20, 'pictureUrls'), ['ordinary', 'urls']],
  '99 × pictureUrls': [aliased(99, 'pictureUrls'), ['ordinary', 'urls']],
  'nested lists': ['residence { maintenances { id } }', LISTS],
  '20 × nested sorted list': [`residence { ${aliased(20, `maintenances(${SORTED}) { id }`)} }`, FEW],
  'alias of 20 KB': [`${'a'.repeat(20_000)}: state`, LISTS],
  'alias of 200 KB': [`${LONG}: state`, ['small', ...LISTS]],
};

/** Yields the documents, the bodies, and each combination of a root, a selection and a reply that can matter. */
export function* generateRequests(): Generator<HostileRequest> {
  for (const [name, query, variables] of DOCUMENTS) yield { name, body: document(query, variables), reply: 'small' };
  for (const [name, body] of BODIES) yield { name, body, reply: 'small' };
  for (const [root, [make, replies, plain]] of Object.entries(ROOTS)) {
    for (const [what, [selection, affected]] of Object.entries(SELECTIONS)) {
      if (plain && what !== 'id' && what !== 'every field') continue;
      for (const reply of replies.filter((name) => affected.includes(name))) {
        yield { name: `${root} { ${what} }, reply ${reply}`, body: make(selection, reply), reply };
      }
    }
  }
}
