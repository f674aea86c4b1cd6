/**
 * The lease of an operation: the memory, the turns of the event loop and the time that it may use until it is closed.
 */
import { getHeapStatistics } from 'node:v8';
import { createTurns, type Turn, WORK_PER_MS } from './turns.ts';

/** In bytes: a sixteenth of V8's heap limit. What is counted is an estimate: see docs/decisions.md. */
export const MEMORY_LIMIT = Math.floor(getHeapStatistics().heap_size_limit / 16);
/** The limit of one operation with the replies that it reads, and so of the largest reply to a read. */
export const OPERATION_LIMIT = Math.floor(MEMORY_LIMIT / 2);

/** The stages that may be refused for lack of memory. */
type Stage = 'request' | 'command' | 'reply' | 'response';
/** Why an operation ended: its answer is made, its time is over, or its caller has left. */
export type EndReason = 'answered' | 'expired' | 'cancelled';

/**
 * Turns that an operation may ask for before its replies go later, and how many ms later for each ms beyond. See
 * docs/decisions.md.
 */
const FREE_MS = 20;
const DELAY_PER_MS = 10;

export type Resources = ReturnType<typeof createResources>;

/** Creates what the operations of one server share. Each may take `operationTimeoutMs`. */
export function createResources(operationTimeoutMs: number) {
  return {
    /**
     * The bytes that all operations and replies hold, and how often they were refused. V8's heap size includes garbage.
     */
    memory: { held: 0, refused: { request: 0, command: 0, reply: 0, response: 0 } satisfies Record<Stage, number> },
    turns: createTurns(),
    operationTimeoutMs,
  };
}

/** The bytes that an operation or a reply holds. Once disposed of, it holds none, whoever asks. */
export class Bytes {
  /** How many it holds. */
  count = 0;
  /** Whether a reply was too large for what its own limit has left. Then no further one is worth asking for. */
  isFull = false;
  /** How many more it may hold. Bytes that are held without room can make it negative. */
  #room = OPERATION_LIMIT;
  #isDisposed = false;
  readonly #memory: Resources['memory'];
  readonly #isUnlimited: boolean;

  constructor(memory: Resources['memory'], limit: 'within limits' | 'unlimited' = 'within limits') {
    this.#memory = memory;
    this.#isUnlimited = limit === 'unlimited';
  }

  /** Holds further bytes. Returns false if there is no room for them. */
  reserve(bytes: number, stage: Stage): boolean {
    if (this.#isDisposed) return false;
    // A reply leaves others as much room as it holds: a few large ones on their way would refuse every small one.
    const left = MEMORY_LIMIT - this.#memory.held - (stage === 'reply' ? this.count : 0);
    const hasRoom = this.#isUnlimited || bytes <= Math.min(this.#room, left);
    if (hasRoom) this.hold(bytes);
    else this.#memory.refused[stage]++;
    return hasRoom;
  }

  /** Counts a reply, which others may hold too, within the own limit. Returns false if there is no room for it. */
  include(replyBytes: Bytes): boolean {
    if (this.#isDisposed) return false;
    const hasRoom = replyBytes.count <= this.#room;
    if (hasRoom) this.#room -= replyBytes.count;
    else this.#memory.refused.reply++;
    this.isFull ||= !hasRoom;
    return hasRoom;
  }

  /** Holds further bytes, even without room for them. */
  hold(bytes: number): void {
    if (this.#isDisposed) return;
    this.count += bytes;
    this.#room -= bytes;
    this.#memory.held += bytes;
  }

  /** Gives all its bytes back. It may hold others later. */
  release(): void {
    this.hold(-this.count);
  }

  [Symbol.dispose](): void {
    this.release();
    this.#isDisposed = true;
  }
}

/**
 * The lease of one operation. Its methods in the order of their calls: `new` at admission, before the body; `start`,
 * `run`, `close`; from `start` on also `turn`. It ends once, by `end`: after that it begins no command, and `close`
 * gives everything back.
 */
export class Lease {
  readonly resources: Resources;
  readonly bytes: Bytes;
  readonly #ending = new AbortController();
  /** Aborts with an `EndReason`. */
  readonly signal = this.#ending.signal;
  readonly #leaving = new AbortController();
  /** Aborts likewise, or before that when the caller leaves: a write that has not been sent by then is not sent. */
  readonly unsentSignal = this.#leaving.signal;
  /** What begins the turns that it waits for. */
  readonly #turns: (() => void)[] = [];
  /** Its bytes, the replies that it reads, and its timer. */
  readonly #kept = new DisposableStack();
  #startedAt = performance.now();
  #askedMs = 0;
  /** Resolves when the operation is answered. Undefined before it runs. */
  #answered: Promise<void> | undefined;

  constructor(resources: Resources) {
    this.resources = resources;
    this.bytes = this.#kept.use(new Bytes(resources.memory));
  }

  /** When the body was parsed, on the clock of `performance.now()`. The time of the operation runs from then. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** Starts its time, at whose end it expires. */
  start(): void {
    this.#startedAt = performance.now();
    // Its caller may have left with the last byte of the body.
    if (this.#kept.disposed) return;
    // The commands to abort keep the process alive, so the timer need not.
    this.#kept.use(setTimeout(() => this.end('expired'), this.resources.operationTimeoutMs).unref());
  }

  /** Ends it with the answer, before that is sent. Returns the answer. */
  run<T>(answer: Promise<T>): Promise<T> {
    const end = () => this.end('answered');
    // Not the answer itself, which has the whole response.
    this.#answered = answer.then(end, end);
    return answer;
  }

  /** Gives everything back, once the operation is answered: a write continues without its caller. */
  async close(): Promise<void> {
    await this.#answered;
    this.end('cancelled');
    this.#kept.dispose();
  }

  /** Ends it, unless it has ended. */
  end(reason: EndReason): void {
    this.#ending.abort(reason);
    this.#leaving.abort(reason);
    for (const begin of this.#turns) begin();
  }

  /** Ends what has not been sent: the caller has left. */
  leave(): void {
    this.#leaving.abort('cancelled' satisfies EndReason);
  }

  /**
   * Resolves when work on the request, the reply to a write or the response may begin, or when the operation ends:
   * afterwards, ask `signal`. The operation that started first goes first: half done, it holds more memory than one
   * that has not begun.
   */
  turn(work: number): Promise<void> {
    const { begin, begun } = this.#take(this.#startedAt, work);
    // A caller who has left would wait with its body, which no one counts any more.
    if (this.signal.aborted) begin();
    else this.#turns.push(begin);
    return begun;
  }

  /**
   * Takes a turn to decode the reply to a read. Goes later by what the operation has asked for, so that a large one does
   * not hold up others until its deadline. Its response does not: it would keep memory meanwhile.
   */
  turnOfReply(work: number): Turn {
    return this.#take(this.placeOfReply, work);
  }

  /** The place of a reply that arrives now. */
  get placeOfReply(): number {
    return this.#startedAt + DELAY_PER_MS * Math.max(0, this.#askedMs - FREE_MS);
  }

  #take(place: number, work: number): Turn {
    this.#askedMs += work / WORK_PER_MS;
    return this.resources.turns.take(place, work);
  }

  /** Keeps a reply until it closes, and calls `release` then. Returns false if there is no room for the reply. */
  keep(replyBytes: Bytes, release: () => void): boolean {
    const hasRoom = this.bytes.include(replyBytes);
    if (hasRoom) this.#kept.defer(release);
    return hasRoom;
  }
}
