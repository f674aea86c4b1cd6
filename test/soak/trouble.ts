/**
 * The scenario `trouble`: minutes of all kinds of operations before a command API that is slow, silent, cut off or dead.
 */
import { FLATS } from '../../dev/maintenance/seed.ts';
import { atLeast, atMost, type Figure, noted } from '../support/figures.ts';
import { load } from '../support/load.ts';
import { M, R } from '../support/maintenance/requests.ts';
import { readMemory } from '../support/proc.ts';
import { HEADERS } from '../support/replica.ts';
import type { Upstream } from '../support/upstream.ts';
import { until } from '../support/wait.ts';
import { after, ask, type Stage, send, withReplica } from './stage.ts';

const DEADLINE_MS = 3000;
// A large heap would grow for minutes, and shrink by half at once.
const HEAP = { NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=2' };
// The heap grows to the size that the load needs, and then stays.
const [WARM_UP_ROUNDS, ROUNDS] = [2, 3];
const PHASE_SECONDS = 8;
const TURN_MS = 300;
const RECOVERY_MS = 10_000;
const TYPED = ['data', 'UPSTREAM_TIMEOUT', 'UPSTREAM_UNAVAILABLE', 'COMMAND_REJECTED'];

const ID = `${R}:${M}`;
const QUERIES = [
  `{ maintenances(residenceId: "${R}") { id state description } }`,
  `{ maintenance(id: "${ID}") { id contact pictureUrls } }`,
  `{ _entities(representations: [{ __typename: "Maintenance", id: "${ID}" },
     { __typename: "Residence", id: "${FLATS[0]?.id}" }]) { ... on Residence { maintenances { id } } } }`,
  `mutation { deleteMaintenance(id: "${R}:gone") { deletedId } }`,
  `mutation { deleteMaintenances(ids: ["${R}:gone", "${FLATS[0]?.id}:gone"]) { deletedIds failures { code } } }`,
];
const inTurn = (turn: number) => ({ query: QUERIES[turn % QUERIES.length] });
/** Succeeds whenever the command API answers. */
const READ = { headers: HEADERS, body: JSON.stringify({ query: QUERIES[0] }) };

type Change = (upstream: Upstream) => unknown;
/** Begins each reply, and then resets its connection. */
const cutOff: Change = (upstream) =>
  upstream.fail((_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{', () => response.socket?.resetAndDestroy());
    return 'taken';
  });
const stop: Change = (upstream) => upstream.stop();
const recover: Change = (upstream) => {
  upstream.reset();
  return upstream.restart();
};
/** Changes that take turns. */
const TROUBLES: Readonly<Record<string, readonly Change[]>> = {
  slow: [(upstream) => upstream.slowDown(800)],
  silent: [(upstream) => upstream.fail(() => 'taken')],
  'cut off': [cutOff, recover],
  dead: [stop],
  flapping: [stop, recover],
};

/** Each answer is in time and typed, data returns after each trouble, and memory does not grow. */
export function trouble(): Promise<Figure[]> {
  const env = { ATTEMPT_TIMEOUT_MS: '1000', OPERATION_TIMEOUT_MS: String(DEADLINE_MS) };
  return withReplica({ ...env, ...HEAP }, async (stage) => {
    const met: Figure[] = [];
    /** Returns the least resident memory after a trouble, in megabytes, and the minute at the end. */
    const meetAll = async () => {
      const memory: number[] = [];
      for (const [name, changes] of Object.entries(TROUBLES)) {
        met.push(...(await meet(stage, name, changes)));
        memory.push(readMemory(stage.replica.pid) / 2 ** 20);
      }
      return { mb: Math.min(...memory), minute: performance.now() / 60_000 };
    };
    for (let round = 0; round < WARM_UP_ROUNDS; round++) await meetAll();
    const first = await meetAll();
    let last = first;
    for (let round = 0; round < ROUNDS; round++) last = await meetAll();
    return [
      ...met,
      noted('resident memory', last.mb, ' MB'),
      atMost('its growth after warm-up', (last.mb - first.mb) / (last.minute - first.minute), 1, ' MB/min'),
    ];
  });
}

/** Sends operations during a trouble, and then until data returns. */
async function meet(stage: Stage, name: string, changes: readonly Change[]): Promise<Figure[]> {
  const { upstream, replica } = stage;
  const isOver = after(PHASE_SECONDS);
  let turn = 0;
  const change = async () => void (await changes[turn++ % changes.length]?.(upstream));
  const [tally] = await Promise.all([
    send(stage, inTurn, { workers: 10, everyMs: 20, isOver }),
    load(change, { workers: 1, everyMs: TURN_MS, isOver }),
  ]);
  await recover(upstream);
  const start = performance.now();
  let inARow = 0;
  await until(async () => {
    inARow = (await ask(false, replica, READ)).includes('data') ? inARow + 1 : 0;
    return inARow === 10;
  });
  return [
    atLeast(`${name}: answers`, tally.requests, 20),
    atMost(`${name}: neither data nor a typed error`, tally.countOthers(...TYPED), 0),
    atMost(`${name}: slowest answer`, tally.slowestMs, DEADLINE_MS + 100, ' ms'),
    atMost(`${name}: until data returns`, performance.now() - start, RECOVERY_MS, ' ms'),
  ];
}
