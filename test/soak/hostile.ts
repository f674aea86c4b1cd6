/**
 * The scenarios `blocking` and `hostile-callers`: expensive requests, alone and by 250 callers at once.
 */
import { setMaxListeners } from 'node:events';
import http, { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { load, request } from '../support/load.ts';
import { HEADERS, type Replica, startReplica } from '../support/replica.ts';
import { scrape } from '../support/scrape.ts';
import { atLeast, atMost, type Figure, noted } from './figures.ts';
import { readMb, resetPeak } from './replica.ts';
import {
  aliases,
  document,
  ENTITIES,
  EVERY_FIELD,
  entities,
  generateRequests,
  representations,
  times,
} from './requests.ts';
import { type ReplyName, startVendor } from './vendor.ts';

interface Call {
  readonly body: string | Buffer;
  /** The vendor's reply to the commands of this request. */
  readonly reply: ReplyName;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds until the last byte of the body is sent. */
  readonly bodyMs?: number;
  /** Milliseconds until the caller reads the answer. */
  readonly readMs?: number;
  /** Milliseconds from the last byte of the body until the caller leaves. */
  readonly leaveMs?: number;
}

// Keep only the beginning of an answer, so that this process stays fast enough to measure the replica.
const KEPT_CHARACTERS = 100_000;

/** Returns `data`, the code of the first error, a status without a code, or `no answer` and the reason. */
function call(url: string, name: string, sending: Call, signal: AbortSignal): Promise<string> {
  const { reply, body, headers, bodyMs, readMs = 0, leaveMs } = sending;
  return new Promise((resolve) => {
    const authorization = `Bearer ${reply}.${name}`;
    const options = { agent: false, method: 'POST', signal, headers: { ...HEADERS, authorization, ...headers } };
    const fail = (reason: string | undefined) => resolve(`no answer: ${signal.aborted ? 'time is over' : reason}`);
    const sent = http.request(`${url}/graphql`, options, async (response) => {
      response.on('error', ({ code }: NodeJS.ErrnoException) => fail(code));
      response.on('close', () => fail('cut off'));
      await delay(readMs);
      let start = '';
      response.on('data', (chunk: Buffer) => {
        if (start.length < KEPT_CHARACTERS) start += chunk;
      });
      response.on('end', () => {
        const code = /"code":"(\w+)"/.exec(start)?.[1];
        resolve(code ?? (response.statusCode === 200 ? 'data' : `${response.statusCode}`));
      });
    });
    sent.on('error', ({ code }: NodeJS.ErrnoException) => fail(code));
    const leave = () => {
      resolve('left');
      sent.destroy();
    };
    if (leaveMs !== undefined) sent.on('finish', () => setTimeout(leave, leaveMs));
    if (bodyMs === undefined) return void sent.end(body);
    sent.write(body.slice(0, -1));
    setTimeout(() => sent.end(body.slice(-1)), bodyMs);
  });
}

const list = (fields: string, id: string | number = 'r') => `maintenances(residenceId: "${id}") { ${fields} }`;
const ORDINARY = { reply: 'small', body: document(`{ ${list('id state description')} }`) } as const;
const WARM_UP = 200;

/** Starts a replica, and sends the first requests of the process, which are slow because its code is not compiled yet. */
async function startWarm(vendorUrl: string, env?: NodeJS.ProcessEnv): Promise<Replica> {
  const replica = await startReplica(vendorUrl, env);
  const agent = new Agent({ keepAlive: true });
  const headers = { ...HEADERS, authorization: 'Bearer small.warm' };
  for (let count = 0; count < WARM_UP; count++)
    await request(agent, `${replica.url}/graphql`, { headers, body: ORDINARY.body });
  agent.destroy();
  return replica;
}

const BLOCKED_MS = 250;
// A gap far from the bound needs no second run.
const UNCLEAR_MS = { above: BLOCKED_MS / 2, below: 4 * BLOCKED_MS };
const PRINTED = 15;
// Longer requests are aborted, and the replica is replaced.
const REQUEST_MS = 10_000;
const MAX_BODY_BYTES = 1024 * 1024;
const TRACED = { 'apollo-federation-include-trace': 'ftv1' };

/** Measures how long each hostile request delays a health check on another connection. */
export async function blocking(): Promise<Figure[]> {
  const requests = [...generateRequests()];
  for (const { name, body } of requests)
    if (Buffer.byteLength(body) > MAX_BODY_BYTES) throw new Error(`${name} is larger than a body may be`);
  const vendor = await startVendor();
  let replica = await startWarm(vendor.url);
  const baseline = await measureGap(replica, () => delay(500));
  const gaps: { name: string; ms: number }[] = [];
  for (const { name, body, reply, traced } of requests) {
    const sending = { body, reply, ...(traced && { headers: TRACED }) };
    let answer = '';
    const ms = await measureGap(replica, async () => {
      answer = await call(replica.url, 'blocking', sending, AbortSignal.timeout(REQUEST_MS));
    });
    const hasDied = /no answer: [Ec]/.test(answer);
    gaps.push({ name: `${name}: ${answer}`, ms: hasDied ? Number.POSITIVE_INFINITY : ms });
    if (!answer.startsWith('no answer')) continue;
    replica.kill();
    replica = await startWarm(vendor.url);
  }
  replica.kill();
  await vendor.stop();
  return [
    noted('without a request', baseline, ' ms'),
    noted('requests', gaps.length),
    ...gaps
      .sort((one, other) => (one.ms < other.ms ? 1 : -1))
      .map(({ name, ms }) => atMost(name, ms, BLOCKED_MS, ' ms'))
      .filter(({ kept }, index) => !kept || index < PRINTED),
  ];
}

/** Returns the median of three runs, so that a busy moment of the machine does not count. A clear first run suffices. */
async function measureGap(replica: Replica, act: () => Promise<unknown>): Promise<number> {
  const first = await longestGap(replica, act);
  if (first < UNCLEAR_MS.above || first > UNCLEAR_MS.below) return first;
  const gaps = [first, await longestGap(replica, act), await longestGap(replica, act)];
  return gaps.sort((one, other) => one - other)[1] ?? first;
}

/** Returns the longest wait of a health check while `act` runs, in milliseconds. A separate connection checks every 10 ms. */
async function longestGap({ url }: Replica, act: () => Promise<unknown>): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let longest = 0;
  let over = false;
  const end = performance.now() + 2 * REQUEST_MS;
  const polling = load(
    async () => {
      const start = performance.now();
      const check = request(agent, `${url}/health/live`).catch(() => {});
      await Promise.race([check, delay(REQUEST_MS, undefined, { ref: false })]);
      longest = Math.max(longest, performance.now() - start);
    },
    { workers: 1, everyMs: 10, isOver: () => over || performance.now() > end },
  );
  await delay(50);
  await act();
  over = true;
  await polling;
  agent.destroy();
  return longest;
}

const HEAP = { NODE_OPTIONS: '--max-old-space-size=256' };
const CALLERS = 250;
const ATTACK_MS = 12_000;
const RECOVERY_MS = 10_000;
const RECOVERED_MS = 1000;
// A vendor that is too slow for a busy replica may open the breaker, for BREAKER_OPEN_MS.
const RECOVERED_AFTER_SLOW_MS = 3000;
const TRY_MS = 1000;

interface Shape extends Omit<Call, 'body'> {
  readonly body: Call['body'] | (() => string);
  /** How many callers send it at once, 250 by default. */
  readonly callers?: number;
  /** How often each caller sends it, once by default. */
  readonly rounds?: number;
}

const read = (reply: ReplyName, fields: string) => ({ reply, body: document(`{ ${list(fields)} }`) });
const deletes = (reply: ReplyName, count: number) => ({
  reply,
  body: document(
    `mutation ($ids: [ID!]!) { ${aliases(count, 'deleteMaintenances(ids: $ids) { deletedIds failures { id message } }')} }`,
    `{"ids":[${times(500, (i) => `"r${i % 100}:${i}"`, ',')}]}`,
  ),
});
const UNUSED = `{"a":[${times(340_000, '[]', ',')}]}`;
const LARGE_READ = Buffer.from(document(`{ ${list('id')} }`, UNUSED));
const LARGE_WRITE = Buffer.from(document('mutation { deleteMaintenance(id: "r:1") { id } }', UNUSED));
const chunked = { 'transfer-encoding': 'chunked' };
let round = 0;
const distinct = () =>
  document(`{ maintenances(residenceId: "${round}", states: [${'CLOSED '.repeat(14_900)}]) { id } } # ${round++}`);

const SHAPES: Readonly<Record<string, Shape>> = {
  'tiny tickets, id': read('tiny', 'id'),
  'tiny tickets, every field': read('tiny', EVERY_FIELD),
  'faulty tickets, every field': read('faulty', EVERY_FIELD),
  'faulty tickets, 99 aliases': read('faulty', aliases(99, 'state')),
  'an alias of 20 KB': read('ordinary', `${'a'.repeat(20_000)}: state`),
  'a text of 1.9 MB': read('text', EVERY_FIELD),
  'a text of 1.9 MB, 20 aliases': read('text', aliases(20, 'description')),
  '450,000 picture URLs': read('urls', 'pictureUrls'),
  '50 lists': { reply: 'tiny', body: document(`{ ${aliases(50, (index) => list('id', index))} }`) },
  '1,000 reads': {
    reply: 'hundred',
    body: document(
      `${ENTITIES} { ${entities('Residence', 'maintenances { id }')} }`,
      representations(1000, (i) => `{"__typename":"Residence","id":"${i}"}`),
    ),
  },
  '50 × 1,000 representations': {
    reply: 'ordinary',
    body: document(
      `${ENTITIES} { ${aliases(50, entities('Maintenance', 'id state'))} }`,
      representations(1000, (i) => `{"__typename":"Maintenance","id":"r:${i}"}`),
    ),
  },
  '100 writes with error replies of 2 MB': deletes('error', 1),
  '50 × 100 writes': deletes('small', 50),
  'unused variables of 1 MB': { reply: 'slow-small', body: LARGE_READ },
  'chunked bodies of 1 MB that take 3 s': { reply: 'slow-small', body: LARGE_READ, bodyMs: 3000, headers: chunked },
  // More than a cache of documents holds; fewer than 1,000 if the time is over.
  'distinct documents of 15,000 tokens': { reply: 'small', body: distinct, callers: 4, rounds: 250 },
  'slow replies': read('slow', 'id'),
  'slow readers': { ...read('ordinary', EVERY_FIELD), readMs: 5000 },
  'callers that leave slow writes of 1 MB': { reply: 'slow-small', body: LARGE_WRITE, leaveMs: 100, rounds: 20 },
};

/** 250 callers at once of each hostile shape, at a heap of 256 MB: the process survives and soon answers an ordinary read. */
export async function hostileCallers(): Promise<Figure[]> {
  const vendor = await startVendor();
  let replica = await startWarm(vendor.url, HEAP);
  const figures: Figure[] = [];
  for (const [name, shapes] of [
    ...Object.entries(SHAPES).map(([name, shape]): [string, Shape[]] => [name, [shape]]),
    ['all of them at once', Object.values(SHAPES)] as const,
  ]) {
    const { answers, peak } = await attack(replica, shapes);
    const { ms, breaker } = await recover(replica);
    console.log(`  ${name}: ${answers}`);
    const isSlow = shapes.some(({ reply }) => reply.startsWith('slow'));
    const bound = isSlow ? RECOVERED_AFTER_SLOW_MS : RECOVERED_MS;
    const figure = atMost(`${name} (${Math.round(peak)} MB, breaker ${breaker})`, ms, bound, ' ms');
    figures.push({ ...figure, kept: figure.kept && (isSlow || breaker === 'closed') });
    if (ms < RECOVERY_MS) continue;
    replica.kill();
    await replica.exit;
    replica = await startWarm(vendor.url, HEAP);
  }
  const { answers, served } = await attack(replica, [read('hundred', EVERY_FIELD)]);
  console.log(`  ordinary callers: ${answers}`);
  figures.push(atLeast(`of ${CALLERS} callers of 100 ordinary tickets, served`, served, CALLERS));
  figures.push(atMost('exit code', (await replica.stop()) ?? 1, 0));
  await vendor.stop();
  return figures;
}

/** Sends the shapes in turn from all callers at once. Returns the counts of the answers and the peak of the memory in MB. */
async function attack({ url, pid, exit }: Replica, shapes: readonly Shape[]) {
  const counts = new Map<string, number>();
  let peak = 0;
  resetPeak(pid);
  const watch = setInterval(() => {
    peak = Math.max(peak, readMb(pid, 'VmHWM'));
  }, 100);
  const end = AbortSignal.any([AbortSignal.timeout(ATTACK_MS), endOf(exit)]);
  setMaxListeners(0, end);
  const count = shapes.length === 1 ? (shapes[0]?.callers ?? CALLERS) : CALLERS;
  await Promise.all(
    Array.from({ length: count }, async (_, caller) => {
      const { body, rounds = 1, ...rest } = shapes[caller % shapes.length] as Shape;
      for (let round = 0; round < rounds && !end.aborted; round++) {
        const sending = { ...rest, body: typeof body === 'function' ? body() : body };
        const answer = await call(url, `${caller}-${round}`, sending, end);
        counts.set(answer, (counts.get(answer) ?? 0) + 1);
      }
    }),
  );
  clearInterval(watch);
  const answers = [...counts].map(([answer, count]) => `${count} ${answer}`).join(', ');
  return { answers, served: counts.get('data') ?? 0, peak };
}

/** Reads until an answer is good and the breaker closed. Returns the time, and the state of the breaker at the start. */
async function recover(replica: Replica): Promise<{ ms: number; breaker: string }> {
  const start = performance.now();
  const elapsed = () => performance.now() - start;
  const end = endOf(replica.exit);
  const breaker = await readBreaker(replica);
  while (!end.aborted && elapsed() < RECOVERY_MS) {
    const answer = await call(replica.url, 'ordinary', ORDINARY, AbortSignal.timeout(TRY_MS));
    if (answer === 'data' && (await readBreaker(replica)) === 'closed') return { ms: elapsed(), breaker };
    await delay(50);
  }
  return { ms: Number.POSITIVE_INFINITY, breaker: end.aborted ? 'unknown, process ended' : breaker };
}

async function readBreaker({ url }: Replica): Promise<string> {
  const scraping = scrape(url).catch(() => undefined);
  const samples = await Promise.race([scraping, delay(RECOVERY_MS, undefined, { ref: false })]);
  const isIn = (state: string) => samples?.get(`maintenance_breaker_state{state="${state}"}`) === 1;
  return ['closed', 'open', 'half_open'].find(isIn) ?? 'unknown';
}

/** Returns a signal that aborts when the process ends. */
function endOf(exit: Promise<unknown>): AbortSignal {
  const ended = new AbortController();
  exit.then(() => ended.abort());
  return ended.signal;
}
