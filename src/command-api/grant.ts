/**
 * The grant of an exchange: what it may use. client.ts makes that of a write; coalescing.ts and client.ts that of a
 * read.
 */
import type { Bytes } from '../lease.ts';

export interface Grant {
  /** Aborts when no one waits any more. */
  readonly signal: AbortSignal;
  /** Aborts with it or before it: a command that has not been sent by then is not sent. */
  readonly unsentSignal: AbortSignal;
  /** No pause before a further attempt ends later, unless it is 0. On the clock of `performance.now()`. */
  readonly retryUntil: number;
  /** Of the reply, with what is decoded of it. */
  readonly bytes: Bytes;
  /** Bytes of the largest reply, inflated. */
  readonly maxReplyBytes: number;
  /** Resolves when the reply may be decoded: afterwards, ask `signal`. */
  turn(work: number): Promise<void>;
}
