/**
 * Coalescing: identical reads join the exchange of one that asked at most 50 ms ago. Nothing is cached.
 */
import type { Exchange } from './exchange.ts';

/**
 * The maximum age of the command whose exchange is joined. A write on another replica stops no joining here, so a read
 * after that write may join an exchange from before it. This limits the age of its data.
 */
const JOINABLE_MS = 50;

export type Coalescing = ReturnType<typeof createCoalescing>;

export function createCoalescing() {
  /** By credentials, which may have 16 KB and a thousand exchanges and so are kept once, and by command. */
  const groups = new Map<string, Map<string, Exchange<unknown>>>();

  return {
    /** Returns the exchange of an identical read, if it may still be joined. */
    find(credentials: string, command: string): Exchange<unknown> | undefined {
      const exchange = groups.get(credentials)?.get(command);
      const isRecent = exchange && performance.now() - exchange.startedAt <= JOINABLE_MS;
      return isRecent && exchange.isUnderWay ? exchange : undefined;
    },

    /**
     * Lets others join an exchange while it is young and under way. Both keys must contain everything that decides the
     * reply.
     */
    add(credentials: string, command: string, exchange: Exchange<unknown>): void {
      const group = groups.get(credentials) ?? new Map();
      groups.set(credentials, group.set(command, exchange));
      void exchange.ended.then(() => {
        if (group.get(command) === exchange) group.delete(command);
        if (group.size === 0 && groups.get(credentials) === group) groups.delete(credentials);
      });
    },

    /** Reads that begin from now on join no exchange from before. */
    stopJoining: () => groups.clear(),
  };
}
