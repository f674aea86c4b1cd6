/**
 * The budget of one operation's response.
 */
import { type GraphQLResolveInfo, responsePathAsArray } from 'graphql';
import type { MemoryAccount } from '../memory.ts';
import { COSTS, costOfText } from './cost.ts';
import { PublicError } from './errors.ts';
import { LIMITS } from './limits.ts';

type Path = GraphQLResolveInfo['path'];

/** Creates the budget of one operation's response. An inline trace multiplies its cost: it repeats the path of each field. */
export function createResponseBudget(memory: MemoryAccount, isTraced: boolean) {
  let left: number = LIMITS.responseCost;
  let errorsLeft: number = LIMITS.errors;

  function toCost(bytes: number, path: Path | undefined): number {
    return isTraced ? bytes * (COSTS.trace + Math.floor(write(path).length / COSTS.field)) : bytes;
  }

  return {
    /** Charges `bytes` at a path. Throws a `PublicError` if the response has no room. */
    charge(bytes: number, path?: Path): void {
      const cost = toCost(bytes, path);
      if (cost > left) throw new PublicError('BAD_USER_INPUT', 'The response would be too large. Request less.');
      if (!memory.reserve(cost, 'answer'))
        throw new PublicError('UPSTREAM_UNAVAILABLE', 'Not enough memory for this response.');
      left -= cost;
    },

    /** Charges errors at a path. Returns whether to show them: if they fit, or if they are the first that do not. */
    chargeErrors(path: Path, count: number): boolean {
      if (left < 0 || count > errorsLeft) {
        errorsLeft = 0;
        return false;
      }
      const cost = toCost(count * (COSTS.error + costOfText(write(path))), path);
      errorsLeft -= count;
      left -= cost;
      memory.hold(cost);
      return true;
    },

    /** Returns whether no further error fits. */
    isFull: () => left < 0 || errorsLeft === 0,
  };
}

function write(path: Path | undefined): string {
  return responsePathAsArray(path).join('');
}
