/** The scenario `overload`: ordinary operations under load. */
import { seed } from '../../dev/maintenance/seed.ts';
import { answerWith, R } from '../support/maintenance/requests.ts';
import { atLeast, atMost, type Figure, median, noted } from './figures.ts';
import { readCpuUs } from './proc.ts';
import { CALLERS, REFUSED, send, withHealthChecks, withReplica } from './stage.ts';

const PHASE_SECONDS = 8;
/** Each request has another residence, so that no two share an exchange. */
const list = (turn: number) => ({
  query: 'query ($r: ID!) { maintenances(residenceId: $r) { id state } }',
  variables: { r: `r${turn}` },
});

// A machine with neighbours loses a third of its speed for seconds, so each flood is compared with the peak just before it.
const PAIRS = 5;
const [PEAK, FLOOD] = [50, 2 * CALLERS];
const DEARER = 1.4;

/**
 * Twice as many connections as places: the replica refuses the others, and a served list costs it little more than with 50
 * connections, its peak. The share that is served says less: callers and command API are on the same machine.
 */
export function overload(): Promise<Figure[]> {
  return withReplica({}, async (stage) => {
    answerWith(stage.upstream, seed().get(R));
    const run = async (workers: number) => {
      const before = readCpuUs(stage.replica.pid);
      const tally = await send(stage, list, workers, AbortSignal.timeout(PHASE_SECONDS * 1000));
      return { ...tally, cpuUs: (readCpuUs(stage.replica.pid) - before) / tally.count('data') };
    };
    await run(PEAK);
    const { result: pairs, figures } = await withHealthChecks(stage.replica, async () => {
      const done = [];
      for (let pair = 0; pair < PAIRS; pair++) done.push({ peak: await run(PEAK), flood: await run(FLOOD) });
      return done;
    });
    const peaks = pairs.map(({ peak }) => peak.count('data'));
    const remaining = pairs.map(({ peak, flood }) => (100 * flood.count('data')) / peak.count('data'));
    const costs = pairs.map(({ peak, flood }) => flood.cpuUs / peak.cpuUs);
    const others = pairs.map(({ peak, flood }) => peak.countOthers('data') + flood.countOthers('data', REFUSED));
    return [
      noted('goodput at its peak', Math.max(...peaks) / PHASE_SECONDS, '/s'),
      noted('remaining goodput, median', median(remaining), ' %'),
      atMost('CPU of a served list, flood to peak, median', median(costs), DEARER),
      atLeast('refused with 503 and Retry-After', Math.min(...pairs.map(({ flood }) => flood.count(REFUSED))), 1),
      atMost('neither data nor such a refusal', Math.max(...others), 0),
      ...figures,
    ];
  });
}
