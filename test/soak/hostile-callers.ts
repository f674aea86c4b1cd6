import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type Replica, startReplica } from '../support/replica.ts';
import { scrape } from '../support/scrape.ts';
import { type Call, call } from './call.ts';
import { atLeast, atMost, type Figure } from './figures.ts';
import { document, EVERY_FIELD, times } from './hostile.ts';
import { peakMb, resetPeak } from './proc.ts';
import { startVendor } from './vendor.ts';

const HEAP = { NODE_OPTIONS: '--max-old-space-size=256' };
const CALLERS = 250;
const PATIENCE_MS = 12_000;
const RECOVERY_MS = 10_000;
const BOUND_MS = 1000;
// A vendor that is too slow for a busy replica may open the breaker, for BREAKER_OPEN_MS.
const BOUND_AFTER_SLOW_MS = 3000;
const TRY_MS = 1000;
const WARM_UP = 50;

interface Shape extends Omit<Call, 'body'> {
  readonly body: string | Buffer | ((round: number) => string);
  /** How many callers send it at once, 250 by default. */
  readonly callers?: number;
  /** How often each caller sends it, once by default. */
  readonly rounds?: number;
}

const aliases = (count: number, make: (index: number) => string) =>
  times(count, (index) => `a${index}: ${make(index)}`);
const list = (fields: string, id: string | number = 'r') => `maintenances(residenceId: "${id}") { ${fields} }`;
const entities = 'query ($r: [_Any!]!)';
const residences = `{"r":[${times(1000, (i) => `{"__typename":"Residence","id":"${i}"}`, ',')}]}`;
const requests = `{"r":[${times(1000, (i) => `{"__typename":"Maintenance","id":"r:${i}"}`, ',')}]}`;
const batchDelete = (count: number) =>
  document(
    `mutation ($ids: [ID!]!) { ${aliases(count, () => 'deleteMaintenances(ids: $ids) { deletedIds failures { id message } }')} }`,
    `{"ids":[${times(500, (i) => `"r${i % 100}:${i}"`, ',')}]}`,
  );
const unused = `{"a":[${times(340_000, () => '[]', ',')}]}`;
const READ = Buffer.from(document(`{ ${list('id')} }`, unused));
const WRITE = Buffer.from(document('mutation { deleteMaintenance(id: "r:1") { id } }', unused));
const documentOf = (round: number) =>
  document(
    `{ maintenances(residenceId: "${Math.random()}", states: [${'CLOSED '.repeat(14_900)}]) { id } } # ${round}`,
  );

const SHAPES: Readonly<Record<string, Shape>> = {
  'tiny tickets, id': { reply: 'tiny', body: document(`{ ${list('id')} }`) },
  'tiny tickets, every field': { reply: 'tiny', body: document(`{ ${list(EVERY_FIELD)} }`) },
  'faulty tickets, every field': { reply: 'faulty', body: document(`{ ${list(EVERY_FIELD)} }`) },
  'faulty tickets, 99 aliases': { reply: 'faulty', body: document(`{ ${list(aliases(99, () => 'state'))} }`) },
  'an alias of 20 KB': { reply: 'ordinary', body: document(`{ ${list(`${'a'.repeat(20_000)}: state`)} }`) },
  'a text of 1.9 MB': { reply: 'text', body: document(`{ ${list(EVERY_FIELD)} }`) },
  'a text of 1.9 MB, 20 aliases': { reply: 'text', body: document(`{ ${list(aliases(20, () => 'description'))} }`) },
  '450,000 picture URLs': { reply: 'urls', body: document(`{ ${list('pictureUrls')} }`) },
  '50 lists': { reply: 'tiny', body: document(`{ ${aliases(50, (index) => list('id', index))} }`) },
  '1,000 reads': {
    reply: 'hundred',
    body: document(
      `${entities} { _entities(representations: $r) { ... on Residence { maintenances { id } } } }`,
      residences,
    ),
  },
  '50 × 1,000 representations': {
    reply: 'ordinary',
    body: document(
      `${entities} { ${aliases(50, () => '_entities(representations: $r) { ... on Maintenance { id state } }')} }`,
      requests,
    ),
  },
  '100 writes with error replies of 2 MB': { reply: 'error', body: batchDelete(1) },
  '50 × 100 writes': { reply: 'small', body: batchDelete(50) },
  'unused variables of 1 MB': { reply: 'slow-small', body: READ },
  'chunked bodies of 1 MB that take 3 s': {
    reply: 'slow-small',
    body: READ,
    bodyMs: 3000,
    headers: { 'transfer-encoding': 'chunked' },
  },
  // As many of them as a cache of documents holds, and more; fewer than 1,000 where time is over.
  'distinct documents of 15,000 tokens': { reply: 'small', body: documentOf, callers: 4, rounds: 250 },
  'slow replies': { reply: 'slow', body: document(`{ ${list('id')} }`) },
  'slow readers': { reply: 'ordinary', body: document(`{ ${list(EVERY_FIELD)} }`), readMs: 5000 },
  'callers that leave slow writes of 1 MB': { reply: 'slow-small', body: WRITE, leaveMs: 100, rounds: 20 },
};
const HONEST: Shape = { reply: 'hundred', body: document(`{ ${list(EVERY_FIELD)} }`) };

/** 250 callers at once of each hostile shape, at a heap of 256 MB: the process lives and soon answers an honest read. */
export async function hostileCallers(): Promise<Figure[]> {
  const vendor = await startVendor();
  const start = async () => {
    const replica = await startReplica(vendor.url, HEAP);
    for (let count = 0; count < WARM_UP; count++) await readHonestly(replica);
    return replica;
  };
  let replica = await start();
  const figures: Figure[] = [];
  for (const [name, shapes] of [
    ...Object.entries(SHAPES).map(([name, shape]) => [name, [shape]] as const),
    ['all of them at once', Object.values(SHAPES)] as const,
  ]) {
    const { answers, peak } = await attack(replica, shapes);
    const { ms, breaker } = await recover(replica);
    console.log(`  ${name}: ${answers}`);
    const isSlow = shapes.some(({ reply }) => reply.startsWith('slow'));
    const bound = isSlow ? BOUND_AFTER_SLOW_MS : BOUND_MS;
    const figure = atMost(`${name} (${Math.round(peak)} MB, breaker ${breaker})`, ms, bound, ' ms');
    figures.push({ ...figure, kept: figure.kept && (isSlow || breaker === 'closed') });
    if (ms < RECOVERY_MS) continue;
    replica.kill();
    await replica.exit;
    replica = await start();
  }
  const { answers, served } = await attack(replica, [HONEST]);
  console.log(`  honest callers: ${answers}`);
  figures.push(atLeast(`of ${CALLERS} callers of 100 ordinary tickets, served`, served, CALLERS));
  figures.push(atMost('exit code', (await replica.stop()) ?? 1, 0));
  await vendor.stop();
  return figures;
}

/** Sends the shapes in turn from all callers at once, and returns what became of the requests. */
async function attack({ url, pid, exit }: Replica, shapes: readonly Shape[]) {
  const counts = new Map<string, number>();
  let peak = 0;
  resetPeak(pid);
  const watch = setInterval(() => {
    peak = Math.max(peak, peakMb(pid));
  }, 100);
  const end = AbortSignal.any([AbortSignal.timeout(PATIENCE_MS), endOf(exit)]);
  setMaxListeners(0, end);
  const callers = Array.from({ length: shapes.length === 1 ? (shapes[0]?.callers ?? CALLERS) : CALLERS });
  await Promise.all(
    callers.map(async (_, caller) => {
      const { body, rounds = 1, ...rest } = shapes[caller % shapes.length] ?? HONEST;
      for (let round = 0; round < rounds && !end.aborted; round++) {
        const sending = { ...rest, body: typeof body === 'function' ? body(round) : body };
        const answer = await call(url, `${caller}-${round}`, sending, end);
        counts.set(answer, (counts.get(answer) ?? 0) + 1);
      }
    }),
  );
  clearInterval(watch);
  const answers = [...counts].map(([answer, count]) => `${count} ${answer}`).join(', ');
  return { answers, served: counts.get('data') ?? 0, peak };
}

/** Reads until an answer is good and the breaker closed. Returns how long that took, and the breaker's state before. */
async function recover(replica: Replica): Promise<{ ms: number; breaker: string }> {
  const start = performance.now();
  const elapsed = () => performance.now() - start;
  const end = endOf(replica.exit);
  const breaker = await readBreaker(replica);
  while (!end.aborted && elapsed() < RECOVERY_MS) {
    if ((await readHonestly(replica)) && (await readBreaker(replica)) === 'closed') return { ms: elapsed(), breaker };
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

async function readHonestly({ url }: Replica): Promise<boolean> {
  const sending = { reply: 'small', body: document(`{ ${list('id state description')} }`) } as const;
  return (await call(url, 'honest', sending, AbortSignal.timeout(TRY_MS))) === 'data';
}

/** Returns a signal that aborts when the process ends. */
function endOf(exit: Promise<unknown>): AbortSignal {
  const ended = new AbortController();
  exit.then(() => ended.abort());
  return ended.signal;
}
