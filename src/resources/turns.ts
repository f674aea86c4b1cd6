/**
 * Turns: the order in which long work gets the event loop.
 *
 * The model. Work that has begun cannot be interrupted, and while it runs, the process accepts no connection, reads no
 * socket and runs no timer. So four kinds of work wait here, in one queue: to execute a request, to decode a reply, to
 * call many reference resolvers, to produce a large response. Small requests and replies wait too: alike work that
 * begins together is cheaper than work that comes singly. One turn begins work in order until it has begun an estimated
 * 10 ms of it. Larger work is alone in its turn. After each turn come rounds of the event loop, one for each millisecond
 * that the turn took, because a round accepts one connection.
 *
 * The order. The lowest priority goes first, and a priority is a time on the clock of `performance.now()`. A request, a
 * response and the reply to a write have the time at which their operation began, because an operation that is half
 * done holds more memory than one that has not begun. The reply to a read goes later if its operation is large: after
 * 20 ms of turns, each further millisecond lets the operation's replies queue as if it had begun 10 ms later. When
 * several operations wait for a reply, it has the order of the earliest of them.
 *
 * The numbers. With a `setImmediate` for each work in place of turns, health checks took 17 s under hostile load, and
 * 214 ms with turns. First in, first out served 5 of 250 large lists beside an attack where this order served 29. Both
 * were measured at a heap of 256 MB; `npm run test:soak -- hostile-callers` and `large-operations` measure it again.
 *
 * What is refused: nothing. While an operation waits, it holds nothing for the work to come. A wait ends with its signal
 * at the latest, so the operation looks at its signal after each wait.
 */
import { addAbortListener } from 'node:events';
import { setImmediate as nextRound } from 'node:timers/promises';

/** Work is estimated in nanoseconds, as whole numbers. */
const NS_PER_MS = 1_000_000;
/** The work that one turn begins together. */
const TURN_NS = 10 * NS_PER_MS;
/** The work of an operation before its replies go later, and how many ms later they go for each ms beyond. */
const FREE_MS = 20;
const DELAY_PER_MS = 10;

interface Waiting {
  readonly priority: number;
  readonly workNs: number;
  begin(): void;
}

/** The queue of all operations of one server. */
export class Turns {
  // Not a chain of promises: it costs a list a tenth, in garbage collection.
  readonly #queue: Waiting[] = [];
  #isIdle = true;

  /** Resolves when the work may begin, or when the signal aborts. */
  async wait(workNs: number, signal: AbortSignal, priority: number): Promise<void> {
    // A caller who has left would wait with its body, which no one counts any more.
    if (signal.aborted) return;
    if (this.#isIdle) void this.#run();
    const queue = this.#queue;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = { priority, workNs, begin: resolve };
    // From the end: most that come have begun last.
    queue.splice(queue.findLastIndex((other) => other.priority <= priority) + 1, 0, waiting);
    using _ = addAbortListener(signal, () => {
      const index = queue.indexOf(waiting);
      if (index >= 0) queue.splice(index, 1);
      resolve();
    });
    await promise;
  }

  async #run(): Promise<void> {
    this.#isIdle = false;
    await nextRound();
    while (this.#queue.length > 0) {
      const startedAt = performance.now();
      this.#beginTurn();
      // The work is done by then: what waits for a promise goes first.
      await new Promise((resolve) => process.nextTick(resolve));
      const workMs = performance.now() - startedAt;
      await nextRound();
      // Other work of the round counts too, but at most three times the work of the turn. It may be the reading of
      // bodies, and the queue would stand still.
      for (let rounds = Math.min(performance.now() - startedAt, 3 * workMs); rounds >= 1; rounds--) await nextRound();
    }
    this.#isIdle = true;
  }

  #beginTurn(): void {
    let leftNs = TURN_NS;
    do {
      const next = this.#queue.shift();
      leftNs -= next?.workNs ?? 0;
      next?.begin();
    } while (this.#queue[0] && this.#queue[0].workNs <= leftNs);
  }
}

/** The turns of one operation, which began at `beganAt`. */
export class OperationTurns {
  readonly #turns: Turns;
  readonly #beganAt: number;
  #askedMs = 0;

  constructor(turns: Turns, beganAt: number) {
    this.#turns = turns;
    this.#beganAt = beganAt;
  }

  /**
   * Resolves when work may begin, or when the signal aborts: ask it afterwards. The reply to a read has
   * `replyPriority`, other work the time at which the operation began.
   */
  wait(workNs: number, signal: AbortSignal, priority = this.#beganAt): Promise<void> {
    this.#askedMs += workNs / NS_PER_MS;
    return this.#turns.wait(workNs, signal, priority);
  }

  /** The priority of a reply that arrives now. */
  get replyPriority(): number {
    return this.#beganAt + DELAY_PER_MS * Math.max(0, this.#askedMs - FREE_MS);
  }
}
