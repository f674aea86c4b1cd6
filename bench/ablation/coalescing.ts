/** Sends each read separately. */
import type { Command } from '../../src/command-api/command.ts';

export function createCoalescing() {
  return {
    joinOrStart: <T>(_: string, __: Command, signal: AbortSignal, run: (signal: AbortSignal) => Promise<T>) =>
      run(signal),
    detach: () => {},
  };
}
