/**
 * Request coalescing: identical reads share an exchange whose first caller asked at most 50 ms ago. Nothing is cached.
 */
import type { Holding } from '../memory.ts';
import type { OwnTurns } from '../turns.ts';
import { untilAborted } from './failures.ts';
import type { CommandRecord } from './record.ts';

/**
 * The maximum age of an exchange to join. A write on another replica clears nothing here, so a read after that write may
 * join an exchange from before it. This limits the age of its data.
 */
const JOINABLE_MS = 50;

/** An exchange for which one or several reads wait. */
interface SharedRead {
  /** The record of the command that is really sent. */
  readonly record: CommandRecord;
  /** What its reply holds. */
  readonly holding: Holding;
  /** Undefined after its end. */
  reply: Promise<unknown> | undefined;
  /** Aborts the exchange. */
  readonly controller: AbortController;
  /** The turns of each operation that waits. */
  readonly waiting: OwnTurns[];
  /** What its reply waits for, once it waits for a turn. */
  queued: { readonly place: number; readonly work: number; readonly start: () => void } | undefined;
}

type Waiter = { readonly signal: AbortSignal; readonly turns: OwnTurns };

export function createCoalescing() {
  const reads = new Map<string, SharedRead>();

  return {
    /** Returns the read to join. The key must contain everything that decides the reply, including the caller's token. */
    find(key: string): SharedRead | undefined {
      const read = reads.get(key);
      const isJoinable = read && performance.now() - read.record.start <= JOINABLE_MS;
      return isJoinable && !read.controller.signal.aborted ? read : undefined;
    },

    /** Starts an exchange, and lets later reads join it until it ends. */
    start(
      key: string,
      record: CommandRecord,
      holding: Holding,
      run: (read: SharedRead) => Promise<unknown>,
    ): SharedRead {
      const controller = new AbortController();
      const read: SharedRead = { record, holding, controller, waiting: [], reply: undefined, queued: undefined };
      read.reply = run(read);
      const end = () => {
        if (reads.get(key) === read) reads.delete(key);
        // What was deleted from a Map may stay in memory: without this, a list costs 6 % more.
        read.reply = undefined;
      };
      read.reply.then(end, end);
      reads.set(key, read);
      return read;
    },

    /** Waits for a read, which has not ended, until `signal` aborts. The last caller to leave aborts the exchange. */
    async waitOrLeave(read: SharedRead, { signal, turns }: Waiter): Promise<unknown> {
      const reply = read.reply as Promise<unknown>;
      read.waiting.push(turns);
      const { queued } = read;
      if (queued && turns.placeOfReply() < queued.place) turns.askForReply(queued.work, queued.start);
      try {
        return await untilAborted(reply, signal);
      } finally {
        read.waiting.splice(read.waiting.indexOf(turns), 1);
        if (read.waiting.length === 0 && signal.aborted) {
          read.controller.abort(signal.reason);
          // So that the last command, if it is the one that was sent, tells of its attempt.
          await reply.catch(() => {});
        }
      }
    },

    /** Takes the turn of the earliest operation that waits for a read, even if it joins meanwhile. */
    takeTurn(read: SharedRead, work: number): Promise<void> {
      if (read.waiting.length === 0) return Promise.resolve();
      const earliest = read.waiting.reduce((one, other) => (other.placeOfReply() < one.placeOfReply() ? other : one));
      return new Promise((start) => {
        read.queued = { place: earliest.placeOfReply(), work, start };
        earliest.askForReply(work, start);
      });
    },

    /** A read after this moment joins no exchange from before it. */
    clear: () => reads.clear(),
  };
}
