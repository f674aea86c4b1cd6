/**
 * Spreads the work of one server over turns of the event loop, so that sockets and timers run in between.
 */

/** A unit of work takes about 20 ns. */
export const WORK_PER_MS = 50_000;
/** About 10 ms. Larger work is alone in its turn. */
const TURN_WORK = 10 * WORK_PER_MS;

/** Work that waits for its turn. */
export interface Turn {
  /** The lowest goes first, and of equal places the first that got its place. */
  place: number;
  /** 0 once it has begun: work that begins out of order then delays no other. */
  work: number;
  /** Resolves when the work may begin. */
  readonly begun: Promise<void>;
  begin(): void;
}

/** Resolves in the next round of the event loop. */
const nextRound = () => new Promise((resolve) => setImmediate(resolve));

/** Creates the queue of all work of one server. */
export function createTurns() {
  // Not a chain of promises: it costs a list a tenth, in garbage collection.
  const waiting: Turn[] = [];
  let isIdle = true;

  async function run(): Promise<void> {
    isIdle = false;
    await nextRound();
    while (waiting.length > 0) {
      const startedAt = performance.now();
      beginNext();
      // The work is done by then: what waits for a promise goes first.
      await new Promise((resolve) => process.nextTick(resolve));
      const workMs = performance.now() - startedAt;
      await nextRound();
      // A round for each further millisecond, because a round accepts one connection. What others do in the round counts
      // too, but not without limit: it may be the parsing of bodies, and the queue would stand still.
      for (let rounds = Math.min(performance.now() - startedAt, 3 * workMs); rounds >= 1; rounds--) await nextRound();
    }
    isIdle = true;
  }

  /** Begins the first work, and what fits into 10 ms with it. */
  function beginNext(): void {
    let workLeft = TURN_WORK;
    do {
      const next = waiting.shift();
      workLeft -= next?.work ?? 0;
      next?.begin();
    } while (waiting[0] && waiting[0].work <= workLeft);
  }

  function insert(turn: Turn): void {
    // From the end: most that come have begun last.
    const before = waiting.findLastIndex(({ place }) => place <= turn.place);
    waiting.splice(before + 1, 0, turn);
  }

  return {
    take(place: number, work: number): Turn {
      if (isIdle) void run();
      const { promise: begun, resolve } = Promise.withResolvers<void>();
      function begin(): void {
        turn.work = 0;
        resolve();
      }
      const turn = { place, work, begun, begin };
      insert(turn);
      return turn;
    },

    /** Moves a turn that still waits to an earlier place. */
    hasten(turn: Turn, place: number): void {
      const index = waiting.indexOf(turn);
      if (index < 0 || place >= turn.place) return;
      waiting.splice(index, 1);
      turn.place = place;
      insert(turn);
    },
  };
}
