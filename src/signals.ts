/**
 * Listens for SIGTERM and SIGINT as soon as it is loaded. The production process imports it before everything else.
 */
const ECHO_MS = 1000;

const first = Promise.withResolvers<NodeJS.Signals>();
let receivedAt: number | undefined;

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  // Keep this listener: without a listener, a signal kills the process.
  process.on(signal, () => {
    const now = performance.now();
    // npm forwards a signal that the whole process group has already received.
    if (receivedAt !== undefined && now - receivedAt >= ECHO_MS) process.exit(1);
    receivedAt ??= now;
    first.resolve(signal);
  });
}

/** Resolves at the first SIGTERM or SIGINT. A second one, at least a second later, exits at once with 1. */
export const stopSignal = first.promise;
