/**
 * The connections to the command API: kept ones for reads, and a fresh one for each write or retry.
 */
import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import { closeSync, openSync } from 'node:fs';
import type http from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { callbackify, promisify } from 'node:util';

/**
 * How long addresses are used without a lookup, how long a connection is kept after its first command, and how long it may
 * be idle. A move of the command API is followed within three times this.
 */
const KEPT_MS = 20_000;
/** How long connections wait for a lookup if earlier addresses are known. */
const LOOKUP_WAIT_MS = 250;
/** The time of an address, if another one follows. Node's 250 ms are too short for a command API that is far away. */
const CONNECT_MS = 1000;

/** Creates the agents of kept and of fresh connections. An attempt to send a command takes at most `attemptMs`. */
export function createAgents(Agent: typeof http.Agent, attemptMs: number) {
  const options = {
    lookup: callbackify(createLookup()),
    // Required, because the lookup returns all addresses. NODE_OPTIONS may turn this off.
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: Math.ceil(Math.min(CONNECT_MS, attemptMs / 3)),
  };
  const kept = new Agent({ ...options, keepAlive: true, timeout: KEPT_MS });
  const keepAsNode = kept.keepSocketAlive.bind(kept);
  const keptSince = new WeakMap<Duplex, number>();
  kept.keepSocketAlive = (socket) => {
    const since = keptSince.get(socket) ?? performance.now();
    keptSince.set(socket, since);
    return performance.now() - since < KEPT_MS && keepAsNode(socket);
  };
  return { kept, fresh: new Agent(options) };
}

/**
 * Creates the lookup of the command API's name. Node would look it up for each connection, at most two at once in the
 * whole process. This looks it up once for all that wait, and uses the last addresses while the resolver fails or is slow.
 */
function createLookup() {
  let known: { readonly addresses: LookupAddress[]; readonly until: number } | undefined;
  /** What to use until the resolver has answered. */
  let pending: Promise<LookupAddress[]> | undefined;

  async function ask(hostname: string, options: LookupOptions): Promise<LookupAddress[]> {
    try {
      // Follows the hosts file and the system's settings.
      const addresses = await promisify(dns.lookup)(hostname, { ...options, all: true });
      known = { addresses, until: performance.now() + KEPT_MS };
      return addresses;
    } catch (error) {
      // Without a file descriptor, the system only says that it did not find the name. This throws the reason.
      closeSync(openSync('/dev/null', 'r'));
      throw error;
    } finally {
      pending = undefined;
    }
  }

  return async (hostname: string, options: LookupOptions): Promise<LookupAddress[]> => {
    if (known && performance.now() < known.until) return known.addresses;
    if (pending) return pending;
    const answer = ask(hostname, options);
    const last = known?.addresses;
    pending = last ? Promise.race([answer.catch(() => last), delay(LOOKUP_WAIT_MS, last, { ref: false })]) : answer;
    return pending;
  };
}
