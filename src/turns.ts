/**
 * Spreads the work of one server over turns of the event loop, so that sockets and timers run in between.
 */

/** A unit of work takes 20 ns. */
const WORK_PER_MS = 50_000;
/** About 10 ms. Larger work has a turn of its own. */
const TURN_WORK = 10 * WORK_PER_MS;

export type Queue = ReturnType<typeof createTurns>;

/** Creates the queue of all work of one server. */
export function createTurns() {
  // Not a chain of promises: it costs a list a tenth, in garbage collection.
  const waiting: { readonly place: number; readonly work: number; readonly start: () => void }[] = [];
  let isIdle = true;

  function runTurn(): void {
    const startedAt = performance.now();
    // A round of the event loop for each millisecond of the turn: a round accepts one connection.
    setImmediate(() => waitRounds(performance.now() - startedAt));
    let workLeft = TURN_WORK;
    do {
      const next = waiting.shift();
      workLeft -= next?.work ?? 0;
      next?.start();
    } while (waiting[0] && waiting[0].work <= workLeft);
  }

  function waitRounds(rounds: number): void {
    if (rounds >= 1) setImmediate(waitRounds, rounds - 1);
    else if (waiting.length > 0) runTurn();
    else isIdle = true;
  }

  /** Calls `start` in the turn of this work. The lowest place goes first, and of equal places the one that came first. */
  return function queue(place: number, work: number, start: () => void): void {
    if (isIdle) setImmediate(runTurn);
    isIdle = false;
    // In halves: a thousand may wait.
    let [index, end] = [0, waiting.length];
    while (index < end) {
      const middle = (index + end) >> 1;
      if ((waiting[middle]?.place ?? 0) <= place) index = middle + 1;
      else end = middle;
    }
    waiting.splice(index, 0, { place, work, start });
  };
}

/** What an operation may take before others that began later go first, and how many ms later it counts for each ms beyond. */
const FREE_MS = 20;
const LATER = 10;

export type OwnTurns = ReturnType<typeof createOwnTurns>;

/**
 * Creates the turns of an operation. Those that began first go first, because one half done holds more memory than one that has
 * not begun. Its replies go later by what it has taken, so that a large one does not hold up others until its deadline. Its
 * response does not: that would keep memory, and is bounded by itself.
 */
export function createOwnTurns(queue: Queue, startedAt: number) {
  let takenMs = 0;
  const ask = (place: number, work: number, start: () => void) => {
    queue(place, work, start);
    takenMs += work / WORK_PER_MS;
  };
  const placeOfReply = () => startedAt + LATER * Math.max(0, takenMs - FREE_MS);
  const askForReply = (work: number, start: () => void) => ask(placeOfReply(), work, start);
  return {
    /** Returns the place in the queue of a reply that arrives now, on the clock of `performance.now()`. */
    placeOfReply,
    /** Calls `start` when a reply may be decoded. */
    askForReply,
    /** Resolves when a reply may be decoded. */
    takeForReply: (work: number) => new Promise<void>((start) => askForReply(work, start)),
    /** Resolves when other work may start. */
    take: (work: number) => new Promise<void>((start) => ask(startedAt, work, start)),
  };
}
