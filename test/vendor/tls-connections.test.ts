/** The connections to a command API with TLS: how many are opened, what they cost, and when they end. */
import { Socket } from 'node:net';
import tls from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, it, jest } from '@jest/globals';
import { issue } from '../support/certificates.ts';
import { startHttpProxy } from '../support/http-proxy.ts';
import { create, DELETE, LIST, list, M, R, times } from '../support/maintenance/requests.ts';
import { act, type Fault, startUpstream } from '../support/upstream.ts';
import { useFolder } from '../support/use-folder.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { startSubgraph, useMany } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const CALLERS = 20;
const ROUNDS = 16;
const EMPTY = '{"success":true,"result":[]}';

const authority = await issue('authority');
const certificate = await issue('localhost', authority);
const NODE_EXTRA_CA_CERTS = useFolder('tls-connections').write('ca.pem', authority.cert);
const known = tls.getCACertificates();
tls.setDefaultCACertificates([...known, authority.cert]);
afterAll(() => tls.setDefaultCACertificates(known));

const startOne = useMany(startSubgraph);
const startVendor = useMany(startUpstream);
const startProxy = useMany(startHttpProxy);
const startReplica = useReplicas();

/** Starts a command API with TLS and a proxy. Returns them with the environment of a server that uses them. */
async function start(isProxy: boolean) {
  const [upstream, proxy] = await Promise.all([startVendor({ tls: certificate }), startProxy()]);
  const env = { COMMAND_API_URL: upstream.url, ...(isProxy && { COMMAND_API_PROXY: proxy.url }) };
  return { upstream, proxy, env };
}

const inChunks = act((response) => {
  for (const part of EMPTY.match(/.{1,10}/g) ?? []) response.write(part);
  response.end();
});
const inGzip = act((response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(EMPTY)));

// The server runs in its own process. Only then can a reply arrive before the server learns that the whole command has left.
it.each<[string, Fault | undefined, boolean?]>([
  ['at once', undefined],
  ['in gzip', inGzip],
  ['in chunks', inChunks],
  ['through a proxy', undefined, true],
])('reads that are answered %s open at most one connection for each caller', async (_, fault, isProxy = false) => {
  const { upstream, proxy, env } = await start(isProxy);
  const { ask } = await startReplica({ ...env, NODE_EXTRA_CA_CERTS });
  upstream.fail(fault);
  const callers = times(CALLERS, async () => {
    for (let round = 0; round < ROUNDS; round++) expect((await ask(LIST)).errors).toEqual([]);
  });
  await Promise.all(callers);
  expect(upstream.commands()).toEqual(Array(CALLERS * ROUNDS).fill(`get_maintenance_list ${R}`));
  expect(upstream.handshakes.length).toBeLessThanOrEqual(CALLERS);
  expect(proxy.log).toHaveLength(isProxy ? upstream.handshakes.length : 0);
});

it.each([
  ['directly', false],
  ['through a proxy', true],
])(
  'each write opens a connection %s, which resumes the session of the first, without another TLS context',
  async (_, isProxy) => {
    const { upstream, proxy, env } = await start(isProxy);
    const { ask } = await startOne(env);
    const contexts = jest.spyOn(tls, 'createSecureContext');
    const answers = [await ask(DELETE), ...(await Promise.all(times(CALLERS, () => ask(DELETE))))];
    for (const { errors } of answers) expect(errors).toEqual([]);
    expect(upstream.commands()).toEqual(Array(1 + CALLERS).fill(`delete_maintenance_info ${R} ${M}`));
    expect(upstream.handshakes).toEqual([false, ...Array(CALLERS).fill(true)]);
    expect(proxy.log).toHaveLength(isProxy ? 1 + CALLERS : 0);
    expect(contexts).not.toHaveBeenCalled();
  },
);

/** Makes the network appear full: nothing that is sent to this port is reported as sent. */
function stallWritesTo(port: number) {
  for (const method of ['_write', '_writev'] as const) {
    // The last argument is the callback.
    const write = Socket.prototype[method] as (...args: unknown[]) => void;
    jest.spyOn(Socket.prototype, method).mockImplementation(function (this: Socket, ...args: unknown[]) {
      const onSent = args.pop() as (error?: Error) => void;
      write.call(this, ...args, (error?: Error) => void (this.remotePort === port || onSent(error)));
    });
  }
}

it.each([
  ['read', list()],
  ['write', create({ description: 'x'.repeat(10_000) })],
])('a %s that is answered before it has left loses its connection', async (_, { query, variables }) => {
  const { upstream, env } = await start(false);
  const { ask } = await startOne(env);
  const sockets: Socket[] = [];
  upstream.fail((_, { socket }) => {
    sockets.push(socket as Socket);
    // The command API would not close the connection.
    return { status: 413, headers: { connection: 'keep-alive' } };
  });
  stallWritesTo(Number(new URL(upstream.url).port));
  const { errors } = await ask(query, { variables });
  expect(errors).toMatchObject([{ extensions: { code: 'UPSTREAM_INVALID_RESPONSE' } }]);
  // Ended by the server, not by the command API.
  await until(() => sockets[0]?.readableEnded === true);
  expect(upstream.handshakes).toHaveLength(1);
});
