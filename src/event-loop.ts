/**
 * Spreads work over turns of the event loop, so that sockets and timers run in between.
 */

/** The size of a turn's work: about 10 ms. Larger work runs alone in a turn. */
const TURN_SIZE = 50_000;
/** Requests start one by one for that many turns after memory was scarce. */
const CAREFUL_TURNS = 50;
/** A round of the event loop accepts one connection. A turn is followed by one for each 5 ms that it took. */
const ROUND_MS = 5;

interface Work {
  readonly size: number;
  readonly start: () => void;
}

// Later stages start first: an operation that has begun releases its memory sooner. Not a chain of promises: it costs
// 15 % of a list, in garbage collection.
const waiting = { response: [] as Work[], reply: [] as Work[], request: [] as Work[] };
const queues = Object.values(waiting);
let isMemoryScarce = () => false;
let isIdle = true;
let careful = 0;
let turns = 0;

/** Resolves when work may start: to produce a list, to decode a reply, or to execute a request. */
export function waitForEventLoop(kind: keyof typeof waiting, size: number): Promise<void> {
  if (isIdle) setImmediate(runTurn);
  isIdle = false;
  return new Promise((start) => waiting[kind].push({ size, start }));
}

/** Sets when requests start one by one. Every turn asks. */
export function startOneByOneWhile(isScarce: () => boolean): void {
  isMemoryScarce = isScarce;
}

function runTurn(): void {
  setImmediate(endTurn, performance.now());
  careful = isMemoryScarce() ? CAREFUL_TURNS : Math.max(0, careful - 1);
  // So that requests do not wait for all earlier operations to end.
  const first = ++turns % 4 === 0 ? waiting.request.shift() : undefined;
  first?.start();
  let used = first?.size ?? 0;
  for (const queue of queues) {
    const least = careful > 0 && queue === waiting.request ? TURN_SIZE : 1;
    for (let [next] = queue; next; [next] = queue) {
      const size = Math.max(least, next.size);
      if (used > 0 && used + size > TURN_SIZE) break;
      used += size;
      queue.shift();
      next.start();
    }
  }
}

function endTurn(startedAt: number): void {
  waitRounds((performance.now() - startedAt) / ROUND_MS);
}

function waitRounds(rounds: number): void {
  if (rounds >= 1) setImmediate(waitRounds, rounds - 1);
  else if (queues.some(({ length }) => length > 0)) runTurn();
  else isIdle = true;
}
