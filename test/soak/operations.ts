/**
 * The scenarios `overload` and `crowd`: ordinary operations under load.
 */
import { EXAMPLE, exampleTicket, seed } from '../../dev/seed.ts';
import { atLeast, atMost, type Figure, noted } from '../support/figures.ts';
import { load } from '../support/load.ts';
import { readMemory } from '../support/proc.ts';
import { scrape } from '../support/scrape.ts';
import { after, REFUSED, send } from './callers.ts';
import { EVERY_FIELD } from './requests.ts';
import { withHealthChecks, withReplica } from './stage.ts';

const R = EXAMPLE.residenceId;
const PHASE_SECONDS = 8;
const TICKETS = seed().get(R);
let residence = 0;
/** Each request has another residence, so that no two share an exchange. */
const list = () => ({
  query: 'query ($r: ID!) { maintenances(residenceId: $r) { id state } }',
  variables: { r: `r${residence++}` },
});

// A machine with neighbours loses a third of its speed for seconds, so each flood is compared with the peak just before it.
const PAIRS = 5;

/** 1,000 connections: the replica must serve as many requests as with 50, its peak, and refuse the others. */
export function overload(): Promise<Figure[]> {
  return withReplica({}, async (stage) => {
    stage.upstream.fail(() => ({ body: { success: true, result: TICKETS } }));
    const run = (workers: number) => send(stage, list, { workers, isOver: after(PHASE_SECONDS) });
    await run(50);
    const { result: pairs, figures } = await withHealthChecks(stage.replica, async () => {
      const done = [];
      for (let pair = 0; pair < PAIRS; pair++) done.push({ peak: await run(50), flood: await run(1000) });
      return done;
    });
    const peaks = pairs.map(({ peak }) => peak.count('data'));
    const remaining = pairs.map(({ peak, flood }) => (100 * flood.count('data')) / peak.count('data'));
    remaining.sort((a, b) => a - b);
    const others = pairs.map(({ peak, flood }) => peak.countOthers('data') + flood.countOthers('data', REFUSED));
    return [
      noted('goodput at its peak', Math.max(...peaks) / PHASE_SECONDS, '/s'),
      atLeast('remaining goodput, median', remaining[Math.floor(PAIRS / 2)] ?? 0, 90, ' %'),
      noted('remaining goodput, least', remaining[0] ?? 0, ' %'),
      atLeast('refused with 503 and Retry-After', Math.min(...pairs.map(({ flood }) => flood.count(REFUSED))), 1),
      atMost('neither data nor such a refusal', Math.max(...others), 0),
      ...figures,
    ];
  });
}

// What Node derives from a container of 1 GiB: a heap limit of 536 MB.
const CONTAINER = { NODE_OPTIONS: '--max-old-space-size=512 --max-semi-space-size=8' };
const VENDOR_MS = 300;
const CROWD = { workers: 200, everyMs: 2000 };
const CROWD_SECONDS = 9;
const WHOLE_LIST = { query: `{ maintenances(residenceId: "${R}") { ${EVERY_FIELD} } }` };
/** 201 tickets of 650 bytes. */
const MANY_TICKETS = Array.from({ length: 201 }, (_, index) => {
  return { ...exampleTicket(), maintenance_id: `m${index}`, description: 'x'.repeat(350) };
});

/** 200 callers at once with one token, who read one list of 201 tickets from a slow vendor: nearly all are served. */
export function crowd(): Promise<Figure[]> {
  return withReplica(CONTAINER, async (stage) => {
    const { replica, upstream } = stage;
    upstream.store.residences.set(R, MANY_TICKETS);
    upstream.slowDown(VENDOR_MS);
    let mostHeld = 0;
    const isOver = after(CROWD_SECONDS);
    const watch = async () => {
      mostHeld = Math.max(mostHeld, (await scrape(replica.url)).get('maintenance_memory_held_bytes') ?? 0);
    };
    const { result, figures } = await withHealthChecks(replica, () =>
      Promise.all([
        send(stage, () => WHOLE_LIST, { ...CROWD, isOver }),
        load(watch, { workers: 1, everyMs: 20, isOver }),
      ]),
    );
    const [tally] = result;
    const samples = await scrape(replica.url);
    tally.countOthers('data');
    return [
      noted('size of the list', JSON.stringify(MANY_TICKETS).length / 1000, ' KB'),
      atLeast(`of ${tally.requests} callers, served`, (100 * tally.count('data')) / tally.requests, 99, ' %'),
      noted('slowest answer', tally.slowestMs, ' ms'),
      noted('lists that waited for memory', samples.get('maintenance_memory_waited_total') ?? 0),
      ...['request', 'command', 'reply', 'response'].map((stage) =>
        noted(`refused: ${stage}`, samples.get(`maintenance_memory_refused_total{stage="${stage}"}`) ?? 0),
      ),
      noted('memory held, most', mostHeld / 2 ** 20, ' MB'),
      noted('its limit', (samples.get('maintenance_memory_limit_bytes') ?? 0) / 2 ** 20, ' MB'),
      noted('resident memory, most', readMemory(replica.pid, 'VmHWM') / 2 ** 20, ' MB'),
      ...figures,
    ];
  });
}
