/**
 * Unforeseen errors, which are masked: the caller learns an id, and the log has the error.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { PublicError } from './public-error.ts';

/** The unforeseen errors of one operation, which share one id and one line in the log. */
export class UnforeseenErrors {
  readonly #errors: unknown[] = [];
  #id: string | undefined;

  /** Returns what the caller learns of an unforeseen error. */
  mask(error: unknown): PublicError {
    this.#errors.push(error);
    this.#id ??= randomUUID();
    return new PublicError('INTERNAL_SERVER_ERROR', 'Internal server error', { errorId: this.#id });
  }

  /** The id of the errors, or undefined if there are none. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Logs the first error and their number, if there are any. */
  log(logger: Logger): void {
    const [err] = this.#errors;
    if (this.#id) logger.error({ errorId: this.#id, err, count: this.#errors.length }, 'unforeseen error');
  }
}

/** Masks and logs an error outside of any operation. */
export function maskError(error: unknown, logger: Logger): PublicError {
  const unforeseen = new UnforeseenErrors();
  const masked = unforeseen.mask(error);
  unforeseen.log(logger);
  return masked;
}
