/**
 * Spreads the work of one server over turns of the event loop, so that sockets and timers run in between.
 */

/** In units of 20 ns: about 10 ms. Larger work has a turn of its own. */
const TURN_WORK = 500_000;

export type TakeTurn = ReturnType<typeof createTurns>;

/** Creates the queue of all work of one server. */
export function createTurns() {
  // Not a chain of promises: it costs a list a tenth, in garbage collection.
  const waiting: { readonly startedAt: number; readonly work: number; readonly start: () => void }[] = [];
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

  /**
   * Resolves when this work of an operation may start. The operation that started first goes first: one half done holds more
   * memory than one that has not begun.
   */
  return function takeTurn(startedAt: number, work: number): Promise<void> {
    if (isIdle) setImmediate(runTurn);
    isIdle = false;
    return new Promise((start) => {
      const place = waiting.findLastIndex((other) => other.startedAt <= startedAt) + 1;
      waiting.splice(place, 0, { startedAt, work, start });
    });
  };
}
