/** What is asked, what the command API answers, and what is known of the operation afterwards. */
import { aliased, DELETE, LIST, R } from '../support/maintenance/requests.ts';
import { WIRE } from '../support/maintenance/wire.ts';
import { type Answer, type Fault, inTurn } from '../support/upstream.ts';

const BATCH = 'batch_delete_maintenance_info';
const [UNAVAILABLE, TIMEOUT, INVALID] = ['UPSTREAM_UNAVAILABLE', 'UPSTREAM_TIMEOUT', 'UPSTREAM_INVALID_RESPONSE'];
const [INTERNAL, UNAUTHENTICATED] = ['INTERNAL_SERVER_ERROR', 'UNAUTHENTICATED'];

export type Result = number | string;

/**
 * A command, by default a successful list. `residence` identifies commands of one name. `kind` is the `error.type` of its
 * span. `attempts` are statuses or errors.
 */
export type Made = Partial<Record<'name' | 'residence' | 'code' | 'kind' | 'upstreamCode' | 'outcome', string>> & {
  attempts?: readonly Result[];
  detail?: Result | undefined;
  flaws?: readonly { kind: string; member?: string }[];
  dropped?: number;
};

/**
 * An operation, by default a successful query without a name. The gravest code and the failed commands are first. `leaves`:
 * its caller leaves once the command API has received the command.
 */
export type Expected = {
  type?: string | undefined;
  name?: string;
  status?: number;
  level?: number;
  codes?: readonly string[];
  commands?: readonly Made[];
  env?: NodeJS.ProcessEnv;
  token?: string;
  leaves?: boolean;
};

const list = (residenceId: string, fields = 'id') => `maintenances(residenceId: "${residenceId}") { ${fields} }`;
const lists = (...ids: string[]) => `{ ${aliased(ids.length, (index) => list(ids[index] ?? ''))} }`;
const batch = (...ids: string[]) => `mutation { deleteMaintenances(ids: ${JSON.stringify(ids)}) { deletedIds } }`;
const answers = (answer: Answer | 'taken') => () => answer;
const results = (result: unknown) => answers({ body: { success: true, result } });
const failB: Fault = ({ param }) => (param.residence_id === 'b' ? { status: 500 } : undefined);
const CUT = 'ECONNRESET';
const failed = (code: string, kind: string, attempts: readonly Result[] = [200], detail = attempts.at(-1)): Made => {
  return { code, kind, attempts, detail: typeof detail === 'number' ? `status ${detail}` : detail };
};
const info = (code: string, ...commands: Made[]): Expected => ({ codes: [code], commands });
const warn = (code: string, ...commands: Made[]): Expected => ({ level: 40, codes: [code], commands });
const flawed = (kind: string, attempts?: string[], detail?: string) =>
  warn(INVALID, { ...failed(INVALID, kind, attempts, detail), flaws: [{ kind }] });
const [OUT_OF_TIME, GONE] = ['out of time', 'caller disconnected'];
const left = (attempt: Result) => {
  return { ...info('CALLER_GONE', failed('CALLER_GONE', 'cancelled', [attempt], GONE)), leaves: true };
};
const ALL_FAILED = failed(UNAVAILABLE, 'unreachable', [429, 502, CUT]);
const REFUSE = answers({ body: { success: false, code: 'E1' } });
const REJECTED = { ...failed('COMMAND_REJECTED', 'rejected'), upstreamCode: 'E1' };
/** No file descriptor is left for a socket, which is our fault. */
export const OWN_FAULT = 'EMFILE';
export const UNLUCKY = 'token-of-an-unlucky-caller';
const unforeseen = (command: Made = {}) => {
  return { ...info(INTERNAL, { ...failed(INTERNAL, 'internal', [OWN_FAULT]), ...command }), level: 50, token: UNLUCKY };
};
const BAD = { maintenance_id: 'm', contact: 1, state: 'new' };
const BAD_MEMBERS = { flaws: ['contact', 'state'].map((member) => ({ kind: 'member', member })) };
const NO_IDS = { flaws: [{ kind: 'ticket', member: 'maintenance_id' }], dropped: 2 };
const NO_GZIP = answers({ headers: { 'content-encoding': 'gzip' }, body: 'no gzip' });
const RETRY_LATER = answers({ status: 503, headers: { 'retry-after': '5' } });
const SHORT_TIME = { ATTEMPT_TIMEOUT_MS: '1000', OPERATION_TIMEOUT_MS: '2000' };
const SHORT_QUEUE = { MAX_COMMANDS_IN_FLIGHT: '1', MAX_COMMANDS_QUEUED: '2' };
const FAILED_B = { ...failed(UNAVAILABLE, 'failed', [500]), residence: 'b' };
const BATCHES = [
  { ...FAILED_B, name: BATCH, outcome: 'UNKNOWN' },
  { name: BATCH, residence: R },
];
const mutation = (expected: Expected): Expected => ({ ...expected, type: 'mutation' });
const REFUSED = { ...REJECTED, name: 'delete_maintenance_info', outcome: 'REJECTED' };
const FAULTY = { name: BATCH, outcome: 'NOT_SENT' };
const TWO_CODES = { ...warn(UNAVAILABLE, FAILED_B, { residence: R }), codes: [UNAVAILABLE, 'BAD_USER_INPUT'] };
const BUSY = {
  env: { ...SHORT_TIME, ...SHORT_QUEUE },
  ...warn(
    UNAVAILABLE,
    { ...failed(TIMEOUT, 'timeout', ['ETIMEDOUT']), residence: 'a' },
    { ...failed(TIMEOUT, 'timeout', [OUT_OF_TIME]), residence: 'b' },
    { ...failed(TIMEOUT, 'timeout', [], OUT_OF_TIME), residence: 'c' },
    { ...failed(UNAVAILABLE, 'no_room', [], 'queue full'), residence: 'd' },
  ),
  codes: [UNAVAILABLE, TIMEOUT],
};

type Row = [title: string, query: string, fault: Fault | undefined, expected: Expected];
export const EVENTS: Row[] = [
  ...WIRE.map(({ name, operation: type, field, result }): Row => {
    return [`a successful ${name}`, `${type} { ${field} }`, results(result), { type, commands: [{ name }] }];
  }),
  ['a named operation', `query ${'x'.repeat(101)} { __typename }`, undefined, { name: 'x'.repeat(100) }],
  ['a document that does not parse', '{', undefined, { type: undefined, ...info('GRAPHQL_PARSE_FAILED') }],
  ['an empty document', '', undefined, { type: undefined, status: 400, ...info('BAD_REQUEST') }],
  ['a wrong argument', lists(''), undefined, info('BAD_USER_INPUT')],
  ['a refused token', LIST, inTurn(401), info(UNAUTHENTICATED, failed(UNAUTHENTICATED, 'unauthenticated', [401]))],
  ['a read that is refused', LIST, REFUSE, info('COMMAND_REJECTED', REJECTED)],
  ['a write that is refused', DELETE, REFUSE, mutation(info('COMMAND_REJECTED', REFUSED))],
  ['a wrong argument and a failed command', lists('', R, 'b'), failB, TWO_CODES],
  ['a batch whose failure is data', batch(`${R}:m`, 'b:1'), failB, mutation(warn(UNAVAILABLE, ...BATCHES))],
  ['a read with two retries', LIST, inTurn('cut', 503), { commands: [{ attempts: [CUT, 503, 200] }] }],
  ['a read whose attempts all fail', LIST, inTurn(429, 502, 'cut'), warn(UNAVAILABLE, ALL_FAILED)],
  ['commands out of time, and a command beyond the queue', lists('a', 'b', 'c', 'd'), answers('taken'), BUSY],
  ['a caller that leaves during an attempt', LIST, answers('taken'), left(GONE)],
  ['a caller that leaves in the pause before a retry', LIST, RETRY_LATER, left(503)],
  ['a reply that is no envelope', LIST, answers({ body: '<html>' }), flawed('envelope')],
  ['a result of another form', LIST, results({ a: 1 }), flawed('result', undefined, 'unexpected result')],
  ['a missing result', LIST, results(null), flawed('empty', undefined, 'empty result')],
  // The default of MAX_REPLY_BYTES is 2 MiB.
  ['a reply over 2 MiB', LIST, answers({ body: 'x'.repeat(2_100_000) }), flawed('size', ['reply too large'])],
  ['a reply that is no gzip', LIST, NO_GZIP, flawed('bytes', ['Z_DATA_ERROR'])],
  ['undecodable members, not selected', LIST, results([BAD, BAD]), { level: 40, commands: [BAD_MEMBERS] }],
  ['an undecodable member, selected', `{ ${list(R, 'contact')} }`, results([BAD]), warn(INVALID, BAD_MEMBERS)],
  ['tickets without an id', LIST, results([{ maintenance_id: 'm' }, {}, {}]), { level: 40, commands: [NO_IDS] }],
  ['an unforeseen error', LIST, undefined, unforeseen()],
  ['a batch whose unforeseen error is data', batch('r:m'), undefined, mutation(unforeseen(FAULTY))],
];
