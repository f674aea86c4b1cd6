/** Request bodies of at most 1 MB that are made to be expensive. */
import { idOf, type ReplyName } from '../support/maintenance/fast-vendor.ts';
import { aliased, R, times } from '../support/maintenance/requests.ts';

type HostileRequest = { readonly name: string; readonly body: string; readonly reply: ReplyName };
type Make = string | ((index: number) => string);

export const repeat = (count: number, make: Make, separator = ' ') =>
  times(count, (index) => (typeof make === 'string' ? make : make(index))).join(separator);
export const document = (query: string, variables?: string) =>
  variables === undefined ? JSON.stringify({ query }) : `{"query":${JSON.stringify(query)},"variables":${variables}}`;
export const entities = (type: string, fields: string) =>
  `_entities(representations: $r) { ... on ${type} { ${fields} } }`;
export const readEntities = (fields: string) => `query ($r: [_Any!]!) { ${fields} }`;
/** Returns the variable `r` of `readEntities`. */
export const representations = (count: number, make: Make) => `{"r":[${repeat(count, make, ',')}]}`;
export const EVERY_FIELD =
  'id maintenanceId residence { id } startTime finishTime createdTime description contact feedback pictureUrls state';

const nested = (depth: number, inside = '') => '['.repeat(depth) + inside + ']'.repeat(depth);
const SPREADS = repeat(70, (i) => `...f${i}`);
const LIST = `maintenances(residenceId: "${R}")`;
const DELETES = `mutation ($ids: [ID!]!) { ${aliased(100, 'deleteMaintenances(ids: $ids) { deletedIds }')} }`;
const RESIDENCES = readEntities(entities('Residence', 'id'));
const residence = (id: string) => `{"__typename":"Residence","id":${id}}`;
const LONG_STATES = readEntities(entities('Residence', `maintenances(states: [${repeat(14_000, 'CLOSED')}]) { id }`));
const REFUSED_LISTS = readEntities(entities('Residence', aliased(97, 'maintenances(first: -1) { id }')));

/** Name, query and variables. */
const DOCUMENTS: readonly (readonly [string, string, string?])[] = [
  ['70 fragments that each spread all', `{ ...f0 } ${repeat(70, (i) => `fragment f${i} on Query { ${SPREADS} }`)}`],
  ['overlapping fields that differ', `{ ${LIST} { ${repeat(3700, (i) => `x: ${i % 2 ? 'id' : 'state'}`)} } }`],
  ['a list type 7,000 deep', `query ($a: ${nested(7000, 'Int')}) { __typename }`],
  ['14,000 unknown fields', `{ ${repeat(14_000, (i) => `maintenance${i}`)} }`],
  ['2,900 unused variables', `query (${repeat(2900, (i) => `$v${i}: Int`)}) { __typename }`],
  ['3,000 operations', repeat(3000, (i) => `query q${i} { __typename }`)],
  ['100,000 representations', RESIDENCES, representations(100_000, '{}')],
  ['100 × 330,000 ids', DELETES, `{"ids":[${repeat(330_000, '""', ',')}]}`],
  [
    '400 × a Boolean of 80,000 members',
    `query ($x: Boolean!) { ${repeat(400, () => '__typename @include(if: $x)')} }`,
    `{"x":{${repeat(80_000, (i) => `"a${i}":1`, ',')}}}`,
  ],
  ['80,000 undeclared variables', '{ __typename }', `{${repeat(80_000, (i) => `"a${i}":1`, ',')}}`],
  ['variables 400,000 deep', '{ __typename }', `{"a":${nested(400_000)}}`],
  ['1,000 residences with 97 refused lists each', REFUSED_LISTS, representations(1000, residence(`"${R}"`))],
  ['1,000 residences with a list of 14,000 states', LONG_STATES, representations(1000, residence(`"${R}"`))],
];

const REPLIES = ['small', 'ordinary', 'tiny', 'faulty', 'text', 'urls', 'ids', 'refusal'] as const;
const LISTS = ['ordinary', 'tiny', 'faulty', 'ids'] as const;
export const list = (fields: string, args = '', id: string | number = 'r') =>
  `maintenances(residenceId: "${id}"${args}) { ${fields} }`;
const ofResidences = (fields: string) =>
  document(readEntities(entities('Residence', `maintenances { ${fields} }`)), representations(1000, residence('"r"')));
const ticket = (id: string) => `{"__typename":"Maintenance","residence":{"id":"r"},"maintenanceId":"${id}"}`;
const ofTickets = (write: (root: string) => string) => (fields: string, reply: ReplyName) => {
  const tickets = representations(1000, (index) => ticket(idOf(reply, index)));
  return document(readEntities(write(entities('Maintenance', fields))), tickets);
};
const SORTED = 'orderBy: START_TIME_DESC, first: 0';
const deletion = (fields: string) => `deleteMaintenance(id: "r:0") { residence { maintenances { ${fields} } } }`;
const LONG_ID = 'r'.repeat(256);

type MakeBody = (fields: string, reply: ReplyName) => string;

/** The body with a root field, and its replies. A plain root multiplies already and leaves no room for aliases. */
const ROOTS: Readonly<Record<string, readonly [MakeBody, readonly ReplyName[], 'plain'?]>> = {
  list: [(fields) => document(`{ ${list(fields)} }`), REPLIES],
  'list of a long id': [(fields) => document(`{ ${list(fields, '', LONG_ID)} }`), LISTS],
  '50 × sorted list': [(fields) => document(`{ ${aliased(50, list(fields, `, ${SORTED}`))} }`), LISTS, 'plain'],
  '50 lists': [(fields) => document(`{ ${aliased(50, (i) => list(fields, '', i))} }`), REPLIES, 'plain'],
  '1,000 × residence': [ofResidences, ['small', ...LISTS, 'text', 'refusal']],
  '1,000 requests': [ofTickets((root) => root), REPLIES],
  '50 × 1,000 requests': [ofTickets((root) => aliased(50, root)), ['small', ...LISTS, 'refusal'], 'plain'],
  delete: [(fields) => document(`mutation { ${deletion(fields)} }`), LISTS, 'plain'],
};

/** The selected fields of each ticket, and the replies that matter for them. */
const SELECTIONS: Readonly<Record<string, readonly [string, readonly ReplyName[]]>> = {
  id: ['id', REPLIES],
  'every field': [EVERY_FIELD, REPLIES],
  '20 × state': [aliased(20, 'state'), LISTS],
  // A 50th field of each ordinary ticket would be refused.
  '49 × state': [aliased(49, 'state'), ['ordinary']],
  '99 × state': [aliased(99, 'state'), LISTS],
  'nested lists': ['residence { maintenances { id } }', LISTS],
  '20 × nested sorted list': [`residence { ${aliased(20, `maintenances(${SORTED}) { id }`)} }`, ['ordinary', 'tiny']],
  '98 × residence id': [`residence { ${aliased(98, 'id')} }`, LISTS],
  '98 × long alias': [aliased(98, 'state').replaceAll('a', 'a'.repeat(126)), LISTS],
};

/** Yields the documents, and each combination of a root, a selection and a reply that can matter. */
export function* requests(): Generator<HostileRequest> {
  for (const [name, query, variables] of DOCUMENTS) yield { name, body: document(query, variables), reply: 'small' };
  for (const [root, [make, replies, plain]] of Object.entries(ROOTS)) {
    for (const [what, [selection, affected]] of Object.entries(SELECTIONS)) {
      if (plain && what !== 'id' && what !== 'every field') continue;
      for (const reply of replies.filter((name) => affected.includes(name))) {
        yield { name: `${root} { ${what} }, reply ${reply}`, body: make(selection, reply), reply };
      }
    }
  }
}
