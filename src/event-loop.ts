/**
 * Spreads expensive work over turns of the event loop, so that sockets and timers run in between.
 */

/** The bytes of work in one turn, which then takes about 10 ms. More bytes at once are worked on alone. */
const TURN_BYTES = 50_000;

interface Work {
  readonly bytes: number;
  readonly start: () => void;
}

// In the order in which they start: operations end before others begin, which would hold memory meanwhile. Not a chain of
// promises: it costs 15 % of a list, in garbage collection.
const waiting = { response: [] as Work[], reply: [] as Work[], request: [] as Work[] };
const queues = Object.values(waiting);
let used = 0;

/**
 * Returns undefined if work of this size may start at once, otherwise a promise that resolves when it may: to produce a
 * response, to decode a reply or to execute a request. A request is a turn of its own: its size does not tell how long it
 * takes.
 */
export function waitForEventLoop(kind: keyof typeof waiting, size = TURN_BYTES): Promise<void> | undefined {
  const bytes = Math.max(1, size);
  if (queues.every(({ length }) => length === 0) && hasRoom(bytes)) return use(bytes);
  return new Promise((start) => waiting[kind].push({ bytes, start }));
}

function hasRoom(bytes: number): boolean {
  return used === 0 || used + bytes <= TURN_BYTES;
}

function use(bytes: number): undefined {
  if (used === 0) setImmediate(beginTurn);
  used += bytes;
}

function beginTurn(): void {
  used = 0;
  for (const queue of queues) {
    for (let [next] = queue; next && hasRoom(next.bytes); [next] = queue) {
      queue.shift();
      use(next.bytes);
      next.start();
    }
  }
}
