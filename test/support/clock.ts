import { jest } from '@jest/globals';

/** Stops the monotonic clock of this process until jest restores its mocks. Returns a function that advances the clock. */
export function stopClock(): (ms: number) => void {
  let now = performance.now();
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  return (ms) => {
    now += ms;
  };
}
