/**
 * The scenario `trouble`: minutes of all kinds of operations before a command API that is slow, silent, cut off or dead.
 */
import { Agent } from 'node:http';
import { EXAMPLE, FLATS } from '../../dev/seed.ts';
import { atLeast, atMost, type Figure, noted } from '../support/figures.ts';
import { load } from '../support/load.ts';
import { readMemory } from '../support/proc.ts';
import { HEADERS } from '../support/replica.ts';
import type { Fault, Upstream } from '../support/upstream.ts';
import { after, ask, send } from './callers.ts';
import { type Stage, withReplica } from './stage.ts';

const DEADLINE_MS = 3000;
// A large heap would grow for minutes, and shrink by half at once.
const HEAP = { NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=2' };
// The heap grows to the size that the load needs, and then stays.
const [WARM_UP_ROUNDS, ROUNDS] = [2, 3];
const PHASE_SECONDS = 8;
const TURN_MS = 300;
const RECOVERY_MS = 10_000;
const RECOVERED_IN_A_ROW = 10;
const TYPED = ['data', 'UPSTREAM_TIMEOUT', 'UPSTREAM_UNAVAILABLE', 'COMMAND_REJECTED'];

const R = EXAMPLE.residenceId;
const ID = `${R}:${EXAMPLE.maintenanceId}`;
const QUERIES = [
  `{ maintenances(residenceId: "${R}") { id state description } }`,
  `{ maintenances(residenceId: "${FLATS[4]?.id}", orderBy: CREATED_TIME_DESC, first: 3) { id residence { id } } }`,
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
/** Begins each reply, and then ends its connection. */
const breakOff = (end: 'destroy' | 'resetAndDestroy'): Change => {
  const fault: Fault = (_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{', () => response.socket?.[end]());
    return 'taken';
  };
  return (upstream) => upstream.fail(fault);
};
const stop: Change = (upstream) => upstream.stop();
const recover: Change = (upstream) => {
  upstream.reset();
  return upstream.restart();
};
/** Changes that take turns. */
const TROUBLES: Readonly<Record<string, readonly Change[]>> = {
  slow: [(upstream) => upstream.slowDown(800)],
  'too slow': [(upstream) => upstream.slowDown(5000)],
  silent: [(upstream) => upstream.fail(() => 'taken')],
  'cut off': [breakOff('destroy'), recover],
  reset: [breakOff('resetAndDestroy'), recover],
  dead: [stop],
  flapping: [stop, recover],
};

/** Each answer is in time and typed, data returns after each trouble, and memory does not grow. */
export function trouble(): Promise<Figure[]> {
  const env = { ATTEMPT_TIMEOUT_MS: '1000', OPERATION_TIMEOUT_MS: String(DEADLINE_MS) };
  return withReplica({ ...env, ...HEAP }, async (stage) => {
    const met: Figure[] = [];
    const meetAll = async (rounds: number) => {
      for (let round = 0; round < rounds; round++)
        for (const name of Object.keys(TROUBLES)) met.push(...(await meet(stage, name)));
    };
    await meetAll(WARM_UP_ROUNDS);
    const memory = await watchMemory(stage, () => meetAll(ROUNDS));
    const last = met.length / (WARM_UP_ROUNDS + ROUNDS);
    return [...met.filter(({ kept }, index) => !kept || index >= met.length - last), ...memory];
  });
}

/** Sends operations during a trouble, and then until data returns. */
async function meet(stage: Stage, name: string): Promise<Figure[]> {
  const { upstream, replica } = stage;
  const changes = TROUBLES[name] ?? [];
  const isOver = after(PHASE_SECONDS);
  let turn = 0;
  const change = async () => void (await changes[turn++ % changes.length]?.(upstream));
  const [tally] = await Promise.all([
    send(stage, inTurn, { workers: 10, everyMs: 20, isOver }),
    load(change, { workers: 1, everyMs: TURN_MS, isOver }),
  ]);
  await recover(upstream);
  const start = performance.now();
  const agent = new Agent({ keepAlive: true });
  for (let row = 0; row < RECOVERED_IN_A_ROW && performance.now() - start < RECOVERY_MS; ) {
    const outcomes = await ask(agent, replica, READ).catch((error) => [String(error)]);
    row = outcomes.includes('data') ? row + 1 : 0;
  }
  agent.destroy();
  return [
    atLeast(`${name}: answers`, tally.requests, 20),
    atMost(`${name}: neither data nor a typed error`, tally.countOthers(...TYPED), 0),
    atMost(`${name}: slowest answer`, tally.slowestMs, DEADLINE_MS + 100, ' ms'),
    atMost(`${name}: until data returns`, performance.now() - start, RECOVERY_MS, ' ms'),
  ];
}

/** Returns how the resident memory of the replica grows while `run` runs. */
async function watchMemory({ replica }: Stage, run: () => Promise<void>): Promise<Figure[]> {
  /** Minutes and megabytes. */
  const memory: [number, number][] = [];
  let isOver = false;
  const watch = async () => void memory.push([performance.now() / 60_000, readMemory(replica.pid) / 2 ** 20]);
  const watching = load(watch, { workers: 1, everyMs: 2000, isOver: () => isOver });
  await run();
  isOver = true;
  await watching;
  const resident = memory.map(([, mb]) => mb);
  const [least, most] = [Math.min(...resident), Math.max(...resident)];
  const mbPerMinute = slope(memory);
  const minutes = (memory.at(-1)?.[0] ?? 0) - (memory[0]?.[0] ?? 0);
  return [
    noted('resident memory after warm-up, least', least, ' MB'),
    noted('resident memory after warm-up, most', most, ' MB'),
    atMost('its growth over that time', (100 * mbPerMinute * minutes) / least, 5, ' %'),
    atMost('growth of resident memory after warm-up', mbPerMinute, 1, ' MB/min'),
  ];
}

/** Returns the slope of the straight line that fits the points best. */
function slope(points: readonly [number, number][]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  return mean(points.map(([x, y]) => (x - meanX) * (y - meanY))) / mean(points.map(([x]) => (x - meanX) ** 2));
}
