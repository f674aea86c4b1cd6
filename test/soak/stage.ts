/**
 * A replica during a scenario: its sockets, its health checks, and its end.
 */
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { atLeast, atMost, type Figure } from '../support/figures.ts';
import { load, request } from '../support/load.ts';
import { countSockets } from '../support/proc.ts';
import { type Replica, startReplica } from '../support/replica.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';

export type Stage = { readonly upstream: Upstream; readonly replica: Replica };

/** Runs a scenario and returns its figures, with the bounds that apply to every scenario. */
export async function withReplica(env: NodeJS.ProcessEnv, run: (stage: Stage) => Promise<Figure[]>): Promise<Figure[]> {
  const upstream = await startUpstream();
  const replica = await startReplica(upstream.url, env);
  const before = countSockets(replica.pid);
  const figures = await run({ upstream, replica });
  // The replica closes idle connections after 20 s.
  for (let tries = 0; tries < 60 && countSockets(replica.pid) > before; tries++) await delay(500);
  const sockets = countSockets(replica.pid) - before;
  const unforeseen = replica.lines.filter((line) => !/"level":[1-4]0,/.test(line));
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

/** A check that takes longer after the end of the run is aborted. */
const PATIENCE_MS = 10_000;

/** Checks the health of a replica on a separate connection until `run` ends. */
export async function withHealthChecks<T>({ url }: Replica, run: () => Promise<T>, everyMs = 200) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let [answered, failed, slowestMs, isOver] = [0, 0, 0, false];
  const check = async () => {
    const start = performance.now();
    const reply = await request(agent, `${url}/health/live`).catch(() => undefined);
    if (reply?.status === 200) answered++;
    else failed++;
    slowestMs = Math.max(slowestMs, performance.now() - start);
  };
  const checking = load(check, { workers: 1, everyMs, isOver: () => isOver });
  const result = await run();
  isOver = true;
  await Promise.race([checking, delay(PATIENCE_MS, undefined, { ref: false })]);
  agent.destroy();
  await checking;
  const figures = [
    atLeast('health checks answered', answered, 1),
    atMost('health checks not answered', failed, 0),
    atMost('slowest health check', slowestMs, 1000, ' ms'),
  ];
  return { result, figures, slowestMs };
}
