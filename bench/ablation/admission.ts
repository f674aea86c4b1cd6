/** No queue, no breaker: every command goes at once. */
import type { Reply } from '../../src/command-api/decoder.ts';

export { BREAKER_STATES } from '../../src/command-api/admission.ts';

export function createQueue() {
  return { takeTurn: <T>(_: AbortSignal, run: () => Promise<T>) => run(), count: () => ({ inFlight: 0, queued: 0 }) };
}

export function createAdmission() {
  return {
    takeTurn: createQueue().takeTurn,
    guard: (send: () => Promise<Reply>) => send(),
    state: () => ({ inFlight: 0, queued: 0, breaker: 'closed' }),
  };
}
