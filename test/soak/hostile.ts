/**
 * Request bodies of at most 1 MB that are made to be expensive. None may hold up the others for long, whether it is
 * refused or answered.
 */
import { EXAMPLE } from '../../dev/seed.ts';

const R = EXAMPLE.residenceId;
const ID = `${R}:${EXAMPLE.maintenanceId}`;
const LIST = `maintenances(residenceId: "${R}")`;

export const times = (count: number, make: (index: number) => string, separator = ' ') =>
  Array.from({ length: count }, (_, index) => make(index)).join(separator);
export const document = (query: string, variables?: string) =>
  variables === undefined ? JSON.stringify({ query }) : `{"query":${JSON.stringify(query)},"variables":${variables}}`;
const nested = (open: string, close: string, depth: number, inside = '') =>
  open.repeat(depth) + inside + close.repeat(depth);
const CREATE = 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }';
const DELETE = 'mutation ($ids: [ID!]!) { deleteMaintenances(ids: $ids) { deletedIds } }';
const ENTITIES = 'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Residence { id } } }';

export const EVERY_FIELD =
  'id maintenanceId residence { id } startTime finishTime createdTime description contact feedback pictureUrls state';

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
  ['100,000 keys that repeat', `{${times(100_000, () => '"query":1', ',')}}`],
];
