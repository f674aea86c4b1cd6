/** Expensive requests, alone and by 1,000 callers at once. */
import { setTimeout as delay } from 'node:timers/promises';
import { type ReplyName, startFastVendor } from '../../bench/fast-vendor.ts';
import { loadWhile, type Sending } from '../support/load.ts';
import { aliased, DELETE, times } from '../support/maintenance/requests.ts';
import { HEADERS, type Replica, startReplica } from '../support/replica.ts';
import { atLeast, atMost, type Figure, noted } from './figures.ts';
import { readPeak, resetPeak } from './proc.ts';
import { ask, CALLERS, isRare, withHealthChecks } from './stage.ts';

type Make = string | ((index: number) => string);

const repeat = (count: number, make: Make, separator = ' ') =>
  times(count, (index) => (typeof make === 'string' ? make : make(index))).join(separator);
const document = (query: string, variables?: string) =>
  variables === undefined ? JSON.stringify({ query }) : `{"query":${JSON.stringify(query)},"variables":${variables}}`;
const entities = (type: string, fields: string) => `_entities(representations: $r) { ... on ${type} { ${fields} } }`;
const readEntities = (fields: string) => `query ($r: [_Any!]!) { ${fields} }`;
/** Returns the variable `r` of `readEntities`. */
const representations = (count: number, make: Make) => `{"r":[${repeat(count, make, ',')}]}`;
const EVERY_FIELD =
  'id maintenanceId residence { id } startTime finishTime createdTime description contact feedback pictureUrls state';

const list = (fields: string, id: string | number = 'r') => `maintenances(residenceId: "${id}") { ${fields} }`;

interface Call extends Pick<Sending, 'bodyMs' | 'readMs'> {
  readonly body: string | Buffer | (() => string);
  /** The vendor's reply to the commands of this request. */
  readonly reply: ReplyName;
  /** Milliseconds from the last byte of the body until the caller leaves. */
  readonly leaveMs?: number;
  /** How many callers send it at once, 1,000 by default. */
  readonly callers?: number;
  /** How often each caller sends it, once by default. */
  readonly rounds?: number;
}

// Keep only the beginning of an answer, so that this process stays fast enough to measure the replica.
const KEPT_BYTES = 300_000;

/** Returns `data`, the code of the first error, a status without a code, or `no answer` and the reason. */
async function call(replica: Replica, name: string, sending: Call, signal: AbortSignal): Promise<string> {
  const { reply, body, leaveMs } = sending;
  const leaving = new AbortController();
  const asked = ask(false, replica, {
    ...sending,
    headers: { ...HEADERS, authorization: `Bearer ${reply}.${name}` },
    body: typeof body === 'function' ? body() : body,
    kept: KEPT_BYTES,
    onSent: () => leaveMs !== undefined && setTimeout(() => leaving.abort(), leaveMs),
    signal: AbortSignal.any([signal, leaving.signal]),
  });
  const [outcome = ''] = await asked.catch(({ code }) => [`no answer: ${code}`]);
  return outcome;
}

const ORDINARY = { reply: 'small', body: document(`{ ${list('id state description')} }`) } as const;
const ordinaryCall = (replica: Replica, ms: number) => call(replica, 'ordinary', ORDINARY, AbortSignal.timeout(ms));

type Run = (replica: Replica) => Promise<Figure[]>;

/** Runs a scenario after the first requests of the process, which are slow because its code is not compiled yet. */
async function withWarmReplica(env: NodeJS.ProcessEnv, run: Run) {
  const vendor = await startFastVendor();
  const replica = await startReplica(vendor.url, env, isRare);
  for (let count = 0; count < 200; count++) await ordinaryCall(replica, REQUEST_MS);
  const figures = await run(replica);
  const exit = await replica.stop();
  await vendor.stop();
  return [...figures, atMost('exit code', exit ?? 1, 0)];
}

const REQUEST_MS = 10_000;
const SMALL_READ_MS = 1000;

/** Measures small reads beside an operation, or beside several at once. */
async function readBeside(replica: Replica, name: string, sending: Call, count = 1): Promise<Figure[]> {
  const send = (_: unknown, index: number) =>
    call(replica, `large-${index}`, sending, AbortSignal.timeout(2 * REQUEST_MS));
  const read = async () => {
    const start = performance.now();
    const answer = await ordinaryCall(replica, REQUEST_MS);
    return answer === 'data' ? performance.now() - start : answer;
  };
  const sendAll = () => Promise.all(Array.from({ length: count }, send));
  const { result: answers, outcomes } = await loadWhile(sendAll, read, { workers: 1, everyMs: 20 });
  const served = outcomes.filter((outcome) => typeof outcome === 'number');
  console.log(`  ${name}: ${answers}`);
  return [
    noted(`reads beside ${name}, and refused`, outcomes.length - served.length),
    atLeast(`reads beside ${name}, and served`, served.length, 1),
    atMost(`slowest read beside ${name}`, Math.max(...served), SMALL_READ_MS, ' ms'),
  ];
}

export const largeOperations = () =>
  withWarmReplica({}, async (replica) => {
    const body = document(READS, RESIDENCES);
    const beside = (count: number, name: string, reply: ReplyName) =>
      readBeside(replica, `${count} of 1,000 ${name}`, { reply, body }, count);
    return [
      ...(await beside(1, 'lists of 2 MB', 'ordinary')),
      ...(await beside(3, 'lists of 2 MB', 'ordinary')),
      ...(await beside(3, 'lists of 2 MB in gzip', 'gzip')),
    ];
  });

const ENV = { NODE_OPTIONS: '--max-old-space-size=256' };
const ATTACK_MS = 12_000;
const RECOVERY_MS = 10_000;
const RECOVERED_MS = 1000;
// A vendor that is too slow for a busy replica may open the breaker, for BREAKER_OPEN_MS.
const RECOVERED_AFTER_SLOW_MS = 3000;
// The timeout of the liveness probe in deploy/.
const PROBE_MS = 5000;

const shape = (reply: ReplyName, query: string, variables?: string) => ({ reply, body: document(query, variables) });
const read = (reply: ReplyName, fields: string) => shape(reply, `{ ${list(fields)} }`);
const DELETION = 'deleteMaintenances(ids: $ids) { deletedIds failures { failedId message } }';
const IDS = `{"ids":[${repeat(500, (i) => `"r${i % 100}:${i}"`, ',')}]}`;
const deletes = (reply: ReplyName, count: number) =>
  shape(reply, `mutation ($ids: [ID!]!) { ${aliased(count, DELETION)} }`, IDS);
const READS = readEntities(entities('Residence', 'maintenances { id }'));
const RESIDENCES = representations(1000, (i) => `{"__typename":"Residence","id":"${i}"}`);
const FIFTY = readEntities(aliased(50, entities('Maintenance', 'id state')));
const MAINTENANCES = representations(1000, (i) => `{"__typename":"Maintenance","id":"r:${i}"}`);
const unused = (bytes: number) => `{"a":[${repeat(bytes / 3 - 100, '[]', ',')}]}`;
// Little less than a body may have in this heap.
const LARGE_READ = Buffer.from(document(`{ ${list('id')} }`, unused(500_000)));
const LARGE_WRITE = Buffer.from(document(DELETE, unused(400_000)));
let round = 0;
const distinct = () =>
  document(`{ maintenances(residenceId: "${round}", states: [${'CLOSED '.repeat(14_900)}]) { id } } # ${round++}`);

const SHAPES: Readonly<Record<string, Call>> = {
  'tiny tickets, id': read('tiny', 'id'),
  'faulty tickets, every field': read('faulty', EVERY_FIELD),
  'faulty tickets, 99 aliases': read('faulty', aliased(99, 'state')),
  'a text of 1.9 MB': read('text', EVERY_FIELD),
  'a text of 1.9 MB, 20 aliases': read('text', aliased(20, 'description')),
  '450,000 picture URLs': read('urls', 'pictureUrls'),
  '50 lists': shape('tiny', `{ ${aliased(50, (index) => list('id', index))} }`),
  '1,000 reads': shape('hundred', READS, RESIDENCES),
  '50 × 1,000 representations': shape('ordinary', FIFTY, MAINTENANCES),
  '50 × 600 faulty representations': shape('small', FIFTY, representations(600, '1')),
  '100 writes with error replies of 2 MB': deletes('error', 1),
  '50 × 100 writes': deletes('small', 50),
  'unused variables of 500 KB': { reply: 'slow-small', body: LARGE_READ },
  'chunked bodies of 500 KB that take 3 s': { reply: 'slow-small', body: LARGE_READ, bodyMs: 3000 },
  'lists of 2 MB': read('ordinary', 'id'),
  'lists of 2 MB in gzip': read('gzip', 'id'),
  // More than a cache of documents holds; fewer than 1,000 if the time is over.
  'distinct documents of 15,000 tokens': { reply: 'small', body: distinct, callers: 4, rounds: 250 },
  'slow replies': read('slow', 'id'),
  'slow readers': { ...read('ordinary', EVERY_FIELD), readMs: 5000 },
  'callers that leave slow writes of 400 KB': { reply: 'slow-small', body: LARGE_WRITE, leaveMs: 100, rounds: 4 },
};

/** 1,000 callers at once of each hostile shape, at a heap of 256 MB: the process survives and soon answers an ordinary read. */
export const hostileCallers = () =>
  withWarmReplica(ENV, async (replica) => {
    const figures: Figure[] = [];
    const peaks = new Map<string, number>();
    const attacks = Object.entries(SHAPES).map(([name, shape]) => ({ name, shapes: [shape] }));
    for (const { name, shapes } of [...attacks, { name: 'all of them at once', shapes: Object.values(SHAPES) }]) {
      const { answers, peak, slowestMs } = await attack(replica, shapes);
      const ms = await recover(replica);
      peaks.set(name, peak);
      console.log(`  ${name}: ${answers}`);
      const isSlow = shapes.some(({ reply }) => reply.startsWith('slow'));
      const bound = isSlow ? RECOVERED_AFTER_SLOW_MS : RECOVERED_MS;
      figures.push(
        atMost(`${name}: slowest health check`, slowestMs, PROBE_MS, ' ms'),
        atMost(`${name} (${Math.round(peak)} MB): until an ordinary answer`, ms, bound, ' ms'),
      );
      if (ms > RECOVERY_MS) return figures;
    }
    const { answers, served } = await attack(replica, [read('hundred', EVERY_FIELD)]);
    console.log(`  ordinary callers: ${answers}`);
    const [plain = 0, gzip = 0] = ['lists of 2 MB', 'lists of 2 MB in gzip'].map((name) => peaks.get(name));
    figures.push(atMost('memory of lists in gzip, of that of plain ones', gzip / plain, 1.1));
    return [...figures, atLeast(`of ${CALLERS} callers of 100 ordinary tickets, served`, served, CALLERS)];
  });

/** Sends the shapes in turn from all callers at once. Returns the counts of the answers and the peak of the memory in MB. */
async function attack(replica: Replica, shapes: readonly Call[]) {
  const { pid } = replica;
  const counts = new Map<string, number>();
  resetPeak(pid);
  const end = AbortSignal.timeout(ATTACK_MS);
  const callers = (shapes.length === 1 && shapes[0]?.callers) || CALLERS;
  const attacking = Array.from({ length: callers }, async (_, caller) => {
    const shape = shapes[caller % shapes.length] as Call;
    for (let round = 0; round < (shape.rounds ?? 1) && !end.aborted; round++) {
      const answer = await call(replica, `${caller}-${round}`, shape, end);
      counts.set(answer, (counts.get(answer) ?? 0) + 1);
    }
  });
  const { slowestMs } = await withHealthChecks(replica, () => Promise.all(attacking), 10);
  const answers = [...counts].map(([answer, count]) => `${count} ${answer}`).join(', ');
  return { answers, served: counts.get('data') ?? 0, slowestMs, peak: readPeak(pid) / 2 ** 20 };
}

/** Reads until an answer is good, which takes longer than `RECOVERED_MS` if the breaker is open. Returns the time. */
async function recover(replica: Replica): Promise<number> {
  const start = performance.now();
  while (performance.now() - start < RECOVERY_MS) {
    if ((await ordinaryCall(replica, RECOVERED_MS)) === 'data') return performance.now() - start;
    await delay(50);
  }
  return Number.POSITIVE_INFINITY;
}
