/**
 * What a read and a write may do.
 */
import type { WriteOutcome } from './failures.ts';

export interface Rules {
  /** The limit of an operation to which it counts. */
  readonly countedAs: 'reads' | 'writes';
  /** Whether it needs a fresh connection: if the command API had just closed a kept one, the outcome would be unknown. */
  readonly needsFreshConnection: boolean;
  /**
   * Whether identical commands share an exchange. A command that is not shared ends all sharing: a later read must see what
   * it did.
   */
  readonly isShared: boolean;
  /**
   * Whether its reply tells an outcome. Then its operation continues without its caller, and its reply is never refused for
   * lack of memory, and decoded even if no one waits.
   */
  readonly tellsOutcome: boolean;
  /** Whether it may be sent again after a failure with this outcome. */
  mayRepeat(outcome: WriteOutcome): boolean;
}

export const READ: Rules = {
  countedAs: 'reads',
  needsFreshConnection: false,
  isShared: true,
  tellsOutcome: false,
  mayRepeat: () => true,
};

export const WRITE: Rules = {
  countedAs: 'writes',
  needsFreshConnection: true,
  isShared: false,
  tellsOutcome: true,
  mayRepeat: (outcome) => outcome === 'NOT_SENT',
};
