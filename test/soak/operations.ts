/**
 * The scenarios `steady`, `overload`, `crowd` and `upstream-trouble`: ordinary operations under load.
 */
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { EXAMPLE, exampleTicket, FLATS, seed } from '../../dev/seed.ts';
import type { Toxics } from '../support/chaos-proxy.ts';
import { atLeast, atMost, type Figure, noted } from '../support/figures.ts';
import { load, request } from '../support/load.ts';
import { readMemory } from '../support/proc.ts';
import { HEADERS } from '../support/replica.ts';
import { scrape } from '../support/scrape.ts';
import { type Stage, withHealthChecks, withReplica } from './replica.ts';
import { EVERY_FIELD } from './requests.ts';

const REFUSED = 'refused with 503 and Retry-After';
// A client that asked again at once would use this machine's processor for refusals.
const PAUSE_MS = 250;

/** Sends an operation. Returns `data` for an answer without errors, else each code, or the unexpected answer. */
async function ask(agent: Agent, { upstream, replica }: Stage, operation: object): Promise<string[]> {
  // The command API keeps each request; over hours, this is too much.
  upstream.received.length = 0;
  const sent = request(agent, `${replica.url}/graphql`, { headers: HEADERS, body: JSON.stringify(operation) });
  const reply = await sent.catch(String);
  if (typeof reply === 'string') return [reply];
  const { status, headers, text } = reply;
  if (status === 503 && headers['retry-after'] !== undefined) return [REFUSED];
  if (status !== 200) return [`HTTP ${status}`];
  const codes = new Set([...text.matchAll(/"code":"(\w+)"/g)].map(([, code = '']) => code));
  if (codes.size > 0) return [...codes];
  return [text.startsWith('{"data":{') && !text.includes('"errors":') ? 'data' : text.slice(0, 100)];
}

/** Sends operations in turn until the time is over, and counts the outcomes. */
async function send(
  stage: Stage,
  next: (turn: number) => object,
  pace: { readonly workers: number; readonly everyMs?: number; readonly isOver: () => boolean },
) {
  // By default, Node's agent closes idle connections beyond 256, and opening them again would be most of the load.
  const agent = new Agent({ keepAlive: true, maxSockets: pace.workers, maxFreeSockets: pace.workers });
  const counts = new Map<string, number>();
  let [requests, slowestMs] = [0, 0];
  const work = async () => {
    const start = performance.now();
    const outcomes = await ask(agent, stage, next(requests++));
    slowestMs = Math.max(slowestMs, performance.now() - start);
    for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    if (outcomes.includes(REFUSED)) await delay(PAUSE_MS);
  };
  await load(work, pace);
  agent.destroy();
  return {
    requests,
    slowestMs,
    count: (outcome: string) => counts.get(outcome) ?? 0,
    /** Prints and counts all outcomes except these. */
    countOthers(...outcomes: readonly string[]): number {
      const others = [...counts].filter(([outcome]) => !outcomes.includes(outcome));
      for (const [outcome, count] of others) console.log(`  ${count} × ${outcome}`);
      return others.reduce((sum, [, count]) => sum + count, 0);
    },
  };
}

/** Returns a function that returns true once these seconds are over. */
function after(seconds: number): () => boolean {
  const end = performance.now() + seconds * 1000;
  return () => performance.now() >= end;
}

/** Sets the toxics in turn until the time is over. */
function disturb({ proxy }: Stage, toxics: readonly Toxics[], everyMs: number, isOver: () => boolean): Promise<void> {
  let turn = 0;
  return load(() => proxy.set(toxics[turn++ % toxics.length] ?? {}), { workers: 1, everyMs, isOver });
}

const R = EXAMPLE.residenceId;
const ID = `${R}:${EXAMPLE.maintenanceId}`;
const inTurn = (queries: readonly string[]) => (turn: number) => ({ query: queries[turn % queries.length] });

const SOAK_SECONDS = Number(process.env.SOAK_SECONDS ?? 300);
const TOXICS: readonly Toxics[] = [
  { response: { latencyMs: 20 } },
  { response: { sliceBytes: 64 } },
  { response: { resetAfterBytes: 100 } },
  { request: { limitBytes: 100 } },
  { response: { timeout: true } },
  { down: 'refuse' as const },
  { down: 'destroy' as const },
].flatMap((toxics) => [{}, toxics]);
const ALL_KINDS = inTurn([
  `{ maintenances(residenceId: "${R}") { id state description } }`,
  `{ maintenances(residenceId: "${FLATS[4]?.id}", orderBy: CREATED_TIME_DESC, first: 3) { id residence { id } } }`,
  `{ maintenance(id: "${ID}") { id contact pictureUrls } }`,
  `{ _entities(representations: [{ __typename: "Maintenance", id: "${ID}" },
     { __typename: "Residence", id: "${FLATS[0]?.id}" }]) { ... on Residence { maintenances { id } } } }`,
  `mutation { deleteMaintenance(id: "${R}:gone") { deletedId } }`,
]);

/** Minutes of all kinds of operations before a faulty command API. Memory must not grow. */
export function steady(): Promise<Figure[]> {
  const env = { ATTEMPT_TIMEOUT_MS: '500', OPERATION_TIMEOUT_MS: '2000' };
  return withReplica({ env, isProxied: true }, async (stage) => {
    const memory: [number, number][] = [];
    const isOver = after(SOAK_SECONDS);
    // Until then, the heap grows to the size that the load needs.
    const isWarm = after(Math.min(300, SOAK_SECONDS / 2));
    const watch = async () => {
      if (isWarm()) memory.push([performance.now() / 60_000, readMemory(stage.replica.pid) / 2 ** 20]);
    };
    const [tally] = await Promise.all([
      send(stage, ALL_KINDS, { workers: 10, everyMs: 50, isOver }),
      disturb(stage, TOXICS, 2000, isOver),
      load(watch, { workers: 1, everyMs: 2000, isOver }),
    ]);
    const others = tally.countOthers('data', 'UPSTREAM_TIMEOUT', 'UPSTREAM_UNAVAILABLE', 'COMMAND_REJECTED');
    const resident = memory.map(([, mb]) => mb);
    const [least, most] = [Math.min(...resident), Math.max(...resident)];
    const mbPerMinute = slope(memory);
    const minutes = (memory.at(-1)?.[0] ?? 0) - (memory[0]?.[0] ?? 0);
    return [
      noted('requests', tally.requests),
      noted('resident memory after warm-up, least', least, ' MB'),
      noted('resident memory after warm-up, most', most, ' MB'),
      atMost('its growth over that time', (100 * mbPerMinute * minutes) / least, 5, ' %'),
      atMost('answers that are neither data nor a typed error', others, 0),
      atMost('growth of resident memory after warm-up', mbPerMinute, 1, ' MB/min'),
    ];
  });
}

/** Returns the slope of the straight line that fits the points best. */
function slope(points: readonly [number, number][]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  return mean(points.map(([x, y]) => (x - meanX) * (y - meanY))) / mean(points.map(([x]) => (x - meanX) ** 2));
}

const PHASE_SECONDS = 8;
const TICKETS = seed().get(R);
let residence = 0;
/** Each request has another residence, so that no two share an exchange. */
const list = () => ({
  query: 'query ($r: ID!) { maintenances(residenceId: $r) { id state } }',
  variables: { r: `r${residence++}` },
});

// A machine with neighbours loses a third of its speed for seconds, so each flood is compared with the peak just before it.
const PAIRS = 5;

/** 1,000 connections: the replica must serve as many requests as with 50, its peak, and refuse the others. */
export function overload(): Promise<Figure[]> {
  return withReplica({}, async (stage) => {
    stage.upstream.fail(() => ({ body: { success: true, result: TICKETS } }));
    const run = (workers: number) => send(stage, list, { workers, isOver: after(PHASE_SECONDS) });
    await run(50);
    const { result: pairs, figures } = await withHealthChecks(stage.replica, async () => {
      const done = [];
      for (let pair = 0; pair < PAIRS; pair++) done.push({ peak: await run(50), flood: await run(1000) });
      return done;
    });
    const peaks = pairs.map(({ peak }) => peak.count('data'));
    const remaining = pairs.map(({ peak, flood }) => (100 * flood.count('data')) / peak.count('data'));
    remaining.sort((a, b) => a - b);
    const others = pairs.map(({ peak, flood }) => peak.countOthers('data') + flood.countOthers('data', REFUSED));
    return [
      noted('goodput at its peak', Math.max(...peaks) / PHASE_SECONDS, '/s'),
      atLeast('remaining goodput, median', remaining[Math.floor(PAIRS / 2)] ?? 0, 90, ' %'),
      noted('remaining goodput, least', remaining[0] ?? 0, ' %'),
      atLeast(REFUSED, Math.min(...pairs.map(({ flood }) => flood.count(REFUSED))), 1),
      atMost('neither data nor such a refusal', Math.max(...others), 0),
      ...figures,
    ];
  });
}

// What Node derives from a container of 1 GiB: a heap limit of 536 MB.
const CONTAINER = { NODE_OPTIONS: '--max-old-space-size=512 --max-semi-space-size=8' };
const VENDOR_MS = 300;
const CROWD = { workers: 200, everyMs: 2000 };
const CROWD_SECONDS = 9;
const WHOLE_LIST = { query: `{ maintenances(residenceId: "${R}") { ${EVERY_FIELD} } }` };
/** 201 tickets of 650 bytes. */
const MANY_TICKETS = Array.from({ length: 201 }, (_, index) => {
  return { ...exampleTicket(), maintenance_id: `m${index}`, description: 'x'.repeat(350) };
});

/** 200 callers at once with one token, who read one list of 201 tickets from a slow vendor: nearly all are served. */
export function crowd(): Promise<Figure[]> {
  return withReplica({ env: CONTAINER }, async (stage) => {
    const { replica, upstream } = stage;
    upstream.store.residences.set(R, MANY_TICKETS);
    upstream.slowDown(VENDOR_MS);
    let mostHeld = 0;
    const isOver = after(CROWD_SECONDS);
    const watch = async () => {
      mostHeld = Math.max(mostHeld, (await scrape(replica.url)).get('maintenance_memory_held_bytes') ?? 0);
    };
    const { result, figures } = await withHealthChecks(replica, () =>
      Promise.all([
        send(stage, () => WHOLE_LIST, { ...CROWD, isOver }),
        load(watch, { workers: 1, everyMs: 20, isOver }),
      ]),
    );
    const [tally] = result;
    const samples = await scrape(replica.url);
    tally.countOthers('data');
    return [
      noted('size of the list', JSON.stringify(MANY_TICKETS).length / 1000, ' KB'),
      atLeast(`of ${tally.requests} callers, served`, (100 * tally.count('data')) / tally.requests, 99, ' %'),
      noted('slowest answer', tally.slowestMs, ' ms'),
      noted('lists that waited for memory', samples.get('maintenance_memory_waited_total') ?? 0),
      ...['request', 'command', 'reply', 'response'].map((stage) =>
        noted(`refused: ${stage}`, samples.get(`maintenance_memory_refused_total{stage="${stage}"}`) ?? 0),
      ),
      noted('memory held, most', mostHeld / 2 ** 20, ' MB'),
      noted('its limit', (samples.get('maintenance_memory_limit_bytes') ?? 0) / 2 ** 20, ' MB'),
      noted('resident memory, most', readMemory(replica.pid, 'VmHWM') / 2 ** 20, ' MB'),
      ...figures,
    ];
  });
}

const DEADLINE_MS = 3000;
const RECOVERY_MS = 10_000;
const RECOVERED_IN_A_ROW = 10;
const TROUBLED = inTurn([
  `{ maintenances(residenceId: "${R}") { id } }`,
  `{ maintenance(id: "${ID}") { id } }`,
  `mutation { deleteMaintenances(ids: ["${R}:gone", "${FLATS[0]?.id}:gone"]) { deletedIds failures { code } } }`,
]);
const TROUBLES: Readonly<Record<string, readonly Toxics[]>> = {
  slow: [{ response: { latencyMs: 800 } }],
  'too slow': [{ response: { latencyMs: 5000 } }],
  silent: [{ request: { timeout: true } }],
  // `destroy` ends the open connections, `refuse` rejects new connections.
  dead: [{ down: 'destroy' }, { down: 'refuse' }],
  flapping: [{ down: 'destroy' }, {}],
};

/** A slow, silent, dead and flapping command API: each answer is in time and typed, and data returns afterwards. */
export function upstreamTrouble(): Promise<Figure[]> {
  const env = { ATTEMPT_TIMEOUT_MS: '1000', OPERATION_TIMEOUT_MS: String(DEADLINE_MS) };
  return withReplica({ env, isProxied: true }, async (stage) => {
    const figures: Figure[] = [];
    for (const [name, trouble] of Object.entries(TROUBLES)) {
      const isOver = after(PHASE_SECONDS);
      const sending = send(stage, TROUBLED, { workers: 10, everyMs: 20, isOver });
      const [tally] = await Promise.all([sending, disturb(stage, trouble, 300, isOver)]);
      await stage.proxy.clear();
      const cleared = performance.now();
      const agent = new Agent({ keepAlive: true });
      for (let row = 0; row < RECOVERED_IN_A_ROW && performance.now() - cleared < RECOVERY_MS; ) {
        const outcomes = await ask(agent, stage, TROUBLED(row));
        row = outcomes.includes('data') ? row + 1 : 0;
      }
      agent.destroy();
      const recovery = performance.now() - cleared;
      const others = tally.countOthers('data', 'UPSTREAM_TIMEOUT', 'UPSTREAM_UNAVAILABLE');
      figures.push(
        atLeast(`${name}: answers`, tally.requests, 20),
        atMost(`${name}: neither data nor a typed error`, others, 0),
        atMost(`${name}: slowest answer`, tally.slowestMs, DEADLINE_MS + 100, ' ms'),
        atMost(`${name}: until data returns`, recovery, RECOVERY_MS, ' ms'),
      );
    }
    return figures;
  });
}
