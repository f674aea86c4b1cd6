/**
 * Spreads expensive work over turns of the event loop, so that sockets and timers run in between.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Bytes to process in one turn. More bytes at once are processed alone in a turn. */
const TURN_BYTES = 50_000;

// Each kind waits in FIFO order. The first of each kind take turns, so that none waits forever.
const queues = { answer: Promise.resolve(), reply: Promise.resolve(), request: Promise.resolve() };
let turn = Promise.resolve();
let used = 0;

/** Resolves when work of this size may start: in this turn if there is room, otherwise in a later turn. */
export function turnFor(kind: keyof typeof queues, bytes: number): Promise<void> {
  queues[kind] = queues[kind].then(async () => {
    while (used > 0 && used + bytes > TURN_BYTES) await turn;
    if (used === 0) turn = endTurn();
    used += Math.max(1, bytes);
  });
  return queues[kind];
}

/** Begins a new turn after two rounds of the event loop: then sockets and timers have run, whatever its phase is now. */
async function endTurn(): Promise<void> {
  await nextTurn();
  await nextTurn();
  used = 0;
}
