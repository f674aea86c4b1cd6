/**
 * Memory: the bytes that operations hold, which are counted, and refused where there is no room.
 *
 * The model. An operation has an account from its admission until its response is closed and it is over: its request,
 * its commands and its response are reserved there. A reply has separate bytes, because several operations may wait for
 * one exchange. Each operation retains the reply, and keeps it in its account until the account is closed. The last
 * release gives the bytes back. The small reply to a write is released once it is decoded.
 *
 * The numbers. All operations together hold a sixteenth of V8's heap limit, because a counted byte costs some ten bytes
 * of objects and garbage. With a heap of 256 MB, the process survives 1,000 callers of each hostile shape of
 * `npm run test:soak -- hostile-callers`. One operation holds half of that, with the replies that it keeps.
 *
 * What is refused. An account that is full returns `false`, and its user refuses; nothing waits for memory. The reply to
 * a write and errors are reserved without asking for room, because the caller must learn them.
 */
import { getHeapStatistics } from 'node:v8';

export const MEMORY_LIMIT = Math.floor(getHeapStatistics().heap_size_limit / 16);
/** The limit of one operation with the replies that it keeps, and so of the largest reply to a read. */
export const OPERATION_LIMIT = Math.floor(MEMORY_LIMIT / 2);

export type Memory = ReturnType<typeof createMemory>;

/** Creates the counts of one server: bytes, and refusals by what was refused. */
export function createMemory() {
  return { held: 0, refused: { request: 0, command: 0, reply: 0, response: 0 } };
}

/** The bytes of one operation. Once it is closed, it holds none, whoever asks. */
export class Account {
  /** Bytes of this account alone. The bytes of each reply that it keeps are counted apart. */
  bytes = 0;
  /** Whether a reply was too large for what the account has left. Then no further one is worth asking for. */
  isFull = false;
  readonly memory: Memory;
  readonly #replies: ReplyBytes[] = [];
  #replyBytes = 0;
  #isClosed = false;

  constructor(memory: Memory) {
    this.memory = memory;
  }

  /** Reserves further bytes. Returns false if there is no room for them. */
  tryReserve(bytes: number, what: 'request' | 'command' | 'response'): boolean {
    if (this.#isClosed) return false;
    const room = Math.min(this.#room, MEMORY_LIMIT - this.memory.held);
    if (bytes <= room) this.reserve(bytes);
    else this.memory.refused[what]++;
    return bytes <= room;
  }

  /** Reserves further bytes, even without room for them. */
  reserve(bytes: number): void {
    if (this.#isClosed) return;
    this.bytes += bytes;
    this.memory.held += bytes;
  }

  /** Gives its own bytes back. It may reserve others later. */
  clear(): void {
    this.memory.held -= this.bytes;
    this.bytes = 0;
  }

  /**
   * Keeps a reply that the operation has retained, and releases it when the account is closed. Returns false if there
   * is no room for the reply: then whoever retained the reply releases it.
   */
  keep(reply: ReplyBytes): boolean {
    if (this.#isClosed) return false;
    const hasRoom = reply.bytes <= this.#room;
    if (hasRoom) this.#replies.push(reply);
    if (hasRoom) this.#replyBytes += reply.bytes;
    else this.memory.refused.reply++;
    this.isFull ||= !hasRoom;
    return hasRoom;
  }

  get #room(): number {
    return OPERATION_LIMIT - this.bytes - this.#replyBytes;
  }

  /** Gives everything back. */
  close(): void {
    if (this.#isClosed) return;
    this.clear();
    for (const reply of this.#replies) reply.release();
    this.#isClosed = true;
  }
}

/** The bytes of one reply, from its first byte on. */
export class ReplyBytes {
  bytes = 0;
  readonly #memory: Memory;
  readonly #isRefusable: boolean;
  /** The exchange while it is under way, and the operations that wait for the reply or keep it. */
  #holders = 0;

  /** A reply that is not `isRefusable` always has room. */
  constructor(memory: Memory, isRefusable: boolean) {
    this.#memory = memory;
    this.#isRefusable = isRefusable;
  }

  /** Whoever retains the reply releases it once. */
  retain(): void {
    this.#holders++;
  }

  /** The last release gives the bytes back. */
  release(): void {
    this.#holders--;
    if (this.#holders === 0) this.clear();
  }

  /** Reserves further bytes. Returns false if there is no room for them. */
  tryReserve(bytes: number): boolean {
    // A reply leaves others as much room as it holds: a few large ones on their way would refuse every small one.
    const room = Math.min(OPERATION_LIMIT, MEMORY_LIMIT - this.#memory.held) - this.bytes;
    const isRefused = this.#isRefusable && bytes > room;
    if (isRefused) this.#memory.refused.reply++;
    else this.#reserve(bytes);
    return !isRefused;
  }

  #reserve(bytes: number): void {
    this.bytes += bytes;
    this.#memory.held += bytes;
  }

  /** Gives the bytes of a failed attempt back. The next attempt may reserve others. */
  clear(): void {
    this.#reserve(-this.bytes);
  }
}
