import type { WriteOutcome } from './command-api/errors.ts';

/** A request that is refused before any command is sent. The message is for the client to read, and repeats no value. */
export class Refusal extends Error {
  readonly code: 'UNAUTHENTICATED' | 'BAD_USER_INPUT';
  /** Set where a write was refused. */
  outcome: WriteOutcome | undefined;

  constructor(code: 'UNAUTHENTICATED' | 'BAD_USER_INPUT', message: string) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
  }
}
