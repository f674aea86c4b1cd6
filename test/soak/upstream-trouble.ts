import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { EXAMPLE, FLATS } from '../../dev/seed.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import { load, request } from '../support/load.ts';
import { HEADERS, startReplica } from '../support/replica.ts';
import type { GraphqlError } from '../support/subgraph.ts';
import { startUpstream } from '../support/upstream.ts';
import { atLeast, atMost, type Figure, noted } from './figures.ts';

const SECONDS = 8;
const WORKERS = 10;
const DEADLINE_MS = 3000;
const RECOVERY_MS = 10_000;
const R = EXAMPLE.residenceId;
const TYPED = new Set(['UPSTREAM_TIMEOUT', 'UPSTREAM_UNAVAILABLE']);
const OPERATIONS = [
  `{ maintenances(residenceId: "${R}") { id } }`,
  `{ maintenance(id: "${R}:${EXAMPLE.maintenanceId}") { id } }`,
  `mutation { deleteMaintenances(ids: ["${R}:gone", "${FLATS[0]?.id}:gone"]) { deletedIds failures { code } } }`,
].map((query) => JSON.stringify({ query }));

const TROUBLES: Readonly<Record<string, (proxy: ChaosProxy, isOver: () => boolean) => Promise<void>>> = {
  slow: (proxy) => proxy.set({ response: { latencyMs: 800 } }),
  'too slow': (proxy) => proxy.set({ response: { latencyMs: 5000 } }),
  silent: (proxy) => proxy.set({ request: { timeout: true } }),
  async dead(proxy) {
    // First what is kept, then what is new.
    await proxy.set({ down: 'destroy' });
    await proxy.set({ down: 'refuse' });
  },
  async flapping(proxy, isOver) {
    while (!isOver()) {
      await proxy.set({ down: 'destroy' });
      await delay(300);
      await proxy.clear();
      await delay(300);
    }
  },
};

/** A slow, silent, dead and flapping command API: every answer comes in time and typed, and all is well afterwards. */
export async function upstreamTrouble(): Promise<Figure[]> {
  const upstream = await startUpstream();
  const proxy = await startChaosProxy(upstream.url);
  const replica = await startReplica(proxy.url, {
    ATTEMPT_TIMEOUT_MS: '1000',
    OPERATION_TIMEOUT_MS: String(DEADLINE_MS),
  });
  const agent = new Agent({ keepAlive: true });

  let turn = 0;
  async function ask() {
    const start = performance.now();
    const body = OPERATIONS[turn++ % OPERATIONS.length];
    const { status, text } = await request(agent, `${replica.url}/graphql`, { headers: HEADERS, body });
    const { data, errors = [] } = JSON.parse(text);
    const failures = [
      ...errors.map(({ extensions }: GraphqlError) => extensions),
      ...(data?.deleteMaintenances?.failures ?? []),
    ];
    return {
      good: status === 200 && failures.length === 0,
      typed: status === 200 && failures.every(({ code }) => TYPED.has(code)),
      ms: performance.now() - start,
    };
  }

  const figures: Figure[] = [];
  for (const [name, trouble] of Object.entries(TROUBLES)) {
    const seen = { answers: 0, good: 0, untyped: 0, slowestMs: 0 };
    const end = performance.now() + SECONDS * 1000;
    const isOver = () => performance.now() >= end;
    const making = trouble(proxy, isOver);
    await load(
      async () => {
        const { good, typed, ms } = await ask().catch(() => ({ good: false, typed: false, ms: 0 }));
        seen.answers++;
        if (good) seen.good++;
        if (!typed) seen.untyped++;
        seen.slowestMs = Math.max(seen.slowestMs, ms);
      },
      { workers: WORKERS, everyMs: 20, isOver },
    );
    await making;
    await proxy.clear();
    const cleared = performance.now();
    // As many in a row as there are operations and more, so that it is no single lucky one.
    for (let row = 0; row < 10 && performance.now() - cleared < RECOVERY_MS; ) row = (await ask()).good ? row + 1 : 0;
    figures.push(
      noted(`${name}: answers`, seen.answers),
      noted(`${name}: answers with all data`, seen.good),
      atMost(`${name}: neither data nor a typed error`, seen.untyped, 0),
      atMost(`${name}: slowest answer`, seen.slowestMs, DEADLINE_MS + 100, ' ms'),
      atMost(`${name}: until all is well again`, performance.now() - cleared, RECOVERY_MS, ' ms'),
    );
    upstream.received.length = 0;
  }
  agent.destroy();
  const unforeseen = replica.lines.filter((line) => !/"level":[1-4]0,/.test(line));
  const exit = await replica.stop();
  proxy.stop();
  await upstream.stop();
  return [
    ...figures,
    atLeast('answers in all', turn, 100),
    atMost('unhandled errors', unforeseen.length, 0),
    atMost('exit code', exit ?? 1, 0),
  ];
}
