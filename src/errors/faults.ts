/**
 * Faults of arguments, and the error that names them.
 */
import { PublicError } from './public-error.ts';

/** The most faults that one error names. */
const MAX_FAULTS = 20;

/**
 * What may be wrong with an argument of any field. Apps compare these codes and those of maintenances, which
 * docs/apps.md lists.
 */
export type FaultCode =
  | ('WRONG_TYPE' | 'UNKNOWN')
  | ('TOO_MANY' | 'TOO_LONG' | 'BLANK' | 'NOT_AN_ID' | 'NOT_A_TIME' | 'NOT_A_DAY');

/** What is wrong, without where. The message is the rest of a sentence that begins with the argument. */
export interface Reason<Code extends string = FaultCode> {
  readonly code: Code;
  readonly message: string;
}

/** A fault of an argument, named by its path: `input.finishTime`, `ids[3]`. */
export interface Fault extends Reason<string> {
  readonly argument: string;
}

/** Returns the error of arguments, with their first 20 faults. Needs at least one fault. */
export function badUserInput(faults: readonly Fault[]): PublicError {
  const first = faults.slice(0, MAX_FAULTS);
  const more = first.length > 1 ? ` ${first.length - 1} more in extensions.arguments.` : '';
  const message = `Argument "${first[0]?.argument}" ${first[0]?.message}.${more}`;
  return new PublicError('BAD_USER_INPUT', message, { arguments: first });
}

/** Throws the error of the only fault. */
export function throwFault<Code extends string = FaultCode>(argument: string, reason: Reason<NoInfer<Code>>): never {
  throw badUserInput([{ argument, ...reason }]);
}

/** Too many entries of a list. */
export const tooMany = (most: number): Reason => ({
  code: 'TOO_MANY',
  message: `must not hold more than ${most} entries`,
});
