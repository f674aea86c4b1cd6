/**
 * Two replicas of the server that ships behind a balancer, and their replacement under load.
 */
import { startBalancer } from './balancer.ts';
import { load } from './load.ts';
import { startReplica } from './replica.ts';

/** Starts two replicas before a command API. */
export async function startFleet(commandApiUrl: string, env: NodeJS.ProcessEnv) {
  const balancer = await startBalancer();
  const replica = async () => {
    const started = await startReplica(commandApiUrl, env);
    await balancer.add(started.url);
    return started;
  };
  let [older, newer] = await Promise.all([replica(), replica()]).catch((error) => {
    // A server that stays open would keep jest from ending.
    balancer.stop();
    throw error;
  });

  return {
    /** Origin of the balancer. */
    url: balancer.url,
    /**
     * Replaces replicas, one after the other, while workers call `ask`. Returns the exit codes of the old replicas, after
     * the last call.
     */
    async replaceUnderLoad(
      count: number,
      ask: () => Promise<void>,
      pace: { readonly workers: number; readonly everyMs: number },
    ): Promise<unknown[]> {
      let over = false;
      const asking = load(ask, { ...pace, isOver: () => over });
      const exits: unknown[] = [];
      try {
        for (let restart = 0; restart < count; restart++) {
          const fresh = await replica();
          exits.push(await older.stop());
          balancer.remove(older.url);
          [older, newer] = [newer, fresh];
        }
      } finally {
        over = true;
        await asking;
      }
      return exits;
    },
    stop: balancer.stop,
  };
}
