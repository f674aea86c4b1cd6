/** The scenarios `overload` and `crowd`: ordinary operations under load. */
import { exampleTicket, seed } from '../../dev/maintenance/seed.ts';
import { atLeast, atMost, type Figure, noted } from '../support/figures.ts';
import { answerWith, R, times } from '../support/maintenance/requests.ts';
import { readCpuUs, readMemory } from '../support/proc.ts';
import { EVERY_FIELD } from './requests.ts';
import { after, CALLERS, REFUSED, send, withHealthChecks, withReplica } from './stage.ts';

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
      const tally = await send(stage, list, { workers, isOver: after(PHASE_SECONDS) });
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

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

// What Node derives from a container of 1 GiB: a heap limit of 536 MB.
const CONTAINER = { NODE_OPTIONS: '--max-old-space-size=512 --max-semi-space-size=8' };
const WHOLE_LIST = { query: `{ maintenances(residenceId: "${R}") { ${EVERY_FIELD} } }` };
/** 201 tickets of 650 bytes. */
const MANY_TICKETS = times(201, (index) => {
  return { ...exampleTicket(), maintenance_id: `m${index}`, description: 'x'.repeat(350) };
});

/** 800 callers at once with one token, who read one list of 201 tickets from a slow vendor: nearly all are served. */
export function crowd(): Promise<Figure[]> {
  return withReplica(CONTAINER, async (stage) => {
    const { replica, upstream } = stage;
    upstream.store.residences.set(R, MANY_TICKETS);
    upstream.slowDown(300);
    const run = () => send(stage, () => WHOLE_LIST, { workers: 0.8 * CALLERS, everyMs: 2000, isOver: after(9) });
    const { result: tally, figures } = await withHealthChecks(replica, run);
    tally.countOthers('data');
    return [
      atLeast(`of ${tally.requests} callers, served`, (100 * tally.count('data')) / tally.requests, 99, ' %'),
      noted('slowest answer', tally.slowestMs, ' ms'),
      noted('resident memory, most', readMemory(replica.pid, 'VmHWM') / 2 ** 20, ' MB'),
      ...figures,
    ];
  });
}
