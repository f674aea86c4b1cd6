/**
 * A namespace of the drill: its servers, their command APIs, and steady traffic of all commands.
 */
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync } from 'node:fs';
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { EXAMPLE, FLATS } from '../../dev/seed.ts';
import { type GraphqlError, NEW_MAINTENANCE } from '../support/ask.ts';
import { startFleet } from '../support/fleet.ts';
import { request } from '../support/load.ts';
import { HEADERS, type Replica, startReplica } from '../support/replica.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { FACTOR, type Target } from './prometheus.ts';

/** In production. */
const OPERATIONS_PER_MINUTE = 30;
const VENDOR_MS = 17;
const [R, FLAT] = [EXAMPLE.residenceId, String(FLATS[1]?.id)];

const LIST = `query List($id: ID!) { maintenances(residenceId: $id) { id state description createdTime } }`;
const DETAIL = `query Detail($id: ID!) { maintenance(id: $id) { id state startTime finishTime contact } }`;
const CREATE = `mutation Create($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { createdId } }`;
const DELETE = `mutation Delete($id: ID!) { deleteMaintenances(ids: [$id]) { deletedIds } }`;

/**
 * One server by default, and more servers each before a separate command API. A fleet is two servers before one command API,
 * behind a balancer. An idle namespace sends no operations.
 */
export type Settings = { env?: NodeJS.ProcessEnv; servers?: number; isFleet?: boolean; isIdle?: boolean };

/** Starts a namespace and its traffic. Writes `logs.jsonl` of the servers to its folder. */
export async function startSite(
  namespace: string,
  { env = {}, servers = 1, isFleet = false, isIdle = false }: Settings,
  output: string,
) {
  const folder = `${output}/${namespace}`;
  mkdirSync(folder, { recursive: true });
  const onLine = (line: string) => appendFileSync(`${folder}/logs.jsonl`, `${line}\n`);
  const agent = new Agent({ keepAlive: true, scheduling: 'fifo' });
  const upstreams = await Promise.all(Array.from({ length: servers }, () => startUpstream()));
  for (const each of upstreams) each.slowDown(VENDOR_MS);
  const [upstream] = upstreams as [Upstream];
  const breakerMs = String(Math.round(2000 / FACTOR));
  const settings = { METRICS_PORT: '0', NODE_COMPILE_CACHE: `${output}/compiled`, BREAKER_OPEN_MS: breakerMs, ...env };
  const fleet = isFleet ? await startFleet(upstream.url, { ...settings, DRAIN_DELAY_MS: '500' }, onLine) : undefined;
  const replicas = isFleet ? [] : await Promise.all(upstreams.map(({ url }) => startReplica(url, settings, onLine)));

  let turn = 0;
  /** Returns 80 % lists and details, 10 % details that do not exist, 5 % creates and 5 % deletes. */
  function nextOperation(): { readonly query: string; readonly variables?: object; readonly token?: string } {
    const step = turn++ % 20;
    if (step === 0) return { query: CREATE, variables: { input: { ...NEW_MAINTENANCE, residenceId: FLAT } } };
    if (step === 10) return { query: DELETE, variables: { id: `${R}:gone` } };
    if (step % 10 === 5) return { query: DETAIL, variables: { id: `${R}:gone` } };
    if (step % 2 === 0) return { query: LIST, variables: { id: R } };
    return { query: DETAIL, variables: { id: `${R}:${EXAMPLE.maintenanceId}` } };
  }

  async function ask(): Promise<void> {
    for (const { received } of upstreams) received.length = 0;
    const urls = fleet ? [fleet.url] : replicas.map(({ url }) => url);
    const url = `${urls[turn % urls.length]}/graphql`;
    const [traceId, requestId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
    const traceparent = `00-${traceId}-${traceId.slice(16)}-00`;
    const { token, ...operation } = site.operation();
    const authorization = token && { authorization: `Bearer ${token}` };
    const headers = { ...site.headers, ...authorization, 'x-request-id': requestId, traceparent };
    const answer = request(agent, url, { headers, body: JSON.stringify(operation) });
    const errors: Partial<GraphqlError>[] = await answer
      .then(({ text }) => JSON.parse(text).errors ?? [])
      .catch((error) => [error]);
    for (const { message, extensions: { code = message, commandId, errorId } = {} } of errors)
      site.errors.push({ namespace, time: Date.now(), requestId, traceId, code, commandId, errorId });
  }

  const everyMs = 60_000 / FACTOR / OPERATIONS_PER_MINUTE;
  const start = performance.now();
  let sent = 0;
  /** Sends at most two due operations, so that the counts catch up without a burst after a busy moment of the machine. */
  function send(): void {
    for (let left = 2; left > 0 && sent * everyMs < performance.now() - start; left--, sent++) void ask();
  }
  const timer = isIdle ? undefined : setInterval(send, everyMs);

  const site = {
    namespace,
    /** The only command API, or the first. */
    upstream,
    fleet,
    /** The errors that the callers received, with each id that may lead to its cause. */
    errors: [] as Readonly<Record<string, unknown>>[],
    /** The headers and the next operation of the callers. A fault may change both. */
    headers: { ...HEADERS } as Record<string, string>,
    operation: nextOperation,
    replicas: (): readonly Replica[] => fleet?.replicas() ?? replicas,
    targets(): Target {
      return { targets: site.replicas().map(({ metricsPort }) => `127.0.0.1:${metricsPort}`), labels: { namespace } };
    },
    stopTraffic: () => clearInterval(timer),
    /** Kills the first server and starts another on the same ports, several times. */
    async crash(times: number) {
      for (let left = times; left > 0; left--) {
        const [old] = replicas as [Replica];
        old.kill();
        await old.exit;
        const ports = { PORT: new URL(old.url).port, METRICS_PORT: String(old.metricsPort) };
        replicas[0] = await startReplica(upstream.url, { ...settings, ...ports }, onLine);
        await delay(2000);
      }
    },
    /** Ends the traffic and the servers. */
    async stop() {
      clearInterval(timer);
      fleet?.stop();
      for (const replica of site.replicas()) replica.kill();
      agent.destroy();
      // A fault may have stopped a command API.
      await Promise.all(upstreams.map(({ stop }) => stop().catch(() => {})));
    },
  };
  return site;
}

export type Site = Awaited<ReturnType<typeof startSite>>;
