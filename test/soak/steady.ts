import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { EXAMPLE, FLATS } from '../../dev/seed.ts';
import { startChaosProxy, type Toxics } from '../support/chaos-proxy.ts';
import { load, request } from '../support/load.ts';
import { HEADERS, startReplica } from '../support/replica.ts';
import { startUpstream } from '../support/upstream.ts';
import { atMost, type Figure, noted } from './figures.ts';
import { openSockets, residentMb } from './proc.ts';

const SECONDS = Number(process.env.SOAK_SECONDS ?? 300);
// Before this the heap grows to the size that the load needs.
const WARM_UP_SECONDS = SECONDS / 2;
const WORKERS = 10;
const EVERY_MS = 50;
const TOXIC_MS = 2000;
const R = EXAMPLE.residenceId;
const TOXICS: readonly Toxics[] = [
  {},
  { response: { latencyMs: 20 } },
  {},
  { response: { sliceBytes: 64 } },
  {},
  { response: { resetAfterBytes: 100 } },
  {},
  { request: { limitBytes: 100 } },
  {},
  { response: { timeout: true } },
  {},
  { down: 'refuse' },
  {},
  { down: 'destroy' },
];
const OPERATIONS = [
  `{ maintenances(residenceId: "${R}") { id state description } }`,
  `{ maintenances(residenceId: "${FLATS[4]?.id}", orderBy: CREATED_TIME_DESC, first: 3) { id residence { id } } }`,
  `{ maintenance(id: "${R}:${EXAMPLE.maintenanceId}") { id contact pictureUrls } }`,
  `{ _entities(representations: [{ __typename: "Maintenance", id: "${R}:${EXAMPLE.maintenanceId}" },
     { __typename: "Residence", id: "${FLATS[0]?.id}" }]) { ... on Residence { maintenances { id } } } }`,
  `mutation { deleteMaintenance(id: "${R}:gone") { id } }`,
].map((query) => JSON.stringify({ query }));

/** Minutes of all kinds of operations through the chaos proxy: no memory, no socket and no error is left behind. */
export async function steady(): Promise<Figure[]> {
  const upstream = await startUpstream();
  const proxy = await startChaosProxy(upstream.url);
  const replica = await startReplica(proxy.url, { ATTEMPT_TIMEOUT_MS: '500', OPERATION_TIMEOUT_MS: '2000' });
  const socketsBefore = openSockets(replica.pid);
  const agent = new Agent({ keepAlive: true });
  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  const isOver = () => elapsed() >= SECONDS;

  const codes = new Map<string, number>();
  const count = (code: string) => codes.set(code, (codes.get(code) ?? 0) + 1);
  let requests = 0;
  const asking = load(
    async () => {
      const body = OPERATIONS[requests++ % OPERATIONS.length];
      try {
        const { status, text } = await request(agent, `${replica.url}/graphql`, { headers: HEADERS, body });
        if (status !== 200) return void count(`HTTP ${status}`);
        const errors = (JSON.parse(text).errors ?? []) as { extensions: { code: string } }[];
        for (const code of new Set(errors.map(({ extensions }) => extensions.code))) count(code);
      } catch (error) {
        count(String(error));
      }
      // The fake keeps all that it receives; over hours that is too much.
      upstream.received.length = 0;
    },
    { workers: WORKERS, everyMs: EVERY_MS, isOver },
  );
  const memory: [number, number][] = [];
  const watch = async () => {
    for (let turn = 0; !isOver(); turn++) {
      if (turn % (TOXIC_MS / 500) === 0) await proxy.set(TOXICS[(turn / (TOXIC_MS / 500)) % TOXICS.length] ?? {});
      if (elapsed() > WARM_UP_SECONDS) memory.push([elapsed() / 60, residentMb(replica.pid)]);
      await delay(500);
    }
  };
  await Promise.all([asking, watch()]);
  await proxy.clear();
  agent.destroy();
  // The command API closes what it keeps after some seconds.
  const left = () => openSockets(replica.pid) - socketsBefore;
  for (let tries = 0; tries < 30 && left() > 0; tries++) await delay(500);
  const socketsLeft = left();

  const unforeseen = replica.lines.filter((line) => !/"level":[1-4]0,/.test(line));
  const exit = await replica.stop();
  proxy.stop();
  await upstream.stop();
  const typed = ['UPSTREAM_TIMEOUT', 'UPSTREAM_UNAVAILABLE', 'COMMAND_REJECTED'];
  const untyped = [...codes].filter(([code]) => !typed.includes(code));
  for (const [code, times] of untyped) console.log(`  ${times} × ${code}`);
  for (const line of unforeseen.slice(0, 5)) console.log(`  ${line.slice(0, 300)}`);
  return [
    noted('requests', requests),
    ...typed.map((code) => noted(code, codes.get(code) ?? 0)),
    atMost('answers that are neither data nor a typed error', sum(untyped.map(([, times]) => times)), 0),
    noted('resident memory at the end', memory.at(-1)?.[1] ?? 0, ' MB'),
    atMost('growth of resident memory after warm-up', slope(memory), 1, ' MB/min'),
    atMost('sockets left open', socketsLeft, 0),
    atMost('unhandled errors', unforeseen.length, 0),
    atMost('exit code', exit ?? 1, 0),
  ];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The slope of the straight line that fits the points best. */
function slope(points: readonly (readonly [number, number])[]): number {
  const meanX = sum(points.map(([x]) => x)) / points.length;
  const meanY = sum(points.map(([, y]) => y)) / points.length;
  return sum(points.map(([x, y]) => (x - meanX) * (y - meanY))) / sum(points.map(([x]) => (x - meanX) ** 2));
}
