/**
 * Accounts for the memory of all operations of this process. We count what we hold, because V8's heap size includes
 * garbage.
 */
import { addAbortListener } from 'node:events';
import { getHeapStatistics } from 'node:v8';

/** In bytes: a sixteenth of V8's heap limit. */
export const MEMORY_LIMIT = Math.floor(getHeapStatistics().heap_size_limit / 16);
/** What one operation may hold, and so the largest reply that it can read. */
export const OPERATION_LIMIT = Math.floor(MEMORY_LIMIT / 2);
/** Lists of queries leave the rest to requests, commands and replies: otherwise, no operation could begin to wait. */
const LIMIT_OF_LISTS = MEMORY_LIMIT * 0.875;

/** The point at which an operation was refused. */
type Stage = 'request' | 'command' | 'reply' | 'response';
const refused: Record<Stage, number> = { request: 0, command: 0, reply: 0, response: 0 };
/** The operations with lists that wait for room, in FIFO order. */
const waiting = new Map<OperationAccount, PromiseWithResolvers<boolean> & { bytes: number }>();
let waited = 0;
let held = 0;
/** The operation that may exceed the limit: its own bytes do not count for the others. */
let beyond: Account | undefined;

/** Returns the bytes that are held, the refusals by stage and the lists that have waited. */
export const memoryState = () => ({ held, refused, waited });
export const isEighthHeld = () => held > MEMORY_LIMIT / 8;

/** Returns false while replies to writes, and errors, exceed the limit: they have none. */
export function hasMemoryForCommand(): boolean {
  const hasRoom = counted() <= MEMORY_LIMIT;
  if (!hasRoom) refused.command++;
  return hasRoom;
}

function counted(): number {
  return held - (beyond?.own ?? 0);
}

class Account {
  /** The bytes that it holds alone. */
  own = 0;
  /** Further bytes that count towards its limit. */
  protected others = 0;
  protected readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  /** Adds bytes and returns true, unless the account or all accounts together would exceed their limit. */
  reserve(bytes: number, stage: Stage): boolean {
    const fits = this.isWithin(bytes) && (counted() + bytes <= MEMORY_LIMIT || beyond === this);
    if (fits) this.hold(bytes);
    else refused[stage]++;
    return fits;
  }

  /** Adds bytes without a limit. */
  hold(bytes: number): void {
    this.own += bytes;
    held += bytes;
    serveFirst();
  }

  /** Releases bytes, by default all of its own. */
  release(bytes = this.own): void {
    this.hold(-bytes);
  }

  /** Returns whether it could hold these bytes in addition, if there were no other accounts. */
  isWithin(bytes: number): boolean {
    return this.own + this.others + bytes <= this.most;
  }
}

/** What a reply holds, while it arrives and until the last operation that reads it has ended. */
export class ReplyAccount extends Account {
  readonly #isOfWrite: boolean;
  #holders = 0;

  constructor(isOfWrite: boolean) {
    super(MEMORY_LIMIT);
    this.#isOfWrite = isOfWrite;
  }

  /** Adds bytes of the reply. Returns whether it has room: that of a write always has, because it tells the outcome. */
  receive(bytes: number): boolean {
    if (!this.#isOfWrite) return this.reserve(bytes, 'reply');
    this.hold(bytes);
    return true;
  }

  /** Holds the reply until it is disposed of once more. */
  join(): this {
    this.#holders++;
    return this;
  }

  [Symbol.dispose](): void {
    if (--this.#holders === 0) this.release();
  }
}

/** What one operation holds. */
export class OperationAccount extends Account {
  readonly #replies = new Set<ReplyAccount>();

  constructor() {
    super(OPERATION_LIMIT);
  }

  /** The bytes of its own and of its replies. */
  get all(): number {
    return this.own + this.others - (waiting.get(this)?.bytes ?? 0);
  }

  /** Holds a reply, together with other operations, until this one ends. Returns false if it exceeds this account. */
  share(reply: ReplyAccount): boolean {
    if (this.#replies.has(reply)) return true;
    const fits = this.isWithin(reply.own);
    if (!fits) refused.reply++;
    else {
      this.others += reply.own;
      this.#replies.add(reply.join());
      serveFirst();
    }
    return fits;
  }

  /** Reserves bytes of a list. If only other operations leave no room, waits until there is room or `signal` aborts. */
  reserveOrWait(bytes: number, signal: AbortSignal): boolean | Promise<boolean> {
    const hasRoom = (waiting.size === 0 && counted() + bytes <= LIMIT_OF_LISTS) || beyond === this;
    return hasRoom || !this.isWithin(bytes) ? this.reserve(bytes, 'response') : this.#wait(bytes, signal);
  }

  /** The lists of one operation wait together. */
  async #wait(bytes: number, signal: AbortSignal): Promise<boolean> {
    const wait = waiting.get(this) ?? { ...Promise.withResolvers<boolean>(), bytes: 0 };
    waiting.set(this, wait);
    wait.bytes += bytes;
    this.others += bytes;
    waited++;
    using _ = addAbortListener(signal, () => this.endWait(false));
    serveFirst();
    const hasRoom = await wait.promise;
    if (!hasRoom && signal.reason !== 'cancelled') refused.response++;
    return hasRoom;
  }

  endWait(hasRoom: boolean): void {
    const wait = waiting.get(this);
    if (!wait) return;
    waiting.delete(this);
    this.others -= wait.bytes;
    wait.resolve(hasRoom);
    // Serves the next operation, too.
    this.hold(hasRoom ? wait.bytes : 0);
  }

  [Symbol.dispose](): void {
    for (const reply of this.#replies) reply[Symbol.dispose]();
    this.release();
    if (beyond !== this) return;
    beyond = undefined;
    serveFirst();
  }
}

/**
 * Serves the first operation that waits. If those that wait hold too much for it, it exceeds the limit, as the only one. A
 * reply that they share counts for each of them.
 */
function serveFirst(): void {
  // Each charge comes here: no iterator where nothing waits.
  const first = waiting.size > 0 && waiting.entries().next().value;
  if (!first) return;
  const [account, { bytes }] = first;
  if (counted() + bytes > LIMIT_OF_LISTS) {
    const blocked = () => waiting.keys().reduce((sum, { all }) => sum + all, 0);
    if (beyond || blocked() + bytes <= LIMIT_OF_LISTS) return;
    beyond = account;
  }
  account.endWait(true);
}
