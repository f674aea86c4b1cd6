/**
 * Generated requests of at most 1 MB that multiply what an answer costs: root fields × selections × replies of the vendor.
 */
import { document, EVERY_FIELD, times } from './hostile.ts';
import { idOf, type ReplyName } from './vendor.ts';

export interface HostileRequest {
  readonly name: string;
  readonly body: string;
  readonly reply: ReplyName;
  /** Whether the request asks for an inline trace, as a router with reports to Apollo does. */
  readonly traced?: boolean;
}

interface Root {
  make(selection: string, reply: ReplyName): string;
  readonly replies?: readonly ReplyName[];
  /** The root multiplies already, and leaves no room for aliases. */
  readonly plain?: true;
}

const REPLIES = ['small', 'ordinary', 'tiny', 'faulty', 'text', 'urls', 'ids', 'refusal'] as const;
const LISTS = ['ordinary', 'tiny', 'faulty', 'ids'] as const;

const list = (args = '') => `maintenances(residenceId: "r"${args})`;
const entities = (type: string, fields: string) => `_entities(representations: $r) { ... on ${type} { ${fields} } }`;
const QUERY = 'query ($r: [_Any!]!)';
const RESIDENCES = `{"r":[${times(1000, () => '{"__typename":"Residence","id":"r"}', ',')}]}`;
const representation = (id: string) =>
  `{"__typename":"Maintenance","residence":{"id":"r"},"maintenanceId":${JSON.stringify(id)}}`;
const requests = (reply: ReplyName) => `{"r":[${times(1000, (index) => representation(idOf(reply, index)), ',')}]}`;

const ROOTS: Readonly<Record<string, Root>> = {
  list: { make: (fields) => document(`{ ${list()} { ${fields} } }`) },
  'list of 90,000 states': {
    make: (fields) =>
      document(
        `query ($s: [MaintenanceState!]) { ${list(', states: $s')} { ${fields} } }`,
        `{"s":[${times(90_000, () => '"CLOSED"', ',')}]}`,
      ),
    replies: ['ordinary', 'tiny'],
    plain: true,
  },
  '50 × sorted list': {
    make: (fields) =>
      document(`{ ${times(50, (i) => `a${i}: ${list(', orderBy: START_TIME_DESC, first: 0')} { ${fields} }`)} }`),
    replies: LISTS,
    plain: true,
  },
  '50 lists': {
    make: (fields) => document(`{ ${times(50, (i) => `a${i}: maintenances(residenceId: "${i}") { ${fields} }`)} }`),
    plain: true,
  },
  detail: {
    make: (fields) => document(`{ maintenance(id: "r:0") { ${fields} } }`),
    replies: ['tiny', 'faulty', 'text', 'urls'],
  },
  '1,000 × residence': {
    make: (fields) => document(`${QUERY} { ${entities('Residence', `maintenances { ${fields} }`)} }`, RESIDENCES),
    replies: ['small', ...LISTS, 'text', 'refusal'],
  },
  '1,000 requests': {
    make: (fields, reply) => document(`${QUERY} { ${entities('Maintenance', fields)} }`, requests(reply)),
  },
  '1,000 requests, alias of 200 KB': {
    make: (fields, reply) =>
      document(`${QUERY} { ${'a'.repeat(200_000)}: ${entities('Maintenance', fields)} }`, requests(reply)),
    replies: ['faulty', 'refusal'],
    plain: true,
  },
  '50 × 1,000 requests': {
    make: (fields, reply) =>
      document(`${QUERY} { ${times(50, (i) => `a${i}: ${entities('Maintenance', fields)}`)} }`, requests(reply)),
    replies: ['small', ...LISTS, 'refusal'],
    plain: true,
  },
  delete: {
    make: (fields) =>
      document(`mutation { deleteMaintenance(id: "r:0") { residence { maintenances { ${fields} } } } }`),
    replies: LISTS,
    plain: true,
  },
};

const aliases = (count: number, field: string) => times(count, (index) => `a${index}: ${field}`);

/** What is selected of each ticket, the replies for which that matters, and whether it is also traced. */
const SELECTIONS: Readonly<Record<string, readonly [string, readonly ReplyName[], 'traced'?]>> = {
  id: ['id', REPLIES, 'traced'],
  'every field': [EVERY_FIELD, REPLIES, 'traced'],
  '20 × state': [aliases(20, 'state'), LISTS],
  '99 × state': [aliases(99, 'state'), LISTS, 'traced'],
  '20 × description': [aliases(20, 'description'), ['ordinary', 'text']],
  '99 × description': [aliases(99, 'description'), ['ordinary', 'text', 'faulty']],
  '20 × pictureUrls': [aliases(20, 'pictureUrls'), ['ordinary', 'urls']],
  '99 × pictureUrls': [aliases(99, 'pictureUrls'), ['ordinary', 'urls']],
  'lists beneath': ['residence { maintenances { id } }', LISTS, 'traced'],
  '20 × sorted list beneath': [
    `residence { ${aliases(20, 'maintenances(orderBy: START_TIME_DESC, first: 0) { id }')} }`,
    ['ordinary', 'tiny'],
  ],
  'alias of 20 KB': [`${'a'.repeat(20_000)}: state`, LISTS, 'traced'],
  'alias of 200 KB': [`${'a'.repeat(200_000)}: state`, ['small', ...LISTS]],
};
const PLAIN = ['id', 'every field'];

/** Yields each combination that can matter. */
export function* generateRequests(): Generator<HostileRequest> {
  for (const [root, { make, replies = REPLIES, plain }] of Object.entries(ROOTS)) {
    for (const [what, [selection, affected, traced]] of Object.entries(SELECTIONS)) {
      if (plain && !PLAIN.includes(what)) continue;
      for (const reply of replies.filter((name) => affected.includes(name))) {
        const request = { name: `${root} { ${what} }, reply ${reply}`, body: make(selection, reply), reply };
        yield request;
        if (traced) yield { ...request, name: `${request.name}, traced`, traced: true };
      }
    }
  }
}
