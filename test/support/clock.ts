import { jest } from '@jest/globals';

/** Stops the monotonic clock of this process, the subgraph's included, until jest restores its mocks. Returns what moves it on. */
export function stopClock(): (ms: number) => void {
  let now = performance.now();
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  return (ms) => {
    now += ms;
  };
}
