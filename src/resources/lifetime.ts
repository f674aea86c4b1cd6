/**
 * The lifetime of an operation: its time, its two ends, and its budget of memory.
 *
 * An operation ends when its answer is made, when its time is over, or when its caller leaves. From then on it sends
 * nothing, its reads end, and so do its writes that have not been sent. A write that has been sent goes on without its
 * caller until its attempt or the operation has taken its time, because only the log says what became of it.
 */
import type { OperationBudget } from './memory-budget.ts';

/** Why an operation ended: its answer is made, its time is over, or its caller has left. */
const DETAILS = { answered: 'answered before', expired: 'out of time', cancelled: 'caller disconnected' };

/** What waits for something of an operation that has ended gets this error. It is the `reason` of both signals. */
export class OperationEnded extends Error {
  readonly reason: keyof typeof DETAILS;

  constructor(reason: keyof typeof DETAILS) {
    super(DETAILS[reason]);
    this.reason = reason;
  }
}

/** Made once, because each would capture a stack, which says nothing. */
const ANSWERED = new OperationEnded('answered');
const EXPIRED = new OperationEnded('expired');
const CANCELLED = new OperationEnded('cancelled');

export class Lifetime {
  /** On the clock of `performance.now()`, as the deadline. */
  readonly startedAt = performance.now();
  readonly deadline: number;
  readonly budget: OperationBudget;
  readonly #timeoutMs: number;
  readonly #ending = new AbortController();
  /** Aborts when the operation ends. */
  readonly signal = this.#ending.signal;
  readonly #expiring = new AbortController();
  /** Aborts when the time is over: what has been sent of a write ends with it. */
  readonly expirySignal = this.#expiring.signal;
  readonly #finishing = Promise.withResolvers<void>();
  /** Resolves when `run` is over. */
  readonly finished = this.#finishing.promise;
  callerHasLeft = false;

  /** Starts the time of an operation. */
  constructor(budget: OperationBudget, timeoutMs: number) {
    this.budget = budget;
    this.#timeoutMs = timeoutMs;
    this.deadline = this.startedAt + timeoutMs;
  }

  /** Runs the operation, and ends it with its answer or at its deadline. Settles as `operation` does. */
  async run<T>(operation: () => Promise<T>): Promise<T> {
    // The commands to abort keep the process alive, so the timer need not.
    using _ = setTimeout(() => this.#expire(), this.#timeoutMs).unref();
    try {
      return await operation();
    } finally {
      this.#ending.abort(ANSWERED);
      this.#finishing.resolve();
    }
  }

  /** Ends the operation, because its caller has disconnected before the response was sent. */
  leave(): void {
    this.callerHasLeft = true;
    this.#ending.abort(CANCELLED);
  }

  // An `AbortController` aborts once, so the first reason stands.
  #expire(): void {
    this.#ending.abort(EXPIRED);
    this.#expiring.abort(EXPIRED);
  }
}
