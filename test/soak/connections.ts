/** The scenario `slow-clients`: connections on which a client never finishes a request. */
import net from 'node:net';
import { FLATS } from '../../dev/maintenance/seed.ts';
import { atMost, type Figure } from '../support/figures.ts';
import { aliased } from '../support/maintenance/requests.ts';
import { HEADERS, type Replica } from '../support/replica.ts';
import { withHealthChecks, withReplica } from './stage.ts';

/**
 * Sends the first bytes, then `drip` each second. A deaf client reads nothing for 145 seconds: only a connection that the server
 * closed meanwhile ends then.
 */
type Client = { readonly first: string; readonly drip?: string; readonly isDeaf?: true };

// The server's own limit, and the half minute between two checks of its connections.
const BOUND_MS = 165_000;
const DEAF_MS = 145_000;
const HEAD = `POST /graphql HTTP/1.1\r\nhost: subgraph\r\n`;
const ROUTER = HEAD + Object.entries(HEADERS).reduce((lines, [name, value]) => `${lines}${name}: ${value}\r\n`, '');
// The answer has three megabytes: more than the buffers between server and client hold.
const SHARED = FLATS.find(({ name }) => name === 'shared')?.id;
const LIST = `maintenances(residenceId: "${SHARED}") { id description contact pictureUrls feedback }`;
const LARGE = JSON.stringify({ query: `{ ${aliased(50, LIST)} }` });

const CLIENTS: Readonly<Record<string, Client>> = {
  'a dripping head': { first: `${ROUTER}x-slow: `, drip: 'x' },
  'a dripping body': { first: `${ROUTER}content-length: 1000\r\n\r\n{"query":"`, drip: ' ' },
  'a dripping body without the secret': { first: `${HEAD}content-length: 1000\r\n\r\n`, drip: ' ' },
  'an unread answer': { first: `${ROUTER}content-length: ${LARGE.length}\r\n\r\n${LARGE}`, isDeaf: true },
  'connected only': { first: '' },
  'idle after a request': { first: 'GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n' },
};

/** The server must close each connection, and answer health checks meanwhile. */
export function slowClients(): Promise<Figure[]> {
  return withReplica({}, async ({ replica }) => {
    const holding = Object.entries(CLIENTS).map(async ([name, client]) =>
      atMost(`${name}: closed after`, await hold(replica, client), BOUND_MS, ' ms'),
    );
    const { result, figures } = await withHealthChecks(replica, () => Promise.all(holding));
    return [...result, ...figures];
  });
}

/** Returns how long the server leaves such a connection open, in milliseconds; more than `BOUND_MS` if it stays open. */
async function hold({ url }: Replica, { first, drip, isDeaf }: Client): Promise<number> {
  const { hostname, port } = new URL(url);
  const start = performance.now();
  const socket = net.connect(Number(port), hostname);
  const timers = [
    setInterval(() => drip && socket.write(drip), 1000),
    setTimeout(() => socket.destroy(), BOUND_MS + 1000),
    setTimeout(() => socket.resume(), isDeaf ? DEAF_MS : 0),
  ];
  socket.on('connect', () => first !== '' && socket.write(first));
  socket.on('error', () => {});
  await new Promise((resolve) => socket.on('close', resolve));
  for (const timer of timers) clearTimeout(timer);
  return performance.now() - start;
}
