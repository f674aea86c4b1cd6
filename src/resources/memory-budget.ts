/**
 * The budget of memory: the bytes that operations hold are counted, and refused where there is no room. limits.ts has
 * what counts how much.
 *
 * An operation holds its request, its commands, their replies and its response until its response is closed and it is
 * over. Before that, it releases the bytes of failed attempts, and what a body in chunks did not need. Nothing waits
 * for memory.
 */
import { LIMITS } from '../limits.ts';

export type MemoryBudget = ReturnType<typeof createMemoryBudget>;

/** Creates the counts of one server: bytes, and refusals by what was refused. */
export function createMemoryBudget() {
  return { held: 0, refused: { request: 0, command: 0, reply: 0, response: 0 } };
}

/** The budget of one operation, as a part of that of the process. Once it is closed, it holds nothing, whoever asks. */
export class OperationBudget {
  readonly #process: MemoryBudget;
  #bytes = 0;
  #isClosed = false;

  constructor(process: MemoryBudget) {
    this.#process = process;
  }

  /** Reserves further bytes. Returns false if there is no room for them. */
  tryReserve(bytes: number, what: keyof MemoryBudget['refused']): boolean {
    if (this.#isClosed) return false;
    const hasRoom = bytes <= Math.min(LIMITS.operationBytes - this.#bytes, LIMITS.memoryBytes - this.#process.held);
    if (hasRoom) this.reserve(bytes);
    else this.#process.refused[what]++;
    return hasRoom;
  }

  /** Reserves further bytes, even without room for them. */
  reserve(bytes: number): void {
    if (this.#isClosed) return;
    this.#bytes += bytes;
    this.#process.held += bytes;
  }

  /** Releases some of the reserved bytes. */
  release(bytes: number): void {
    this.reserve(-bytes);
  }

  /** Releases everything, for good. */
  close(): void {
    this.release(this.#bytes);
    this.#isClosed = true;
  }
}
