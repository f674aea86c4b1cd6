/**
 * Request coalescing: identical reads share an exchange whose first caller asked at most 50 ms ago. Nothing is cached.
 */
import { Bytes, type Lease, type Resources } from '../lease.ts';
import type { Turn } from '../turns.ts';
import { noRoom, untilAborted } from './failures.ts';
import type { Grant } from './grant.ts';
import { NO_MEMORY } from './interruptions.ts';
import type { CommandRecord } from './record.ts';

/**
 * The maximum age of the command whose exchange is joined. A write on another replica clears nothing here, so a read
 * after that write may join an exchange from before it. This limits the age of its data.
 */
const JOINABLE_MS = 50;

/** Starts an exchange with the bytes, the signal and the turns of all who wait for it. */
type Start = (shared: Pick<Grant, 'bytes' | 'signal' | 'unsentSignal' | 'turn'>) => Promise<unknown>;

/**
 * Starts an exchange. `record` is that of the command that is really sent. Its first lease must wait for the reply at
 * once. While it is pending, leases wait for it; if the last one leaves, it is aborted. When it has settled, leases
 * keep the reply; the last one gives its bytes back.
 */
function startShared(record: CommandRecord, memory: Resources['memory'], start: Start, onSettled: () => void) {
  const bytes = new Bytes(memory);
  const ending = new AbortController();
  const { signal } = ending;
  /**
   * The leases that wait for the reply, and afterwards those that keep it. Never empty between the first `wait` and the
   * end of the exchange.
   */
  const holders: Lease[] = [];
  /** The turn for which the reply waits. */
  let queued: Turn | undefined;
  let reply: Promise<unknown> | undefined = start({ bytes, signal, unsentSignal: signal, turn });
  const settle = () => {
    // A deleted entry of a Map may stay in memory: without this, a list costs 6 % more.
    reply = undefined;
    onSettled();
  };
  reply.then(settle, settle);

  /** Resolves in the turn of the earliest operation that waits; at once if the last one is leaving. */
  async function turn(work: number): Promise<void> {
    if (signal.aborted) return;
    const earliest = holders.reduce((one, other) => (other.placeOfReply < one.placeOfReply ? other : one));
    queued = earliest.turnOfReply(work);
    await queued.begun;
  }

  /**
   * Returns the reply, which the lease keeps from now on. Throws if the lease ends first, or has no room for the reply.
   */
  async function wait(lease: Lease): Promise<unknown> {
    holders.push(lease);
    if (queued) lease.resources.turns.hasten(queued, lease.placeOfReply);
    try {
      const value = await untilAborted(reply as Promise<unknown>, lease.signal);
      if (lease.keep(bytes, () => leave(lease))) return value;
      throw noRoom(NO_MEMORY);
    } catch (error) {
      if (lease.signal.aborted && holders.length === 1) {
        ending.abort(lease.signal.reason);
        // Nothing will be decoded, so the exchange need not keep its slot until the turn.
        queued?.begin();
        // The last command may be the one that was sent: it tells of its attempt.
        await reply?.catch(() => {});
      }
      // For all but the last, in one step with the question who is last: several leases may end at once.
      leave(lease);
      throw error;
    }
  }

  function leave(lease: Lease): void {
    holders.splice(holders.indexOf(lease), 1);
    if (holders.length === 0) bytes[Symbol.dispose]();
  }

  const isJoinable = () => reply && !signal.aborted && performance.now() - record.startedAt <= JOINABLE_MS;
  return { record, isJoinable, wait };
}

export function createCoalescing() {
  /** The exchanges of each owner, by key. An owner may have 16 KB and a thousand exchanges, so it is kept once. */
  const groups = new Map<string, { owner: string; exchanges: Map<string, ReturnType<typeof startShared>> }>();

  return {
    /**
     * Joins the exchange of an identical read, or starts one, which others may join. Returns its reply. Owner and key
     * must contain everything that decides the reply: the caller's credentials, and the command.
     */
    read(owner: string, key: string, lease: Lease, record: CommandRecord, start: Start): Promise<unknown> {
      const group = groups.get(owner) ?? { owner, exchanges: new Map() };
      const { exchanges } = group;
      const found = exchanges.get(key);
      if (found?.isJoinable()) {
        record.join(found.record);
        return found.wait(lease);
      }
      const shared = startShared(record, lease.resources.memory, start, () => {
        if (exchanges.get(key) === shared) exchanges.delete(key);
        if (exchanges.size === 0 && groups.get(group.owner) === group) groups.delete(group.owner);
      });
      exchanges.set(key, shared);
      groups.set(group.owner, group);
      return shared.wait(lease);
    },

    /** A read after this moment joins no exchange from before it. */
    clear: () => groups.clear(),
  };
}
