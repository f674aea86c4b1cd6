/**
 * Spreads work over turns, so that sockets and timers run in between. Work is in units of 20 ns; see prices.ts.
 */

import { isEighthHeld } from './memory.ts';

/** The work of a turn: about 10 ms. A longer task runs alone in a turn. */
export const TURN_WORK = 500_000;
/** Requests start one by one for that many turns after an eighth of the memory was held. */
const CAREFUL_TURNS = 50;
/** A round of the event loop accepts one connection. A turn is followed by one for each 5 ms that it took. */
const ROUND_MS = 5;

interface Task {
  readonly work: number;
  readonly start: () => void;
}

// Later stages start first: an operation that has begun releases its memory sooner. Not a chain of promises: it costs
// 15 % of a list, in garbage collection.
const waiting = { response: [] as Task[], reply: [] as Task[], request: [] as Task[] };
const queues = Object.values(waiting);
let isIdle = true;
let careful = 0;
let turns = 0;

/** Resolves when a task may start: to produce a list, to decode a reply, or to execute a request. */
export function waitForEventLoop(kind: keyof typeof waiting, work: number): Promise<void> {
  if (isIdle) setImmediate(runTurn);
  isIdle = false;
  return new Promise((start) => waiting[kind].push({ work, start }));
}

function runTurn(): void {
  setImmediate(endTurn, performance.now());
  careful = isEighthHeld() ? CAREFUL_TURNS : Math.max(0, careful - 1);
  // So that requests do not wait for all earlier operations to end.
  const first = ++turns % 4 === 0 ? waiting.request.shift() : undefined;
  first?.start();
  let used = first?.work ?? 0;
  for (const queue of queues) {
    const least = careful > 0 && queue === waiting.request ? TURN_WORK : 1;
    for (let [next] = queue; next; [next] = queue) {
      const work = Math.max(least, next.work);
      if (used > 0 && used + work > TURN_WORK) break;
      used += work;
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
