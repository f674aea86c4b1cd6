/**
 * A replica during a scenario: its memory and sockets, its health checks, and its end.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import { load, request } from '../support/load.ts';
import { type Replica, startReplica } from '../support/replica.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { atLeast, atMost, type Figure } from './figures.ts';

/** Returns the resident memory of a process (`VmRSS`) or its peak (`VmHWM`) in MB; 0 once the process has ended. */
export function readMb(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const path = `/proc/${pid}/status`;
  const status = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) / 1024;
}

/** Counts the open sockets of a process, including its pipes and the socket on which it listens. */
function countSockets(pid: number): number {
  const isSocket = (fd: string) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      // The descriptor was closed meanwhile.
      return false;
    }
  };
  return readdirSync(`/proc/${pid}/fd`).filter(isSocket).length;
}

/** `proxy` is between the replica and the command API, if the scenario asks for it. */
export type Stage = { readonly upstream: Upstream; readonly proxy: ChaosProxy; readonly replica: Replica };

/** Runs a scenario and returns its figures, with the bounds that apply to every scenario. */
export async function withReplica(
  { env, isProxied = false }: { env?: NodeJS.ProcessEnv; isProxied?: boolean },
  run: (stage: Stage) => Promise<Figure[]>,
): Promise<Figure[]> {
  const upstream = await startUpstream();
  const proxy = await startChaosProxy(upstream.url);
  const replica = await startReplica(isProxied ? proxy.url : upstream.url, env);
  const before = countSockets(replica.pid);
  const figures = await run({ upstream, proxy, replica });
  await proxy.clear();
  // The command API closes idle connections after some seconds.
  for (let tries = 0; tries < 30 && countSockets(replica.pid) > before; tries++) await delay(500);
  const sockets = countSockets(replica.pid) - before;
  const unforeseen = replica.lines.filter((line) => !/"level":[1-4]0,/.test(line));
  for (const line of unforeseen.slice(0, 5)) console.log(`  ${line.slice(0, 300)}`);
  const exit = await replica.stop();
  proxy.stop();
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
  const checks = { answered: 0, failed: 0, slowestMs: 0 };
  let isOver = false;
  const check = async () => {
    const start = performance.now();
    const reply = await request(agent, `${url}/health/live`).catch(() => undefined);
    checks[reply?.status === 200 ? 'answered' : 'failed']++;
    checks.slowestMs = Math.max(checks.slowestMs, performance.now() - start);
  };
  const checking = load(check, { workers: 1, everyMs, isOver: () => isOver });
  const result = await run();
  isOver = true;
  await Promise.race([checking, delay(PATIENCE_MS, undefined, { ref: false })]);
  agent.destroy();
  await checking;
  const figures = [
    atLeast('health checks answered', checks.answered, 1),
    atMost('health checks not answered', checks.failed, 0),
    atMost('slowest health check', checks.slowestMs, 1000, ' ms'),
  ];
  return { result, figures, slowestMs: checks.slowestMs };
}
