/** Commands through a proxy for outgoing traffic, to a command API with and without TLS. */
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { afterAll, describe, expect, it } from '@jest/globals';
import { issue } from '../support/certificates.ts';
import { stopClock } from '../support/clock.ts';
import { type ProxyFault, startHttpProxy } from '../support/http-proxy.ts';
import { DELETE, M, R } from '../support/maintenance/requests.ts';
import { act, type Fault, startUpstream } from '../support/upstream.ts';
import { startSubgraph, useMany } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const READ = `{ maintenances(residenceId: "${R}") { contact } }`;
const CODE = 'UPSTREAM_UNAVAILABLE';
const [CANARY, CREDENTIALS] = ['canary', `Basic ${btoa('user:canary')}`];

const authority = await issue('authority');
const certificate = await issue('vendor.test', authority);
const wrong = await issue('elsewhere.test', authority);
const known = tls.getCACertificates();
tls.setDefaultCACertificates([...known, authority.cert]);

const startOne = useMany(startSubgraph);
const startVendor = useMany(startUpstream);
const startProxy = useMany(startHttpProxy);
afterAll(() => tls.setDefaultCACertificates(known));

type Protocol = 'http' | 'https';

/** Starts a command API that only a proxy finds, the proxy, and a subgraph that uses it. */
async function start(protocol: Protocol, fault?: ProxyFault, env: NodeJS.ProcessEnv = {}) {
  const upstream = await startVendor(protocol === 'https' ? { tls: certificate } : {});
  const proxy = await startProxy(fault);
  const port = Number(new URL(upstream.url).port);
  const urls = { COMMAND_API_URL: `${protocol}://vendor.test:${port}`, COMMAND_API_PROXY: proxy.url };
  const subgraph = await startOne({ ...urls, ALLOW_HTTP_COMMAND_API: 'true', BREAKER_FAILURES: '10000', ...env });
  return { ...subgraph, upstream, proxy, tunnel: `CONNECT vendor.test:${port}` };
}

/** What happens, and what it means for a read and a write. */
interface Failure {
  readonly proxy?: ProxyFault;
  readonly url?: string;
  readonly vendor?: Fault;
  readonly tls?: typeof certificate;
  /** Unless the proxy or TLS shows that no command was sent. */
  readonly outcome?: 'UNKNOWN' | 'NOT_SENT';
  readonly detail: string;
  /** A write is sent once if its outcome is unknown. */
  readonly attempts: 1 | 3;
}
const [TIMEOUT, RESET] = ['ETIMEDOUT', 'ECONNRESET'];
const cutAll = act((response) => response.destroy());
const PROTOCOLS: Protocol[] = ['https', 'http'];

const WRONG: Failure = { tls: wrong, detail: 'ERR_TLS_CERT_ALTNAME_INVALID', attempts: 1 };

function failuresOver(protocol: Protocol): [title: string, Failure][] {
  // Without TLS, a command is sent as soon as there is a tunnel.
  const outcome = protocol === 'http' ? 'UNKNOWN' : 'NOT_SENT';
  return [
    ['a proxy that asks for other credentials', { proxy: 407, detail: 'proxy 407', attempts: 1 }],
    ['a proxy that forbids the tunnel', { proxy: 403, detail: 'proxy 403', attempts: 1 }],
    ['a proxy that does not reach the command API', { proxy: 502, detail: 'proxy 502', attempts: 3 }],
    ['a proxy that does not answer', { proxy: 'hangs', detail: `proxy ${TIMEOUT}`, attempts: 1 }],
    ['a proxy that closes the connection', { proxy: 'cuts', detail: `proxy ${RESET}`, attempts: 3 }],
    ['a proxy that does not speak HTTP', { proxy: 'babbles', detail: 'proxy HPE_INVALID_CONSTANT', attempts: 1 }],
    // No one listens at this address: each proxy has another one.
    ['no proxy', { url: 'http://user:canary@127.0.0.3:3128', detail: 'proxy ECONNREFUSED', attempts: 3 }],
    ['a tunnel that forwards nothing', { proxy: 'forwards nothing', outcome, detail: TIMEOUT, attempts: 1 }],
    ['a tunnel that is closed', { proxy: 'closes tunnels', outcome, detail: RESET, attempts: 3 }],
    ['no reply', { vendor: () => 'taken', outcome: 'UNKNOWN', detail: TIMEOUT, attempts: 1 }],
    ['a connection that breaks', { vendor: cutAll, outcome: 'UNKNOWN', detail: RESET, attempts: 3 }],
    ...(protocol === 'https' ? [['a wrong certificate', WRONG] as [string, Failure]] : []),
  ];
}

it.concurrent('without a proxy, a connection that is idle for 20 s is closed', async () => {
  const upstream = await startVendor();
  const { ask } = await startOne({ COMMAND_API_URL: upstream.url });
  const sockets: (Socket | null)[] = [];
  upstream.fail((_, { socket }) => void sockets.push(socket));
  expect((await ask(READ)).errors).toEqual([]);
  expect(sockets).toMatchObject([{ destroyed: false }]);
  await until(() => sockets[0]?.destroyed === true);
});

describe.each(PROTOCOLS)('over %s,', (protocol) => {
  it.concurrent.each(failuresOver(protocol))('%s fails a read and a write', async (_, failure) => {
    const { proxy: fault, url, vendor, outcome = 'NOT_SENT', detail, attempts } = failure;
    const isTimeout = detail.endsWith(TIMEOUT);
    const { ask, upstream, proxy, tunnel, logs, logText } = await start(protocol, fault, {
      ...(url && { COMMAND_API_PROXY: url }),
      ...(isTimeout && { ATTEMPT_TIMEOUT_MS: '3000' }),
    });
    if (failure.tls) upstream.useCertificate(failure.tls);
    upstream.fail(vendor);
    const code = isTimeout ? 'UPSTREAM_TIMEOUT' : CODE;
    const read = await ask(READ);
    const write = await ask(DELETE);
    const failed = [{ code }, { code, outcome }].map((extensions) => ({ errors: [{ extensions }] }));
    expect([read, write]).toMatchObject(failed);
    const attemptsOfWrite = outcome === 'UNKNOWN' ? 1 : attempts;
    const expected = [attempts, attemptsOfWrite].map((attempts) => ({ commands: [{ attempts, detail }] }));
    expect(logs()).toMatchObject(expected);
    expect(proxy.log).toEqual(Array(url ? 0 : attempts + attemptsOfWrite).fill(tunnel));
    const arrived = [...Array(attempts).fill(`get_maintenance_list ${R}`), `delete_maintenance_info ${R} ${M}`];
    expect(upstream.commands()).toEqual(vendor ? arrived : []);
    expect(logText() + JSON.stringify([read, write])).not.toMatch(new RegExp(`${CANARY}|${CREDENTIALS}|vendor.test`));
    // No connection that became no tunnel stays open.
    await until(() => proxy.countOpen() === 0);
  });

  it('forwards reads and writes, reads on one connection', async () => {
    const advance = stopClock();
    const { ask, upstream, proxy, tunnel } = await start(protocol);
    for (const operation of [READ, READ, DELETE]) expect((await ask(operation)).errors).toEqual([]);
    expect(proxy.log).toHaveLength(2);
    // The last read on the kept connection.
    advance(21_000);
    for (const operation of [READ, READ]) expect((await ask(operation)).errors).toEqual([]);
    expect(proxy.log).toEqual(Array(3).fill(tunnel));
    const [list, write] = [`get_maintenance_list ${R}`, `delete_maintenance_info ${R} ${M}`];
    expect(upstream.commands()).toEqual([list, list, write, list, list]);
    expect(new Set(proxy.credentials)).toEqual(new Set([CREDENTIALS]));
    expect(upstream.received.map(({ headers }) => headers.authorization)).not.toContain(CREDENTIALS);
  });
});
