/**
 * Commands through a proxy for outgoing traffic, to a command API with and without TLS.
 */
import dns, { type LookupAddress } from 'node:dns';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterAll, afterEach, describe, expect, it, jest } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { issue } from '../support/certificates.ts';
import { stopClock } from '../support/clock.ts';
import { type ProxyFault, startHttpProxy } from '../support/http-proxy.ts';
import { startSubgraph } from '../support/subgraph.ts';
import { startUpstream } from '../support/upstream.ts';
import { useMany } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const R = EXAMPLE.residenceId;
const READ = `{ maintenances(residenceId: "${R}") { contact } }`;
const WRITE = `mutation { deleteMaintenance(id: "${R}:m") { deletedId } }`;
const [UNAVAILABLE, TIMEOUT, INVALID] = ['UPSTREAM_UNAVAILABLE', 'UPSTREAM_TIMEOUT', 'UPSTREAM_INVALID_RESPONSE'];
const [CANARY, CREDENTIALS] = ['canary', `Basic ${btoa('user:canary')}`];

/** No one listens at this address: each proxy has another one. */
const CLOSED = 'http://user:canary@127.0.0.3:3128';

const authority = await issue('authority', undefined, -1, true);
const certificate = await issue('vendor.test', authority);
const known = tls.getCACertificates();
tls.setDefaultCACertificates([...known, authority.cert]);

const startOne = useMany(startSubgraph);
const cleanups: (() => unknown)[] = [];
afterEach(() => {
  jest.restoreAllMocks();
});
afterAll(async () => {
  tls.setDefaultCACertificates(known);
  for (const cleanUp of cleanups) await cleanUp();
});

type Protocol = 'http' | 'https';

/** Starts a command API that only a proxy finds, the proxy, and a subgraph that uses it. */
async function start(protocol: Protocol, fault?: ProxyFault, env: NodeJS.ProcessEnv = {}) {
  const upstream = await startUpstream();
  const proxy = await startHttpProxy(fault);
  let port = Number(new URL(upstream.url).port);
  cleanups.push(upstream.stop, proxy.stop);
  if (protocol === 'https') {
    const plainPort = port;
    const server = tls.createServer(certificate, (socket) => {
      const onward = net.connect(plainPort, '127.0.0.1');
      socket.pipe(onward).pipe(socket);
      for (const side of [socket, onward]) side.on('error', () => onward.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
    cleanups.push(() => server.close());
  }
  const subgraph = await startOne({
    COMMAND_API_URL: `${protocol}://vendor.test:${port}`,
    ALLOW_HTTP_COMMAND_API: 'true',
    NODE_USE_ENV_PROXY: '1',
    [`${protocol.toUpperCase()}_PROXY`]: proxy.url,
    BREAKER_FAILURES: '10000',
    ...env,
  });
  const line = protocol === 'http' ? `POST http://vendor.test:${port}/api/v1.0/invoke` : `CONNECT vendor.test:${port}`;
  /** Returns the requests that the proxy received, each as it should be or as it is. */
  const requests = () => proxy.log.map((request) => (request.startsWith(line) ? 'command' : request));
  const details = () => subgraph.logs().flatMap(({ commands }) => (commands ?? []) as { detail: string }[]);
  return { ...subgraph, upstream, proxy, port, requests, detail: () => details()[0]?.detail };
}

type Found = (error: null, addresses: LookupAddress[]) => void;

type Failed = [code: string, outcome: string, detail: string, attemptsOfRead: number, attemptsOfWrite: number];
const FAULTS: [fault: ProxyFault | 'refuses', protocol: Protocol, ...Failed][] = [
  ['refuses', 'http', UNAVAILABLE, 'NOT_SENT', 'ECONNREFUSED', 3, 3],
  ['refuses', 'https', UNAVAILABLE, 'NOT_SENT', 'proxy ECONNREFUSED', 3, 3],
  [403, 'http', 'FORBIDDEN', 'REJECTED', 'status 403', 1, 1],
  [403, 'https', UNAVAILABLE, 'NOT_SENT', 'proxy status 403', 1, 1],
  [407, 'http', INVALID, 'UNKNOWN', 'status 407', 1, 1],
  [407, 'https', UNAVAILABLE, 'NOT_SENT', 'proxy status 407', 1, 1],
  [502, 'http', UNAVAILABLE, 'UNKNOWN', 'status 502', 3, 1],
  [502, 'https', UNAVAILABLE, 'NOT_SENT', 'proxy status 502', 3, 3],
  ['cuts', 'http', UNAVAILABLE, 'UNKNOWN', 'ECONNRESET', 3, 1],
  ['cuts', 'https', UNAVAILABLE, 'NOT_SENT', 'proxy closed', 3, 3],
  ['hangs', 'http', TIMEOUT, 'UNKNOWN', 'ETIMEDOUT', 1, 1],
  ['hangs', 'https', TIMEOUT, 'NOT_SENT', 'proxy ETIMEDOUT', 1, 1],
];

describe('a proxy', () => {
  it.concurrent.each(
    FAULTS.flatMap(([fault, protocol, code, outcome, detail, ofRead, ofWrite]) => [
      { kind: 'read', fault, protocol, code, outcome: 'no outcome', detail, attempts: ofRead, operation: READ },
      { kind: 'write', fault, protocol, code, outcome, detail, attempts: ofWrite, operation: WRITE },
    ]),
  )('that $fault fails a $kind over $protocol with $code, $outcome', async (row) => {
    const { kind, fault, protocol, code, outcome, detail: expected, attempts, operation } = row;
    const isRefusing = fault === 'refuses';
    const variable = `${protocol.toUpperCase()}_PROXY`;
    const { ask, upstream, proxy, requests, detail, logs, logText } = await start(protocol, isRefusing ? 0 : fault, {
      ...(isRefusing && { [variable]: CLOSED }),
      ...(fault === 'hangs' && { ATTEMPT_TIMEOUT_MS: '3000' }),
    });
    const answer = await ask(operation);
    expect(answer.errors).toMatchObject([{ extensions: { code, ...(kind === 'write' && { outcome }) } }]);
    expect(detail()).toBe(expected);
    expect(logs()).toMatchObject([{ commands: [{ attempts }] }]);
    expect(requests()).toEqual(Array(isRefusing ? 0 : attempts).fill('command'));
    expect(upstream.commands()).toEqual([]);
    expect(logText() + JSON.stringify(answer)).not.toMatch(new RegExp(`${CANARY}|${CREDENTIALS}|vendor.test`));
    // Node would leave failed tunnels open.
    if (protocol === 'https') await until(() => proxy.countOpen() === 0);
  });

  it.each<Protocol>(['http', 'https'])(
    'forwards reads and writes over %s, reads on one connection',
    async (protocol) => {
      const advance = stopClock();
      const { ask, upstream, proxy, requests } = await start(protocol);
      for (const operation of [READ, READ, WRITE]) expect((await ask(operation)).errors).toEqual([]);
      expect(proxy.counter.connections).toBe(2);
      // The last read on the kept connection.
      advance(21_000);
      for (const operation of [READ, READ]) expect((await ask(operation)).errors).toEqual([]);
      expect(proxy.counter.connections).toBe(3);
      const [list, write] = [`get_maintenance_list ${R}`, `delete_maintenance_info ${R} m`];
      expect(upstream.commands()).toEqual([list, list, write, list, list]);
      expect(requests()).toEqual(Array(protocol === 'http' ? 5 : 3).fill('command'));
      expect(new Set(proxy.credentials)).toEqual(new Set([CREDENTIALS]));
      expect(upstream.received.map(({ headers }) => headers.authorization)).not.toContain(CREDENTIALS);
    },
  );

  it.each<Protocol>(['http', 'https'])(
    'may have forwarded a write over %s whose connection breaks',
    async (protocol) => {
      const { ask, upstream } = await start(protocol);
      upstream.fail((_, response) => {
        response.destroy();
        return 'taken';
      });
      expect(await ask(WRITE)).toMatchObject({ errors: [{ extensions: { code: UNAVAILABLE, outcome: 'UNKNOWN' } }] });
      expect(upstream.commands()).toEqual([`delete_maintenance_info ${R} m`]);
    },
  );

  it('that answers after the caller has left harms nothing', async () => {
    const env = { ATTEMPT_TIMEOUT_MS: '3000' };
    const { ask, askAndDisconnect, proxy, logs, requests } = await start('https', 'hangs', env);
    for (const status of [403, 200]) {
      const before = logs().length;
      const disconnect = askAndDisconnect(READ);
      await until(() => requests().length > before);
      await disconnect();
      await until(() => logs().length > before);
      proxy.answer(status);
      await until(() => proxy.countOpen() === 0);
    }
    const cancelled = { commands: [{ detail: 'caller disconnected' }] };
    expect(logs()).toMatchObject([cancelled, cancelled]);
    proxy.fail(undefined);
    expect((await ask(READ)).errors).toEqual([]);
  });

  it.each<Protocol>(['http', 'https'])('has a name that is looked up once, over %s', async (protocol) => {
    const lookup = jest.spyOn(dns, 'lookup');
    const { ask } = await start(protocol);
    for (const operation of [WRITE, READ, WRITE]) expect((await ask(operation)).errors).toEqual([]);
    const names = lookup.mock.calls.map(([name]) => name).filter((name) => name !== '127.0.0.1');
    expect(names).toEqual(['localhost']);
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ['a host of NO_PROXY', { NO_PROXY: 'elsewhere.test, .vendor.test' }],
    ['any host without NODE_USE_ENV_PROXY', { NODE_USE_ENV_PROXY: '' }],
  ])('is not used for %s', async (_, env) => {
    const lookup = (_: string, __: object, found: Found) => found(null, [{ address: '127.0.0.1', family: 4 }]);
    jest.spyOn(dns, 'lookup').mockImplementation(lookup as typeof dns.lookup);
    for (const protocol of ['http', 'https'] as const) {
      const { ask, proxy } = await start(protocol, undefined, env);
      for (const operation of [READ, WRITE]) expect((await ask(operation)).errors).toEqual([]);
      expect(proxy.log).toEqual([]);
    }
  });
});
