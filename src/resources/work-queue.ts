/**
 * The queue of work: when a request is executed, and when a reply is decoded with the part of the response that it
 * makes.
 *
 * Work that has begun cannot be interrupted, and while it runs, the process accepts no connection, reads no socket and
 * runs no timer. So work waits here, and what belongs to the oldest operation begins first: in the order of arrival,
 * nearly every operation would wait as long as all of them together, and past its time. A few small pieces begin at a
 * time, or one large one, until 10 ms have passed. Then come rounds of the event loop, one for each millisecond,
 * because a round accepts one connection. limits.ts bounds how long a single piece of work takes.
 */
import { addAbortListener } from 'node:events';
import { setImmediate as nextRound } from 'node:timers/promises';

/** Work that waits. */
interface Work {
  /** When its operation began, as performance.now() says it. */
  readonly startedAt: number;
  /** The size of the reply that is decoded; 0 for a request. */
  readonly bytes: number;
  readonly signal: AbortSignal;
}

/** Pieces that begin at a time. Begun one by one, small requests cost more of the processor: docs/decisions.md. */
const TOGETHER = 8;
/** The largest reply that begins together with others. */
const SMALL_BYTES = 16 * 1024;
/** How long work begins before sockets and timers have their rounds. */
const BURST_MS = 10;
/** The most rounds after a burst. */
const MOST_ROUNDS = 30;

export class WorkQueue {
  // Not a chain of promises: it costs a list a tenth, in garbage collection.
  readonly #waiting: { begin: () => void; isSmall: boolean; startedAt: number }[] = [];
  #isRunning = false;

  /** Resolves when the work may begin, or when the signal aborts: ask it afterwards. */
  async wait({ startedAt, bytes, signal }: Work): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // Work whose signal has aborted keeps its place, where nothing happens any more.
    using _ = addAbortListener(signal, () => resolve());
    const before = this.#waiting.findLastIndex((other) => other.startedAt <= startedAt);
    this.#waiting.splice(before + 1, 0, { begin: resolve, isSmall: bytes <= SMALL_BYTES, startedAt });
    if (!this.#isRunning) void this.#run();
    await promise;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    await nextRound();
    while (this.#waiting.length > 0) {
      const startedAt = performance.now();
      do {
        for (const { begin } of this.#next()) begin();
        // By then they have done their work: promises go before `nextTick` of a later promise.
        await new Promise((resolve) => process.nextTick(resolve));
      } while (this.#waiting.length > 0 && performance.now() - startedAt < BURST_MS);
      await nextRound();
      const rounds = Math.min(performance.now() - startedAt, MOST_ROUNDS);
      for (let round = 1; round <= rounds; round++) await nextRound();
    }
    this.#isRunning = false;
  }

  #next(): { begin: () => void }[] {
    const large = this.#waiting.slice(0, TOGETHER).findIndex(({ isSmall }) => !isSmall);
    return this.#waiting.splice(0, large === -1 ? TOGETHER : Math.max(large, 1));
  }
}
