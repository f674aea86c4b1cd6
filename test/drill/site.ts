/** A namespace of the drill: its servers, their command APIs, and steady traffic of all commands. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { EXAMPLE, FLATS } from '../../dev/maintenance/seed.ts';
import { create, deleteMany, detail, list, times } from '../support/maintenance/requests.ts';
import { HEADERS, type Replica, startReplica } from '../support/replica.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { FACTOR } from './prometheus.ts';

/** In production. prometheus.ts has the same traffic as a history. */
const OPERATIONS_PER_MINUTE = 30;
const VENDOR_MS = 17;
const [R, FLAT] = [EXAMPLE.residenceId, String(FLATS[1]?.id)];

/** What a fault changes in a request. */
export type Replacement = { readonly query?: string; readonly headers?: Readonly<Record<string, string>> };

/** 40 % lists, 40 % details, 10 % details that do not exist, 5 % creates and 5 % deletes. */
const OPERATIONS = times(20, (step) => {
  if (step === 0) return create({ residenceId: FLAT });
  if (step === 10) return deleteMany([`${R}:gone`], 'deletedIds');
  if (step % 10 === 5) return detail(`${R}:gone`);
  return step % 2 === 0 ? list({ residenceId: R }) : detail(`${R}:${EXAMPLE.maintenanceId}`);
});

/** One server by default, and each server before a separate command API. An idle namespace sends no operations. */
export type Settings = { env?: NodeJS.ProcessEnv; servers?: number; isIdle?: boolean };

/** Starts a namespace and its traffic. Writes `logs.jsonl` of the servers to its folder. */
export async function startSite(namespace: string, given: Settings, output: string) {
  const { env = {}, servers = 1, isIdle = false } = given;
  mkdirSync(`${output}/${namespace}`, { recursive: true });
  const onLine = (line: string) => appendFileSync(`${output}/${namespace}/logs.jsonl`, `${line}\n`);
  const upstreams = await Promise.all(times(servers, () => startUpstream()));
  for (const each of upstreams) each.slowDown(VENDOR_MS);
  const [upstream] = upstreams as [Upstream];
  const breakerMs = String(Math.round(2000 / FACTOR));
  const settings = { METRICS_PORT: '0', NODE_COMPILE_CACHE: `${output}/compiled`, BREAKER_OPEN_MS: breakerMs, ...env };
  const replicas = await Promise.all(upstreams.map(({ url }) => startReplica(url, settings, onLine)));

  let turn = 0;
  async function ask(): Promise<void> {
    const { headers, ...changed } = site.replace();
    const { query, variables } = { ...OPERATIONS[turn++ % OPERATIONS.length], ...changed };
    const request = { method: 'POST', headers: { ...HEADERS, ...headers }, body: JSON.stringify({ query, variables }) };
    await fetch(`${replicas[turn % servers]?.url}/graphql`, request).then((response) => response.text());
  }
  // The alerts judge failures.
  const everyMs = 60_000 / FACTOR / OPERATIONS_PER_MINUTE;
  const timer = isIdle ? undefined : setInterval(() => ask().catch(() => {}), everyMs);

  const site = {
    namespace,
    /** The only command API, or the first. */
    upstream,
    /** A fault replaces this function. */
    replace: (): Replacement => ({}),
    replicas,
    stopTraffic: () => clearInterval(timer),
    /** Kills the first server and starts another on the same ports, several times. */
    async crash(count: number) {
      for (let left = count; left > 0; left--) {
        const [old] = replicas as [Replica];
        old.kill();
        await old.exit;
        const ports = { PORT: new URL(old.url).port, METRICS_PORT: String(old.metricsPort) };
        replicas[0] = await startReplica(upstream.url, { ...settings, ...ports }, onLine);
        await delay(2000);
      }
    },
  };
  return site;
}

export type Site = Awaited<ReturnType<typeof startSite>>;
