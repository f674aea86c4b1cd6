/**
 * The table of pauses and the budget of retries, directly, so that a failure names its rule. Resilience tests prove through
 * the front door that they apply.
 */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { CommandApiError } from '../../src/command-api/errors.ts';
import { createRetries } from '../../src/command-api/retries.ts';

afterEach(() => void jest.restoreAllMocks());

describe('the pause before a retry, in the middle of its random range', () => {
  const FAILURE = { isWrite: false, isProbe: false, attempts: 1, msLeft: 30_000 };
  type Details = Omit<CommandApiError['details'], 'detail'> & { detail?: string };
  const plan = (details: Details, failure: Partial<typeof FAILURE> = {}, retries = createRetries(9), random = 0.5) => {
    jest.spyOn(Math, 'random').mockReturnValue(random);
    const error = new CommandApiError('unavailable', { detail: '', ...details });
    return retries.plan({ ...FAILURE, ...failure, error });
  };
  const hours = (count: number) => new Date(Date.now() + count * 3_600_000).toUTCString();

  it.each<[string, Details, Partial<typeof FAILURE>, number | undefined]>([
    ['the first', { status: 503 }, {}, 50],
    ['the second', { status: 503 }, { attempts: 2 }, 100],
    ['the fifth', { status: 503 }, { attempts: 5 }, 800],
    ['the sixth and further', { status: 503 }, { attempts: 6 }, 1000],
    ['after the last attempt', { status: 503 }, { attempts: 9 }, undefined],
    ['429', { status: 429 }, {}, 50],
    ['500', { status: 500 }, {}, undefined],
    ['a reset', { detail: 'ECONNRESET' }, {}, 50],
    ['a time-out', { detail: 'ETIMEDOUT' }, {}, undefined],
    ['a write that may have been sent', { detail: 'ECONNRESET' }, { isWrite: true }, undefined],
    ['a write that was not sent', { detail: 'ECONNREFUSED', sent: false }, { isWrite: true }, 50],
    ['a stale connection', { detail: 'ECONNRESET', isStale: true }, { msLeft: 0 }, 0],
    ['a stale connection of a write', { detail: 'ECONNRESET', isStale: true }, { isWrite: true }, undefined],
    ['a probe of the breaker', { status: 503 }, { isProbe: true }, undefined],
    ['within the time that is left', { status: 503 }, { msLeft: 51 }, 50],
    ['as long as the time that is left', { status: 503 }, { msLeft: 50 }, undefined],
    ['Retry-After: 3', { status: 503, retryAfter: '3' }, {}, 3050],
    ['Retry-After beyond the time', { status: 503, retryAfter: '30' }, {}, undefined],
    ['Retry-After with a later date', { status: 503, retryAfter: hours(1) }, {}, undefined],
    ['Retry-After with a past date', { status: 503, retryAfter: hours(-1) }, {}, 50],
    ['Retry-After without a number or a date', { status: 503, retryAfter: 'soon' }, {}, 50],
  ])('%s', (_, details, failure, pause) => expect(plan(details, failure)).toBe(pause));

  it('is random from 0 up to its bound', () =>
    expect([0, 0.999].map((random) => plan({ status: 503 }, {}, undefined, random))).toEqual([0, 99.9]));

  it.each([
    [0, 10],
    [10, 11],
    [2000, 100],
  ])('after %d commands, %d retries may follow', (commands, most) => {
    const retries = createRetries(9);
    for (let sent = 0; sent < commands; sent++) retries.earn();
    let planned = 0;
    while (planned <= most && plan({ status: 503 }, {}, retries) !== undefined) planned++;
    expect(planned).toBe(most);
  });
});
