/**
 * Spreads expensive work over turns of the event loop, so that sockets and timers run in between.
 */

/** Work of one turn. Larger work is done alone in a turn. */
const TURN = { bytes: 50_000, ms: 10 };
/** The size of a request's execution. */
const REQUEST_BYTES = 2_500;
/** Requests start one by one for that many turns after a turn that took longer than planned. */
const CAREFUL_TURNS = 200;
/** A round of the event loop accepts one connection. A turn is followed by one for each 5 ms that it took. */
const ROUND_MS = 5;

interface Work {
  readonly bytes: number;
  readonly start: () => void;
}

// Later stages start first: an operation that has begun releases its memory sooner. Not a chain of promises: it costs
// 15 % of a list, in garbage collection.
const waiting = { response: [] as Work[], reply: [] as Work[], request: [] as Work[] };
const queues = Object.values(waiting);
let startedAt = 0;
let used = 0;
let careful = 0;
let turns = 0;

/**
 * Returns undefined if work may start at once, otherwise a promise that resolves when it may: to produce a response, to
 * decode a reply, or to execute a request.
 */
export function waitForEventLoop(kind: keyof typeof waiting, bytes = REQUEST_BYTES): Promise<void> | undefined {
  const now = performance.now();
  if (used === 0) startedAt = now;
  const isIdle = queues.every(({ length }) => length === 0) && now - startedAt < TURN.ms;
  if (isIdle && hasRoom(bytes)) return use(bytes);
  // Whatever the reason to wait, a turn follows.
  use(0);
  return new Promise((start) => waiting[kind].push({ bytes, start }));
}

function hasRoom(bytes: number): boolean {
  return used === 0 || used + bytes <= TURN.bytes;
}

function use(bytes: number): undefined {
  if (used === 0) setImmediate(endTurn);
  used += Math.max(1, bytes);
}

function endTurn(): void {
  const ms = performance.now() - startedAt;
  // The size of a request does not tell how long it takes.
  careful = ms > TURN.ms ? CAREFUL_TURNS : Math.max(0, careful - 1);
  waitRounds(ms / ROUND_MS);
}

function waitRounds(rounds: number): void {
  if (rounds < 1) beginTurn();
  else setImmediate(waitRounds, rounds - 1);
}

function beginTurn(): void {
  startedAt = performance.now();
  used = 0;
  // So that requests do not wait for all earlier operations to end.
  if (++turns % 4 === 0) waiting.request.shift()?.start();
  for (const queue of queues) {
    const least = careful > 0 && queue === waiting.request ? TURN.bytes : 1;
    for (let [next] = queue; next && hasRoom(Math.max(least, next.bytes)); [next] = queue) {
      queue.shift();
      use(Math.max(least, next.bytes));
      next.start();
    }
  }
}
