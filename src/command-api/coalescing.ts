/**
 * Request coalescing: identical reads share an exchange that is not sent yet, or whose latest attempt was sent at most
 * 50 ms ago. Nothing is cached.
 */
import { addAbortListener } from 'node:events';
import type { ReplyAccount } from '../memory.ts';
import { ended } from './errors.ts';
import type { CommandRecord } from './record.ts';

/**
 * The maximum age of the latest attempt of an exchange to join. A write on another replica detaches nothing here, so a
 * read after that write may join an exchange from before it. This limits the age of its data.
 */
const JOINABLE_MS = 50;

/** An exchange for which one or several reads wait. */
interface SharedRead {
  /** The record of the command that is really sent. */
  readonly record: CommandRecord;
  /** The account of the reply. */
  readonly memory: ReplyAccount;
  /** Undefined after its end. */
  reply: Promise<unknown> | undefined;
  /** Aborts the exchange. */
  readonly controller: AbortController;
  waiting: number;
}

export function createCoalescing() {
  const reads = new Map<string, SharedRead>();

  return {
    /**
     * Returns the read to join. The key must contain everything that decides the reply, including the caller's token.
     */
    find(key: string): SharedRead | undefined {
      const read = reads.get(key);
      if (read?.controller.signal.aborted) return undefined;
      // Not sent yet, or its latest attempt is recent.
      const sentAt = read?.record.exchange.attempts.at(-1)?.start ?? Number.POSITIVE_INFINITY;
      return performance.now() - sentAt <= JOINABLE_MS ? read : undefined;
    },

    /** Lets later reads join an exchange until it ends. `controller` aborts the exchange. */
    add(key: string, exchange: Omit<SharedRead, 'waiting'> & { reply: Promise<unknown> }): SharedRead {
      const read: SharedRead = { ...exchange, waiting: 0 };
      read.record.setRunning(true);
      const end = () => {
        read.record.setRunning(false);
        if (reads.get(key) === read) reads.delete(key);
        // What was deleted from a Map may stay in memory until a full garbage collection. Keeping the replies cost 8 % of
        // a list's CPU.
        read.reply = undefined;
      };
      exchange.reply.then(end, end);
      reads.set(key, read);
      return read;
    },

    /** Waits for a read until `signal` aborts. If no other caller waits, this also aborts the exchange. */
    async wait(read: SharedRead, signal: AbortSignal): Promise<unknown> {
      read.waiting++;
      const left = Promise.withResolvers<never>();
      using _ = addAbortListener(signal, () => {
        read.waiting--;
        if (read.waiting > 0) return left.reject(ended(signal));
        // Aborting the exchange rejects its reply, for which this caller waits.
        read.controller.abort(signal.reason);
      });
      return await Promise.race([read.reply, left.promise]);
    },

    /** Prevents later reads, of any caller, from joining the current reads of a residence. */
    detach(residenceId: string): void {
      for (const [key, { record }] of reads) {
        if (record.residenceId === residenceId) reads.delete(key);
      }
    },
  };
}
