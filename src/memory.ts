/**
 * The memory of all operations of one server. We count what we hold, because V8's heap size includes garbage.
 */
import { getHeapStatistics } from 'node:v8';

/** In bytes: a sixteenth of V8's heap limit. */
export const MEMORY_LIMIT = Math.floor(getHeapStatistics().heap_size_limit / 16);
/** What one operation may hold with the replies that it reads, and so the largest reply to a read. */
export const OPERATION_LIMIT = Math.floor(MEMORY_LIMIT / 2);

/** What was refused for lack of memory. */
type Stage = 'request' | 'command' | 'reply' | 'response';

/** What all operations and replies hold together, in bytes, and how often they were refused. */
export class Memory {
  held = 0;
  readonly refused: Record<Stage, number> = { request: 0, command: 0, reply: 0, response: 0 };
}

/** The bytes that one operation, or one reply, holds until each of its holders has disposed of it. */
export class Holding {
  /** Without the replies that it reads. */
  bytes = 0;
  /** Whether a reply was too large for what its own limit has left. Then no further one is worth asking for. */
  isFull = false;
  #bytesOfReplies = 0;
  #holders = 1;
  readonly #replies: Holding[] = [];
  readonly #memory: Memory;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** Holds further bytes. Returns false if there is no room for them, or all were given back. */
  reserve(bytes: number, stage: Stage): boolean {
    if (this.#holders === 0) return false;
    const hasRoom = this.#isWithinLimit(bytes) && this.#memory.held + bytes <= MEMORY_LIMIT;
    if (hasRoom) this.hold(bytes);
    else this.#memory.refused[stage]++;
    return hasRoom;
  }

  /** Holds further bytes, even without room for them, until all are given back for the last time. */
  hold(bytes: number): void {
    if (this.#holders === 0) return;
    this.bytes += bytes;
    this.#memory.held += bytes;
  }

  /** Gives all bytes back. */
  release(): void {
    this.#memory.held -= this.bytes;
    this.bytes = 0;
  }

  /** Adds a holder. */
  addHolder(): this {
    this.#holders++;
    return this;
  }

  /** Holds a reply too. It counts once for all operations, and within the limit of each. Returns false without room. */
  holdReply(reply: Holding): boolean {
    if (this.#holders === 0) return false;
    const hasRoom = this.#isWithinLimit(reply.bytes);
    if (hasRoom) {
      this.#replies.push(reply.addHolder());
      this.#bytesOfReplies += reply.bytes;
    } else {
      this.isFull = true;
      this.#memory.refused.reply++;
    }
    return hasRoom;
  }

  #isWithinLimit(bytes: number): boolean {
    return this.bytes + this.#bytesOfReplies + bytes <= OPERATION_LIMIT;
  }

  [Symbol.dispose](): void {
    if (--this.#holders > 0) return;
    this.release();
    for (const reply of this.#replies) reply[Symbol.dispose]();
  }
}
