/**
 * Request bodies of at most 1 MB that are made to be expensive. None may hold up the others for long, whether it is
 * refused or answered.
 */
import { EXAMPLE, exampleTicket } from '../../dev/seed.ts';
import type { Store } from '../../dev/store.ts';

const R = EXAMPLE.residenceId;
const ID = `${R}:${EXAMPLE.maintenanceId}`;
const LIST = `maintenances(residenceId: "${R}")`;

const times = (count: number, make: (index: number) => string, separator = ' ') =>
  Array.from({ length: count }, (_, index) => make(index)).join(separator);
const document = (query: string, variables?: string) =>
  variables === undefined ? JSON.stringify({ query }) : `{"query":${JSON.stringify(query)},"variables":${variables}}`;
const nested = (open: string, close: string, depth: number, inside = '') =>
  open.repeat(depth) + inside + close.repeat(depth);
const CREATE = 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }';
const DELETE = 'mutation ($ids: [ID!]!) { deleteMaintenances(ids: $ids) { deletedIds } }';
const ENTITIES = 'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Residence { id } } }';

/** Residence id → how many tickets it has, beside those of the emulator. */
const LARGE = { two: 2000, ten: 10_000, twenty: 20_000 } as const;
const large = (id: keyof typeof LARGE) => `maintenances(residenceId: "${id}")`;
const EVERY_FIELD =
  'id maintenanceId residence { id } startTime finishTime createdTime description contact feedback pictureUrls state';

/** Fills the residences that some of the bodies ask for. */
export function fillLarge({ residences }: Store): void {
  for (const [id, length] of Object.entries(LARGE)) {
    const tickets = Array.from({ length }, (_, index) => {
      const minutes = String((index * 37) % 60).padStart(2, '0');
      const start_time = `2024-01-16 ${String((index * 7) % 24).padStart(2, '0')}:${minutes}:00`;
      return { ...exampleTicket(), maintenance_id: `m${index}`, start_time };
    });
    residences.set(id, tickets);
  }
  residences.set('long', [{ ...exampleTicket(), description: 'x'.repeat(1_000_000) }]);
}

export const HOSTILE: readonly (readonly [string, string])[] = [
  ['one field 5,000 times', document(`{ ${LIST} { ${times(5000, () => 'id')} } }`)],
  ['one field 300,000 times', document(`{ ${LIST} { ${times(300_000, () => 'id')} } }`)],
  ['15,000 tokens of aliases', document(`{ ${times(4990, (i) => `a${i}: __typename`)} }`)],
  ['15,000 tokens of aliased details', document(`{ ${times(1600, (i) => `a${i}: maintenance(id: "${ID}") { id }`)} }`)],
  ['10,000 aliased details', document(`{ ${times(10_000, (i) => `a${i}: maintenance(id: "${ID}") { id }`)} }`)],
  ['nesting 3,000 deep', document(`{ ${LIST} { ${nested('residence { maintenances { ', '} } ', 1500, 'id ')} } }`)],
  ['nesting 60,000 deep', document(`{ ${nested('a{', '}', 60_000, 'a')} }`)],
  [
    'exponential fragments',
    document(
      `{ ${LIST} { ...f0 } } ${times(
        24,
        (i) => `fragment f${i} on Maintenance {
        a: residence { maintenances { ...f${i + 1} } } b: residence { maintenances { ...f${i + 1} } } }`,
      )}
       fragment f24 on Maintenance { id }`,
    ),
  ],
  [
    'exponential spreads',
    document(
      `{ ${LIST} { ...f0 } } ${times(2000, (i) => `fragment f${i} on Maintenance { ...f${i + 1} ...f${i + 1} }`)}
       fragment f2000 on Maintenance { id }`,
    ),
  ],
  [
    'a cycle of 2,000 fragments',
    document(`{ ...f0 } ${times(2000, (i) => `fragment f${i} on Query { ...f${(i + 1) % 2000} }`)}`),
  ],
  [
    '70 fragments that each spread all',
    document(`{ ...f0 } ${times(70, (i) => `fragment f${i} on Query { ${times(70, (j) => `...f${j}`)} }`)}`),
  ],
  [
    'overlapping fields',
    document(
      `{ ${LIST} { ${times(1200, (i) => `...f${i}`)} } }
       ${times(1200, (i) => `fragment f${i} on Maintenance { x: residence { id } }`)}`,
    ),
  ],
  ['overlapping fields in inline fragments', document(`{ ${times(1300, () => `... on Query { ${LIST} { id } }`)} }`)],
  ['overlapping fields that differ', document(`{ ${LIST} { ${times(3700, (i) => `x: ${i % 2 ? 'id' : 'state'}`)} } }`)],
  ['list literals 20,000 deep', document(`{ maintenances(residenceId: ${nested('[', ']', 20_000)}) { id } }`)],
  ['object literals 7,000 deep', document(`{ maintenances(residenceId: ${nested('{a:', '}', 7000, '1')}) { id } }`)],
  [
    'a list literal of 14,000',
    document(`mutation { deleteMaintenances(ids: [${times(14_000, () => '1.5')}]) { deletedIds } }`),
  ],
  ['a list type 7,000 deep', document(`query ($a: ${nested('[', ']', 7000, 'Int')}) { __typename }`)],
  ['one directive 7,000 times', document(`{ __typename ${'@a'.repeat(7000)} }`)],
  ['@skip 2,000 times', document(`{ __typename ${'@skip(if:false)'.repeat(2000)} }`)],
  ['14,000 unknown fields', document(`{ ${times(14_000, (i) => `maintenance${i}`)} }`)],
  ['4,000 unknown arguments', document(`{ maintenances(${times(4000, (i) => `residenceId${i}: 1`)}) { id } }`)],
  ['3,500 unknown types', document(`query (${times(3500, (i) => `$v${i}: Maintenance${i}`)}) { __typename }`)],
  ['2,900 variables that are not used', document(`query (${times(2900, (i) => `$v${i}: Int`)}) { __typename }`)],
  [
    '2,000 variables that are not defined',
    document(`{ ${times(2000, (i) => `a${i}: maintenance(id: $v${i}) { id }`)} }`),
  ],
  ['3,000 operations', document(times(3000, (i) => `query q${i} { __typename }`))],
  [
    '2,100 fragments that are not used',
    document(`{ __typename } ${times(2100, (i) => `fragment f${i} on Query { __typename }`)}`),
  ],
  ['1 MB of comments', document(`{ __typename }${'#\n'.repeat(300_000)}`)],
  ['1 MB of commas', document(`{ __typename ${','.repeat(1_000_000)} }`)],
  ['a name of 1 MB', document(`{ ${'a'.repeat(1_000_000)} }`)],
  ['a string of 1 MB', document(`{ maintenances(residenceId: "${'x'.repeat(1_000_000)}") { id } }`)],
  ['a string of 100,000 escapes', document(`{ maintenances(residenceId: "${'\\u{41}'.repeat(100_000)}") { id } }`)],
  ['a block string of 300,000 lines', document(`{ maintenances(residenceId: """${' \n'.repeat(300_000)}""") { id } }`)],
  ['a number of 1 MB', document(`{ maintenances(residenceId: "${R}", first: ${'9'.repeat(1_000_000)}) { id } }`)],
  [
    'a string of 1 MB in a variable',
    document(`query ($r: ID!) { maintenances(residenceId: $r) { id } }`, `{"r":"${'x'.repeat(1_000_000)}"}`),
  ],
  ['an id of 1 MB', document(`query ($i: ID!) { maintenance(id: $i) { id } }`, `{"i":"${'%25'.repeat(300_000)}:m"}`)],
  [
    'an id of 1 MB of colons',
    document(`query ($i: ID!) { maintenance(id: $i) { id } }`, `{"i":"${':'.repeat(1_000_000)}"}`),
  ],
  ['a time of 1 MB', document(CREATE, `{"input":{"startTime":"2024-01-16T13:32:45.${'0'.repeat(1_000_000)}"}}`)],
  [
    'a description of 1 MB of blanks',
    document(
      CREATE,
      `{"input":{"residenceId":"r","startTime":"2024-01-16T13:32:45Z","finishTime":"2024-01-17T13:32:45Z","contact":"x","description":"${' '.repeat(1_000_000)}"}}`,
    ),
  ],
  ['100,000 representations', document(ENTITIES, `{"r":[${times(100_000, () => '{}', ',')}]}`)],
  [
    '29,000 representations of a residence',
    document(ENTITIES, `{"r":[${times(29_000, () => '{"__typename":"Residence","id":"r"}', ',')}]}`),
  ],
  ['200,000 representations that are numbers', document(ENTITIES, `{"r":[${times(200_000, () => '1', ',')}]}`)],
  [
    'a representation 150,000 deep',
    document(ENTITIES, `{"r":[{"__typename":"Residence","id":${nested('{"a":', '}', 150_000, '1')}}]}`),
  ],
  ['a flood of 200,000 values of a wrong type', document(DELETE, `{"ids":[${times(200_000, () => '{}', ',')}]}`)],
  ['200,000 ids', document(DELETE, `{"ids":[${times(200_000, () => '1', ',')}]}`)],
  ['80,000 unknown input fields', document(CREATE, `{"input":{${times(80_000, (i) => `"a${i}":1`, ',')}}}`)],
  ['45,000 misspelt input fields', document(CREATE, `{"input":{${times(45_000, (i) => `"residenceId${i}":1`, ',')}}}`)],
  ['80,000 variables that are not declared', document('{ __typename }', `{${times(80_000, (i) => `"a${i}":1`, ',')}}`)],
  ['variables 400,000 deep', document('{ __typename }', `{"a":${nested('[', ']', 400_000)}}`)],
  ['extensions 150,000 deep', `{"query":"{ __typename }","extensions":${nested('{"a":', '}', 150_000, '1')}}`],
  ['a body 500,000 deep', nested('[', ']', 500_000)],
  ['a body 500,000 deep that does not end', '['.repeat(1_000_000)],
  ['60,000 × __proto__', document('{ __typename }', `{${times(60_000, () => '"__proto__":{}', ',')}}`)],
  ['__proto__ 60,000 deep', document('{ __typename }', nested('{"__proto__":', '}', 60_000, '1'))],
  [
    '30,000 × constructor.prototype',
    document('{ __typename }', `{"a":[${times(30_000, () => '{"constructor":{"prototype":1}}', ',')}]}`),
  ],
  ['a batch of 25,000', `[${times(25_000, () => '{"query":"{__typename}"}', ',')}]`],
  ['a list of 10,000 with every field', document(`{ ${large('ten')} { ${EVERY_FIELD} } }`)],
  ['a list of 20,000 with every field', document(`{ ${large('twenty')} { ${EVERY_FIELD} } }`)],
  ['a list of 10,000 with 100 aliases', document(`{ ${large('ten')} { ${times(100, (i) => `a${i}: id`)} } }`)],
  ['50 lists of 2,000', document(`{ ${times(50, (i) => `a${i}: ${large('two')} { id }`)} }`)],
  [
    '50 lists of 2,000 with every field',
    document(`{ ${times(50, (i) => `a${i}: ${large('two')} { ${EVERY_FIELD} }`)} }`),
  ],
  [
    'lists of lists of 2,000',
    document(`{ ${large('two')} { ${nested('residence { maintenances { ', '} } ', 4, 'id ')} } }`),
  ],
  [
    '1,900 lists beneath a list',
    document(`{ ${large('two').replace(')', ', first: 1900)')} { residence { maintenances { id } } } }`),
  ],
  [
    '1,900 sorted lists beneath a list',
    document(
      `{ ${large('two').replace(')', ', first: 1900)')} { residence { maintenances(orderBy: START_TIME_DESC, first: 0) { id } } } }`,
    ),
  ],
  [
    'a sorted list of 20,000 fifteen times',
    document(
      `{ ${times(15, (i) => `a${i}: ${large('twenty').replace(')', ', orderBy: START_TIME_DESC, first: 0)')} { id }`)} }`,
    ),
  ],
  [
    '1,000 residences with 97 lists each',
    document(
      `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Residence { ${times(97, (i) => `a${i}: maintenances(first: -1) { id }`)} } } }`,
      `{"r":[${times(1000, () => `{"__typename":"Residence","id":"${R}"}`, ',')}]}`,
    ),
  ],
  [
    '1,000 residences with two lists each that are refused',
    document(
      `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Residence { ${times(2, (i) => `a${i}: maintenances(first: -1) { id }`)} } } }`,
      `{"r":[${times(1000, () => `{"__typename":"Residence","id":"${R}"}`, ',')}]}`,
    ),
  ],
  [
    '3,700 representations of 1,000 requests',
    document(
      `query ($r: [_Any!]!, $s: [_Any!]!) { ${times(3, (i) => `a${i}: _entities(representations: $r) { ... on Maintenance { id } }`)} b: _entities(representations: $s) { ... on Maintenance { id } } }`,
      `{${['"r"', '"s"'].map((name, index) => `${name}:[${times(1000 - 300 * index, (i) => `{"__typename":"Maintenance","id":"two:m${i}"}`, ',')}]`)}}`,
    ),
  ],
  [
    '3,240 representations with every field',
    document(
      `query ($r: [_Any!]!, $s: [_Any!]!) { ${times(3, (i) => `a${i}: _entities(representations: $r) { ... on Maintenance { ${EVERY_FIELD} } }`)} b: _entities(representations: $s) { ... on Maintenance { ${EVERY_FIELD} } } }`,
      `{${['"r"', '"s"'].map((name, index) => `${name}:[${times(1000 - 760 * index, (i) => `{"__typename":"Maintenance","id":"ten:m${i}"}`, ',')}]`)}}`,
    ),
  ],
  [
    '3,700 representations of as many requests that nobody may see',
    document(
      `query (${times(4, (i) => `$r${i}: [_Any!]!`)}) { ${times(4, (i) => `a${i}: _entities(representations: $r${i}) { ... on Maintenance { id } }`)} }`,
      `{${times(4, (j) => `"r${j}":[${times(925, (i) => `{"__typename":"Maintenance","id":"none:${j}-${i}"}`, ',')}]`, ',')}}`,
    ),
  ],
  [
    '90,000 states',
    document(
      `query ($s: [MaintenanceState!]) { ${large('two').replace(')', ', states: $s)')} { id } }`,
      `{"s":[${times(90_000, () => '"CLOSED"', ',')}]}`,
    ),
  ],
  ['texts of 90 MB', document(`{ maintenances(residenceId: "long") { ${times(97, (i) => `a${i}: description`)} } }`)],
  ['100,000 keys that repeat', `{${times(100_000, () => '"query":1', ',')}}`],
];
