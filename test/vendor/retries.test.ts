/**
 * The table of pauses and the budget of retries, directly, so that a failure names its rule. Resilience tests prove through
 * the front door that they apply.
 */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CommandApiError, type FailureKind } from '../../src/command-api/errors.ts';
import { createRetries } from '../../src/command-api/retries.ts';

afterEach(() => void jest.restoreAllMocks());

describe('the pause before a retry, in the middle of its random range', () => {
  const FAILURE = { isWrite: false, isProbe: false, attempts: 1, msLeft: 30_000 };
  type Details = Omit<CommandApiError['details'], 'detail'>;
  type More = Partial<typeof FAILURE> & Details;
  const plan = (kind: FailureKind, { isSent = true, retryAfter, ...failure }: More, retries = createRetries(9)) => {
    const error = new CommandApiError(kind, { detail: '', isSent, retryAfter });
    return retries.plan({ ...FAILURE, ...failure, error });
  };
  const randomIs = (random: number) => void jest.spyOn(Math, 'random').mockReturnValue(random);
  beforeEach(() => randomIs(0.5));
  const hours = (count: number) => new Date(Date.now() + count * 3_600_000).toUTCString();

  it.each<[string, FailureKind, More, number | undefined]>([
    ['the first', 'unavailable', {}, 50],
    ['the second', 'unavailable', { attempts: 2 }, 100],
    ['the fifth', 'unavailable', { attempts: 5 }, 800],
    ['the sixth and further', 'unavailable', { attempts: 6 }, 1000],
    ['after the last attempt', 'unavailable', { attempts: 9 }, undefined],
    ['of a kind that does not pass', 'failed', {}, undefined],
    ['a write that may have been sent', 'unreachable', { isWrite: true }, undefined],
    ['a write that was not sent', 'unreachable', { isWrite: true, isSent: false }, 50],
    ['a stale connection', 'stale', { msLeft: 0 }, 0],
    ['a stale connection of a write', 'stale', { isWrite: true }, undefined],
    ['a probe of the breaker', 'unavailable', { isProbe: true }, undefined],
    ['within the time that is left', 'unavailable', { msLeft: 51 }, 50],
    ['as long as the time that is left', 'unavailable', { msLeft: 50 }, undefined],
    ['Retry-After: 3', 'throttled', { retryAfter: '3' }, 3050],
    ['Retry-After beyond the time', 'throttled', { retryAfter: '30' }, undefined],
    ['Retry-After with a later date', 'throttled', { retryAfter: hours(1) }, undefined],
    ['Retry-After with a past date', 'throttled', { retryAfter: hours(-1) }, 50],
    ['Retry-After without a number or a date', 'throttled', { retryAfter: 'soon' }, 50],
  ])('%s', (_, kind, failure, pause) => expect(plan(kind, failure)).toBe(pause));

  it.each([
    [0, 0],
    [0.999, 99.9],
  ])('is random from 0 up to its bound: %d', (random, pause) => {
    randomIs(random);
    expect(plan('unavailable', {})).toBe(pause);
  });

  it.each([
    [0, 10],
    [10, 11],
    [2000, 100],
  ])('after %d commands, %d retries may follow', (commands, most) => {
    const retries = createRetries(9);
    for (let sent = 0; sent < commands; sent++) retries.earn();
    let planned = 0;
    while (planned <= most && plan('unavailable', {}, retries) !== undefined) planned++;
    expect(planned).toBe(most);
  });
});
