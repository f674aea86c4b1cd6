/**
 * The connections to the command API: kept ones for reads, and a fresh one for each write or retry.
 */
import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import { closeSync, openSync } from 'node:fs';
import type http from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { callbackify } from 'node:util';

/**
 * For how long addresses are used without a lookup, connections are kept, and kept connections may be idle. A new address
 * of the command API is followed within the sum.
 */
const KEPT_MS = 20_000;
/** For how long a connection waits for a lookup if earlier addresses are known. */
const LOOKUP_MS = 250;
/** The time of an address, if another one follows. Node's 250 ms are too short for a command API that is far away. */
const ADDRESS_MS = 1000;

/** Creates the agents of kept and of fresh connections. An attempt to send a command takes at most `attemptMs`. */
export function createAgents(Agent: typeof http.Agent, attemptMs: number) {
  const options = {
    lookup: callbackify(createLookup()),
    autoSelectFamilyAttemptTimeout: Math.ceil(Math.min(ADDRESS_MS, attemptMs / 3)),
  };
  const kept = new Agent({ ...options, keepAlive: true, timeout: KEPT_MS });
  const keep = kept.keepSocketAlive.bind(kept);
  const keptSince = new WeakMap<Duplex, number>();
  kept.keepSocketAlive = (socket) => {
    const since = keptSince.get(socket) ?? performance.now();
    keptSince.set(socket, since);
    return performance.now() - since < KEPT_MS && keep(socket);
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

  async function lookup(hostname: string, options: LookupOptions): Promise<LookupAddress[]> {
    if (known && performance.now() < known.until) return known.addresses;
    pending ??= ask(hostname, options);
    return pending;
  }

  function ask(hostname: string, options: LookupOptions): Promise<LookupAddress[]> {
    const answer = resolve(hostname, options).finally(() => {
      pending = undefined;
    });
    if (!known) return answer;
    const last = known.addresses;
    return Promise.race([answer.catch(() => last), delay(LOOKUP_MS, last, { ref: false })]);
  }

  async function resolve(hostname: string, options: LookupOptions): Promise<LookupAddress[]> {
    const { promise: answer, resolve, reject } = Promise.withResolvers<LookupAddress[]>();
    // Follows the hosts file and the system's settings.
    dns.lookup(hostname, { ...options, all: true }, (error, found) => (error ? reject(error) : resolve(found)));
    try {
      const addresses = await answer;
      known = { addresses, until: performance.now() + KEPT_MS };
      return addresses;
    } catch (error) {
      // Without a file descriptor, the system only says that it did not find the name. This throws the reason.
      closeSync(openSync('/dev/null', 'r'));
      throw error;
    }
  }

  return lookup;
}
