/**
 * What resolvers may use.
 */
import type { Client } from '../command-api/client.ts';
import type { WriteOutcome } from '../command-api/failures.ts';
import type { WriteFailureCode } from '../errors/public-error.ts';
import type { Loaders } from './loaders.ts';

/** The context of resolvers that read: they cannot write. */
export interface ReadContext {
  /** Throws `UNAUTHENTICATED` if the caller has sent no usable token. */
  authorized(): { readonly loaders: Loaders };
}

/** The context of resolvers that write. Nothing is read beside a write, and it clears the loaders. */
export interface WriteContext {
  /** Throws `UNAUTHENTICATED` if the caller has sent no usable token. */
  authorized(): WriteAccess;
}

export interface WriteAccess extends Pick<Client, 'write'> {
  /** Describes the error of a write, for a payload that has it as data. The log has its code like that of an error. */
  describeFailure(error: unknown): WriteFailure;
}

/** A failed write as data. */
export interface WriteFailure {
  readonly code: WriteFailureCode;
  readonly message: string;
  readonly outcome: WriteOutcome;
}
