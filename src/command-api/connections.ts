/**
 * The connections to the command API: kept ones for reads, and a fresh one for each write or retry.
 */
import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import { closeSync, openSync } from 'node:fs';
import type http from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { callbackify, promisify } from 'node:util';
import type { Config } from '../config.ts';

/**
 * How long addresses are used without a lookup, how long a connection is kept after its first command, and how long it may
 * be idle. A move of the command API is followed within three times this.
 */
const KEPT_MS = 20_000;
/** How long connections wait for a lookup if earlier addresses are known. */
const LOOKUP_WAIT_MS = 250;
/** The time of an address, if another one follows. Node's 250 ms are too short for a command API that is far away. */
const CONNECT_MS = 1000;

/** An address that refuses a connection may belong to another host by now. */
const REFUSALS = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'];

type ConnectionError = NodeJS.ErrnoException & { readonly address?: string };

/** The proxy of an agent, private to Node. Node gives the connection to a proxy none of the agent's options. */
interface Proxy {
  readonly proxyConnectionOptions: object;
  shouldUseProxy(host: string, port: number): boolean;
}

/**
 * Creates the agents of kept and of fresh connections to `hostname`. An attempt to send a command takes at most `attemptMs`.
 * With `proxyEnv`, they connect to its proxy, except for the hosts of NO_PROXY.
 */
export function createAgents(
  Agent: typeof http.Agent,
  { hostname, port }: { readonly hostname: string; readonly port: number },
  { ATTEMPT_TIMEOUT_MS: attemptMs, proxyEnv }: Config,
) {
  const connectMs = Math.ceil(Math.min(CONNECT_MS, attemptMs / 3));
  const { lookup, hasMoved } = createLookup(connectMs);
  const connecting = {
    lookup: callbackify(lookup),
    // Required, because the lookup returns all addresses. NODE_OPTIONS may turn this off.
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: connectMs,
  };
  const options = { ...connecting, proxyEnv };
  const kept = new Agent({ ...options, keepAlive: true, timeout: KEPT_MS });
  const fresh = new Agent(options);
  const keepAsNode = kept.keepSocketAlive.bind(kept);
  const keptSince = new WeakMap<Duplex, number>();
  kept.keepSocketAlive = (socket) => {
    const since = keptSince.get(socket) ?? performance.now();
    keptSince.set(socket, since);
    return performance.now() - since < KEPT_MS && keepAsNode(socket);
  };
  let isProxied = false;
  for (const agent of [kept, fresh]) {
    const proxy = proxyOf(agent);
    if (!proxy?.shouldUseProxy(hostname, port)) continue;
    isProxied = true;
    // The name of the proxy fails like the name of the command API.
    Object.assign(proxy.proxyConnectionOptions, connecting, { rejectUnauthorized: true });
    closeFailedTunnels(agent, attemptMs);
  }
  return { kept, fresh, hasMoved, isProxied };
}

function proxyOf(agent: http.Agent): Proxy | undefined {
  const key = Object.getOwnPropertySymbols(agent).find(({ description }) => description === 'kProxyConfig');
  return key && (agent as unknown as Record<symbol, Proxy | undefined>)[key];
}

/** Closes connections to a proxy that become no tunnel within `attemptMs`. Node leaves them open, without a request. */
function closeFailedTunnels(agent: http.Agent, attemptMs: number): void {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const timer = setTimeout(() => socket?.destroy(), attemptMs).unref();
    const socket = connect({ ...options, timeout: undefined }, (error, tunnel) => {
      clearTimeout(timer);
      if (error) socket?.destroy();
      callback?.(error, tunnel);
    });
    return socket;
  };
}

/**
 * Creates the lookup of the command API's name. Node would look it up for each connection, at most two at once in the
 * whole process. This looks it up once for all that wait, and uses the last addresses while the resolver fails or is slow.
 */
function createLookup(connectMs: number) {
  let known: { readonly addresses: LookupAddress[]; readonly until: number } | undefined;
  /** What to use until the resolver has answered. */
  let pending: Promise<LookupAddress[]> | undefined;
  let asked: [hostname: string, options: LookupOptions];
  /** The number of lookups so far. Only the latest counts. */
  let lookups = 0;
  /** The latest lookup after a refusal. */
  let again = { number: 0, at: 0 };

  async function resolve(): Promise<LookupAddress[]> {
    const number = ++lookups;
    const [hostname, options] = asked;
    try {
      // Follows the hosts file and the system's settings.
      const addresses = await promisify(dns.lookup)(hostname, { ...options, all: true });
      if (number === lookups) known = { addresses, until: performance.now() + KEPT_MS };
      return addresses;
    } catch (error) {
      // Without a file descriptor, the system only says that it did not find the name. This throws the reason.
      closeSync(openSync('/dev/null', 'r'));
      throw error;
    } finally {
      if (number === lookups) pending = undefined;
    }
  }

  /** Starts a lookup. Returns the last addresses if it fails, or takes longer than `waitMs`. */
  function ask(waitMs: number): Promise<LookupAddress[]> {
    const answer = resolve();
    const last = known?.addresses;
    pending = last ? Promise.race([answer.catch(() => last), delay(waitMs, last, { ref: false })]) : answer;
    return pending;
  }

  return {
    async lookup(hostname: string, options: LookupOptions): Promise<LookupAddress[]> {
      if (known && performance.now() < known.until) return known.addresses;
      asked = [hostname, options];
      return pending ?? ask(LOOKUP_WAIT_MS);
    },

    /**
     * Returns whether `error` says that each address refused, and a lookup that began after a refusal finds another
     * address. One lookup serves all attempts that began before it, and those that fail while it runs.
     */
    async hasMoved({ cause }: Error, attemptStart: number): Promise<boolean> {
      const reasons: ConnectionError[] = (cause as AggregateError | undefined)?.errors ?? [cause];
      const isRefused = reasons.every((reason) => reason?.syscall === 'connect' && REFUSALS.includes(`${reason.code}`));
      if (!known || !isRefused) return false;
      const isAsking = pending && again.number === lookups;
      if (!isAsking && again.at < attemptStart) {
        known = { ...known, until: 0 };
        ask(connectMs);
        again = { number: lookups, at: performance.now() };
      }
      const addresses = await (pending ?? known.addresses);
      return addresses.some(({ address }) => !reasons.some((reason) => reason.address === address));
    },
  };
}
