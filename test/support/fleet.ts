/**
 * Two replicas behind a balancer, and their replacement under load.
 */
import { startBalancer } from './balancer.ts';
import { load } from './load.ts';
import { type Replica, startReplica } from './replica.ts';

/** Starts two replicas before a command API. `onLine` gets each line that a replica prints. */
export async function startFleet(commandApiUrl: string, env: NodeJS.ProcessEnv, onLine?: (line: string) => void) {
  const balancer = await startBalancer();
  const replica = async () => {
    const started = await startReplica(commandApiUrl, env, onLine);
    await balancer.add(started.url);
    return started;
  };
  const running = await Promise.all([replica(), replica()]).catch((error) => {
    // An open server would keep jest from ending.
    balancer.stop();
    throw error;
  });

  /** Starts a replica and, after `pause`, stops the oldest. Returns the exit code of the oldest. */
  async function replace(pause?: () => Promise<void>): Promise<number | null> {
    running.push(await replica());
    await pause?.();
    const [oldest] = running.splice(0, 1) as [Replica];
    const exit = await oldest.stop();
    balancer.remove(oldest.url);
    return exit;
  }

  return {
    /** Origin of the balancer. */
    url: balancer.url,
    replicas: (): readonly Replica[] => running,
    replace,
    /** Replaces replicas one after the other while workers call `ask`. Returns the exit codes of the old replicas. */
    async replaceUnderLoad(count: number, ask: () => Promise<void>, pace: { workers: number; everyMs: number }) {
      let isOver = false;
      const asking = load(ask, { ...pace, isOver: () => isOver });
      const exits: unknown[] = [];
      try {
        for (let restart = 0; restart < count; restart++) exits.push(await replace());
      } finally {
        isOver = true;
        await asking;
      }
      return exits;
    },
    stop: balancer.stop,
  };
}
