/**
 * Spreads expensive work over turns of the event loop, so that sockets and timers run in between.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Bytes to process in one turn. More bytes at once are processed alone in a turn. */
const TURN_BYTES = 50_000;

/** A request that arrives later than this in a turn waits for a turn of its own. */
const LATE_MS = 50;

/**
 * A round of the event loop accepts only one connection. A turn is followed by one round for each 5 ms that it took, so
 * that a health check does not wait seconds behind new connections.
 */
const ROUND_MS = 5;

type Work = { readonly bytes: number; readonly start: () => void };

// Not a chain of promises: it costs 15 % of a list, in garbage collection.
const waiting = { answer: [] as Work[], reply: [] as Work[], request: [] as Work[], largeRequest: [] as Work[] };
// Another kind goes first in each turn, so that none waits forever.
const queues = Object.values(waiting);
let used = 0;
let startedAt = 0;

/** Resolves when work of this size may start: in this turn if there is room, otherwise in a later turn, in FIFO order. */
export function turnFor(kind: keyof typeof waiting, bytes: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // The size of a request does not tell how long it takes.
  const isRequest = kind === 'request' || kind === 'largeRequest';
  const isLate = isRequest && used > 0 && performance.now() - startedAt > LATE_MS;
  waiting[kind].push({ bytes: isLate ? TURN_BYTES : Math.max(1, bytes), start: resolve });
  startWork();
  return promise;
}

function startWork(): void {
  for (const queue of queues) {
    for (let [next] = queue; next && (used === 0 || used + next.bytes <= TURN_BYTES); [next] = queue) {
      if (used === 0) void endTurn();
      used += next.bytes;
      queue.shift();
      next.start();
    }
  }
}

/**
 * Begins a new turn after two rounds of the event loop or more: then sockets and timers have run, whatever its phase is
 * now.
 */
async function endTurn(): Promise<void> {
  startedAt = performance.now();
  await nextTurn();
  for (let rounds = (performance.now() - startedAt) / ROUND_MS; rounds >= 0; rounds--) await nextTurn();
  used = 0;
  queues.push(...queues.splice(0, 1));
  startWork();
}
