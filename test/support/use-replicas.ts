import { afterAll } from '@jest/globals';
import { type Asking, askAt } from './ask.ts';
import { killAll } from './process.ts';
import { HEADERS, PATIENT, startReplica } from './replica.ts';
import { startUpstream } from './upstream.ts';

/**
 * Returns a function that starts a replica and its command API. Replicas start one after the other, because together they
 * would take minutes on a busy machine. All replicas end with the test file, and then `cleanups` run.
 */
export function useReplicas(cleanups: (() => unknown)[] = []) {
  afterAll(async () => {
    killAll();
    for (const cleanUp of cleanups) await cleanUp();
  });
  let last: Promise<unknown> = Promise.resolve();
  return async (env: NodeJS.ProcessEnv = {}) => {
    const upstream = await startUpstream();
    cleanups.push(upstream.stop);
    const launch = () => startReplica(upstream.url, { ...PATIENT, ...env });
    const starting = last.then(launch, launch);
    last = starting;
    const replica = await starting;
    return {
      ...replica,
      upstream,
      ask: (query: string, asking?: Asking) => askAt(`${replica.url}/graphql`, query, { headers: HEADERS, ...asking }),
    };
  };
}
