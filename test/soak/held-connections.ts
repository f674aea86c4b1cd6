/**
 * Connections that a client holds without asking anything to the end, and how long the server lets it.
 */
import { Agent } from 'node:http';
import net from 'node:net';
import { load, request } from '../support/load.ts';
import { type Replica, startReplica } from '../support/replica.ts';
import { startUpstream } from '../support/upstream.ts';
import { atMost, type Figure, noted } from './figures.ts';
import { openSockets } from './proc.ts';

const EACH = 20;
const EVERY_MS = 1000;
// The server's own limit and the half minute in which it looks for what is over it.
const BOUND_MS = 165_000;
const DEAF_MS = 145_000;

export interface Client {
  readonly name: string;
  /** What it says once it is connected. */
  readonly first: string;
  /** What it says each second after that. */
  readonly drip?: string;
  /** Reads nothing for 145 seconds: a connection that was closed meanwhile ends then, and any other stays open. */
  readonly isDeaf?: true;
}

/** Opens some connections of each kind, and measures when the server has closed the last one of it. */
export async function holdConnections(clients: readonly Client[]): Promise<Figure[]> {
  const upstream = await startUpstream();
  const replica = await startReplica(upstream.url);
  const socketsBefore = openSockets(replica.pid);
  const checks = { answered: 0, failed: 0 };
  let over = false;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const checking = load(
    async () => {
      const answer = await request(agent, `${replica.url}/health/live`).catch(() => undefined);
      if (answer?.status === 200) checks.answered++;
      else checks.failed++;
    },
    { workers: 1, everyMs: EVERY_MS, isOver: () => over },
  );
  const held = await Promise.all(
    clients.map(async (client) => {
      const times = await Promise.all(Array.from({ length: EACH }, () => hold(replica, client)));
      return { name: client.name, open: times.filter((ms) => ms >= BOUND_MS).length, ms: Math.max(...times) };
    }),
  );
  over = true;
  await checking;
  agent.destroy();
  await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  const socketsLeft = openSockets(replica.pid) - socketsBefore;
  const exit = await replica.stop();
  await upstream.stop();
  return [
    ...held.flatMap(({ name, open, ms }) => [
      noted(`${name}: closed after at most`, ms / 1000, ' s'),
      atMost(`${name}: of ${EACH} still open after ${BOUND_MS / 1000} s`, open, 0),
    ]),
    noted('health checks answered meanwhile', checks.answered),
    atMost('health checks not answered', checks.failed, 0),
    atMost('sockets left open', socketsLeft, 0),
    atMost('exit code', exit ?? 1, 0),
  ];
}

/** How long the server leaves such a connection open, in milliseconds; `BOUND_MS` where it would for longer. */
async function hold({ url }: Replica, { first, drip, isDeaf }: Client): Promise<number> {
  const { hostname, port } = new URL(url);
  const start = performance.now();
  const socket = net.connect(Number(port), hostname);
  const dripping = drip === undefined ? undefined : setInterval(() => socket.write(drip), EVERY_MS);
  const givingUp = setTimeout(() => socket.destroy(), BOUND_MS);
  socket.on('connect', () => first !== '' && socket.write(first));
  socket.on('error', () => {});
  const listening = setTimeout(() => socket.resume(), isDeaf ? DEAF_MS : 0);
  await new Promise((resolve) => socket.on('close', resolve));
  clearInterval(dripping);
  clearTimeout(givingUp);
  clearTimeout(listening);
  return performance.now() - start;
}
