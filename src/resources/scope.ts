/**
 * The scope of an operation: its time, and its end.
 *
 * An operation ends once: when its answer is made, when its time is over, or when its caller leaves it before a write
 * was asked for. From then on it sends nothing. When a caller leaves a mutation whose write was asked for, a write that
 * has not been sent ends at once. The operation goes on with its reads, because only its log line says what became of
 * the write.
 */
import type { Account } from './memory.ts';
import { OperationTurns, type Turns } from './turns.ts';

/** Why an operation ended: its answer is made, its time is over, or its caller has left. */
export type EndReason = 'answered' | 'expired' | 'cancelled';

export class Scope {
  /** On the clock of `performance.now()`, as the deadline. */
  readonly startedAt = performance.now();
  readonly deadline: number;
  readonly timeoutMs: number;
  readonly account: Account;
  readonly turns: OperationTurns;
  readonly #ending = new AbortController();
  /** Aborts with an `EndReason` when the operation ends. */
  readonly signal = this.#ending.signal;
  readonly #unsentEnding = new AbortController();
  /** Aborts likewise, or before that when the caller leaves: a write that has not been sent by then is not sent. */
  readonly unsentSignal = this.#unsentEnding.signal;
  readonly #finishing = Promise.withResolvers<void>();
  /** Resolves when `run` is over. */
  readonly finished = this.#finishing.promise;
  callerHasLeft = false;
  #continues = false;

  /** Starts the time of an operation. */
  constructor(account: Account, turns: Turns, timeoutMs: number) {
    this.account = account;
    this.turns = new OperationTurns(turns, this.startedAt);
    this.timeoutMs = timeoutMs;
    this.deadline = this.startedAt + timeoutMs;
  }

  /** Runs the operation, and ends it with its answer or at its deadline. Settles as `operation` does. */
  async run<T>(operation: () => Promise<T>): Promise<T> {
    // The commands to abort keep the process alive, so the timer need not.
    using _ = setTimeout(() => this.#end('expired'), this.timeoutMs).unref();
    try {
      return await operation();
    } finally {
      this.#end('answered');
      this.#finishing.resolve();
    }
  }

  /** Lets the operation go on when its caller leaves, because it writes. */
  continueWithoutCaller(): void {
    this.#continues = true;
  }

  /** Takes note that the caller has disconnected before the response was sent. */
  leave(): void {
    this.callerHasLeft = true;
    if (this.#continues) this.#unsentEnding.abort('cancelled' satisfies EndReason);
    else this.#end('cancelled');
  }

  /** An `AbortController` aborts once, so the first reason stands. */
  #end(reason: EndReason): void {
    this.#ending.abort(reason);
    this.#unsentEnding.abort(reason);
  }
}
