/**
 * The connections to the command API, or to the proxy that leads to it: kept ones for reads, fresh ones for writes and
 * retries.
 */
import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { callbackify, promisify } from 'node:util';
import { HttpProxyAgent, HttpsProxyAgent } from 'hpagent';
import type { Config } from '../config.ts';

/** How long addresses are used without a lookup. */
const ADDRESSES_MS = 20_000;
/** How long a connection is used after its first reply, so that commands follow the command API to another address. */
const KEPT_MS = 20_000;
/**
 * How long a connection waits for an address if another one follows, and for a lookup if earlier addresses are known;
 * at most a third of an attempt. Node's 250 ms are too short for a command API that is far away.
 */
const WAIT_MS = 1000;

/** The messages of hpagent, whose errors have no code, for a proxy that opens no tunnel. */
const PROXY_ERROR = /^(?:Bad response: |Proxy )(\d{3}|timeout)$/;

/** Returns the status of the proxy that opened no tunnel, or `timeout`; undefined for any other error. */
export function proxyErrorCode(error: Error | undefined): string | undefined {
  return PROXY_ERROR.exec(error?.message ?? '')?.[1];
}

/**
 * Creates the agents of kept and of fresh connections. `expireAddresses` makes the next connection look up the name.
 */
export function createConnections({ COMMAND_API_URL, COMMAND_API_PROXY: proxy, ATTEMPT_TIMEOUT_MS }: Config) {
  const waitMs = Math.ceil(Math.min(WAIT_MS, ATTEMPT_TIMEOUT_MS / 3));
  const { lookup, expireAddresses } = createLookup(waitMs);
  const connecting = {
    lookup: callbackify(lookup),
    // Explicit, because without it Node asks for one address, and `lookup` returns all of them.
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: waitMs,
    // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED cannot disable the verification of certificates.
    rejectUnauthorized: true,
    // One for all: without it Node makes one for each connection.
    secureContext: createSecureContext(),
  };
  const isSecure = COMMAND_API_URL.startsWith('https:');

  function createAgent(options: http.AgentOptions): http.Agent {
    if (!proxy) return new (isSecure ? https : http).Agent({ ...options, ...connecting });
    // The proxy looks up the name of the command API.
    const all = { ...options, ...connecting, proxy, proxyRequestOptions: connecting };
    const agent = new (isSecure ? HttpsProxyAgent : HttpProxyAgent)(all);
    const openTunnel = agent.createConnection.bind(agent);
    // Only a timeout ends a request for a tunnel for which no one waits any more. The agent's own is that of idle
    // tunnels.
    agent.createConnection = (target, callback) => openTunnel({ ...target, timeout: ATTEMPT_TIMEOUT_MS }, callback);
    return agent;
  }

  const kept = createAgent({ keepAlive: true, timeout: KEPT_MS });
  const keptSince = new WeakMap<object, number>();
  // Node's documentation names this method to be overridden.
  const keepAsNode = kept.keepSocketAlive.bind(kept);
  kept.keepSocketAlive = (socket: Socket) => {
    const since = keptSince.get(socket) ?? performance.now();
    keptSince.set(socket, since);
    const leftMs = since + KEPT_MS - performance.now();
    const isKept = leftMs > 0 && keepAsNode(socket);
    // Node has set how long it may be idle.
    if (isKept) socket.setTimeout(Math.min(leftMs, socket.timeout ?? leftMs));
    return isKept;
  };
  return { kept, fresh: createAgent({}), expireAddresses };
}

/**
 * Creates the lookup of one name. Node would look it up for each connection, at most two at once in the whole process.
 * This looks it up once for all that wait, and uses the last addresses while the resolver fails or is slow.
 */
function createLookup(waitMs: number) {
  let addresses: LookupAddress[] | undefined;
  let freshUntil = 0;
  /** The lookup under way, and the time that connections with earlier addresses wait for it. */
  let pending: { readonly found: Promise<LookupAddress[]>; readonly patience: Promise<void> } | undefined;

  async function resolve(hostname: string, options: LookupOptions): Promise<LookupAddress[]> {
    try {
      // Follows the hosts file and the system's settings.
      addresses = await promisify(dns.lookup)(hostname, { ...options, all: true });
      freshUntil = performance.now() + ADDRESSES_MS;
      return addresses;
    } finally {
      pending = undefined;
    }
  }

  return {
    async lookup(hostname: string, options: LookupOptions): Promise<LookupAddress[]> {
      const last = addresses;
      if (last && performance.now() < freshUntil) return last;
      pending ??= { found: resolve(hostname, options), patience: delay(waitMs, undefined, { ref: false }) };
      const { found, patience } = pending;
      return last ? Promise.race([found.catch(() => last), patience.then(() => last)]) : found;
    },

    /** Makes the next connection look up addresses that accepted none: they may belong to another host by now. */
    expireAddresses(): void {
      freshUntil = 0;
    },
  };
}
