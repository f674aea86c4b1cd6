/** A replica during a scenario: its callers, its health checks, its sockets, and its end. */
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { load, loadWhile, request, type Sending } from '../support/load.ts';
import { HEADERS, type Replica, startReplica } from '../support/replica.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { atMost, type Figure } from './figures.ts';
import { countSockets } from './proc.ts';

/** The lines of operations are too many to keep. */
export const isRare = (line: string) => !line.includes('"msg":"operation"');

/** How many callers ask at once: as many as a replica takes by default. */
export const CALLERS = 1000;

export type Stage = { readonly upstream: Upstream; readonly replica: Replica };

/** Runs a scenario and returns its figures, with the bounds that apply to every scenario. */
export async function withReplica(env: NodeJS.ProcessEnv, run: (stage: Stage) => Promise<Figure[]>): Promise<Figure[]> {
  const upstream = await startUpstream();
  const replica = await startReplica(upstream.url, env, isRare);
  const before = countSockets(replica.pid);
  const figures = await run({ upstream, replica });
  // The replica closes idle connections after 20 s.
  for (let tries = 0; tries < 60 && countSockets(replica.pid) > before; tries++) await delay(500);
  const sockets = countSockets(replica.pid) - before;
  const unforeseen = replica.output().match(/^(?!.*"level":[1-4]0,).+$/gm) ?? [];
  for (const line of unforeseen.slice(0, 5)) console.log(`  ${line.slice(0, 300)}`);
  const exit = await replica.stop();
  await upstream.stop();
  return [
    ...figures,
    atMost('sockets left open', sockets, 0),
    atMost('unhandled errors', unforeseen.length, 0),
    atMost('exit code', exit ?? 1, 0),
  ];
}

/** A check that takes longer has failed. */
const PATIENCE_MS = 10_000;

/** Checks the health of a replica on a separate connection until `run` ends. */
export async function withHealthChecks<T>({ url }: Replica, run: () => Promise<T>, everyMs = 200) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let slowestMs = 0;
  const check = async () => {
    const start = performance.now();
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const reply = await request(agent, `${url}/health/live`, { signal }).catch(() => undefined);
    slowestMs = Math.max(slowestMs, reply?.status === 200 ? performance.now() - start : Number.POSITIVE_INFINITY);
  };
  const { result } = await loadWhile(run, check, { workers: 1, everyMs });
  agent.destroy();
  return { result, slowestMs, figures: [atMost('slowest health check', slowestMs, 1000, ' ms')] };
}

/** The outcome of a request that the replica refuses because it has too many. */
export const REFUSED = 'OVERLOADED';
// As Retry-After says. A client that asked again sooner would use this machine's processor for refusals.
const PAUSE_MS = 1000;

/** Sends an operation. Returns `data` for an answer without errors, else each code, or the unexpected answer. */
export async function ask(agent: Agent | false, { url }: { readonly url: string }, sending: Sending) {
  const { status, headers, text } = await request(agent, `${url}/graphql`, sending);
  if (status === 503 && headers['retry-after'] === undefined) return ['503 without Retry-After'];
  const codes = new Set([...text.matchAll(/"code":"(\w+)"/g)].map(([, code = '']) => code));
  if (codes.size > 0) return [...codes];
  if (status !== 200) return [`HTTP ${status}`];
  return [text.startsWith('{"data":{') && !text.includes('"errors":') ? 'data' : text.slice(0, 100)];
}

/** Sends operations in turn, from parallel workers, until the time is over, and counts the outcomes. */
export async function send(
  { replica, upstream }: Stage,
  next: (turn: number) => object,
  workers: number,
  time: AbortSignal,
) {
  // By default, Node's agent closes idle connections beyond 256, and opening them again would be most of the load.
  const agent = new Agent({ keepAlive: true, maxSockets: workers, maxFreeSockets: workers });
  const counts = new Map<string, number>();
  let requests = 0;
  const work = async () => {
    // The command API keeps each request; over minutes, this is too much.
    upstream.received.length = 0;
    const sending = { headers: HEADERS, body: JSON.stringify(next(requests++)) };
    const outcomes = await ask(agent, replica, sending).catch((error) => [String(error)]);
    for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    if (outcomes.includes(REFUSED)) await delay(PAUSE_MS);
  };
  await load(work, { workers, isOver: () => time.aborted });
  agent.destroy();
  return {
    count: (outcome: string) => counts.get(outcome) ?? 0,
    /** Prints and counts all outcomes except these. */
    countOthers(...outcomes: readonly string[]): number {
      const others = [...counts].filter(([outcome]) => !outcomes.includes(outcome));
      for (const [outcome, count] of others) console.log(`  ${count} × ${outcome}`);
      return others.reduce((sum, [, count]) => sum + count, 0);
    },
  };
}
