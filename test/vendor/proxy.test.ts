/** Commands through a proxy for outgoing traffic, to a command API with and without TLS. */
import { setTimeout as delay } from 'node:timers/promises';
import tls from 'node:tls';
import { afterAll, expect, it } from '@jest/globals';
import { issue } from '../support/certificates.ts';
import { stopClock } from '../support/clock.ts';
import { type ProxyFault, startHttpProxy } from '../support/http-proxy.ts';
import { DELETE, M, R } from '../support/maintenance/requests.ts';
import { act, type Fault, startUpstream } from '../support/upstream.ts';
import { startSubgraph, useMany } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const READ = `{ maintenances(residenceId: "${R}") { contact } }`;
const [LISTED, DELETED] = [`get_maintenance_list ${R}`, `delete_maintenance_info ${R} ${M}`];
const CREDENTIALS = `Basic ${btoa('user:canary')}`;

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
const PROTOCOLS: Protocol[] = ['https', 'http'];

/** Starts a command API that only a proxy finds, the proxy, and a subgraph that uses it. */
async function start(protocol: Protocol, fault?: ProxyFault, env: NodeJS.ProcessEnv = {}) {
  const upstream = await startVendor(protocol === 'https' ? { tls: certificate } : {});
  const proxy = await startProxy(fault);
  const port = Number(new URL(upstream.url).port);
  const urls = { COMMAND_API_URL: `${protocol}://vendor.test:${port}`, COMMAND_API_PROXY: proxy.url };
  const subgraph = await startOne({ ...urls, ALLOW_HTTP_COMMAND_API: 'true', BREAKER_FAILURES: '10000', ...env });
  return { ...subgraph, upstream, proxy, tunnel: `CONNECT vendor.test:${port}` };
}

/**
 * What fails, the detail in the log, the attempts of a read, and the protocols over which a command is sent: without
 * TLS, as soon as there is a tunnel. A write that is sent has one attempt.
 */
type Failure = [title: string, cause: Cause, detail: string, attempts: 1 | 3, ...sent: Protocol[]];
type Cause = { proxy?: ProxyFault; url?: string; vendor?: Fault; certificate?: typeof wrong };
const FAILURES: Failure[] = [
  // These take their time, and the others run beside them.
  ['a proxy that does not answer', { proxy: 'hangs' }, 'proxy ETIMEDOUT', 1],
  ['a tunnel that forwards nothing', { proxy: 'forwards nothing' }, 'ETIMEDOUT', 1, 'http'],
  ['no reply', { vendor: () => 'taken' }, 'ETIMEDOUT', 1, 'https', 'http'],
  ['a proxy that asks for other credentials', { proxy: 407 }, 'proxy 407', 1],
  ['a proxy that forbids the tunnel', { proxy: 403 }, 'proxy 403', 1],
  ['a proxy that does not reach the command API', { proxy: 502 }, 'proxy 502', 3],
  ['a proxy that closes the connection', { proxy: 'cuts' }, 'proxy ECONNRESET', 3],
  ['a proxy that does not speak HTTP', { proxy: 'babbles' }, 'proxy HPE_INVALID_CONSTANT', 1],
  // No one listens at this address: each proxy has another one.
  ['no proxy', { url: 'http://user:canary@127.0.0.3:3128' }, 'proxy ECONNREFUSED', 3],
  ['a tunnel that is closed', { proxy: 'closes tunnels' }, 'ECONNRESET', 3, 'http'],
  ['a connection that breaks', { vendor: act((r) => r.destroy()) }, 'ECONNRESET', 3, 'https', 'http'],
];
const WRONG: Failure = ['a wrong certificate', { certificate: wrong }, 'ERR_TLS_CERT_ALTNAME_INVALID', 1];
const ROWS = FAILURES.flatMap((failure) => PROTOCOLS.map((protocol) => [protocol, ...failure] as const));

it.concurrent.each([...ROWS, ['https', ...WRONG] as const])(
  'over %s, %s fails a read and a write',
  async (protocol, _, { proxy: fault, url, vendor, certificate }, detail, attempts, ...sent) => {
    const isTimeout = detail.endsWith('ETIMEDOUT');
    const { ask, upstream, proxy, tunnel, logs, logText } = await start(protocol, fault, {
      ...(url && { COMMAND_API_PROXY: url }),
      ...(isTimeout && { ATTEMPT_TIMEOUT_MS: '3000' }),
    });
    if (certificate) upstream.useCertificate(certificate);
    upstream.fail(vendor);
    const code = isTimeout ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_UNAVAILABLE';
    const [outcome, attemptsOfWrite] = sent.includes(protocol) ? ['UNKNOWN', 1] : ['NOT_SENT', attempts];
    const answers = [await ask(READ), await ask(DELETE)];
    const failed = [{ code }, { code, outcome }].map((extensions) => ({ errors: [{ extensions }] }));
    expect(answers).toMatchObject(failed);
    const expected = [attempts, attemptsOfWrite].map((attempts) => ({ commands: [{ attempts, detail }] }));
    expect(logs()).toMatchObject(expected);
    expect(proxy.log).toEqual(Array(url ? 0 : attempts + attemptsOfWrite).fill(tunnel));
    expect(upstream.commands()).toEqual(vendor ? [...Array(attempts).fill(LISTED), DELETED] : []);
    expect(logText() + JSON.stringify(answers)).not.toMatch(new RegExp(`canary|${CREDENTIALS}|vendor.test`));
    // No connection that became no tunnel stays open.
    await until(() => proxy.countOpen() === 0);
  },
);

it.concurrent.each(PROTOCOLS)(
  'over %s, an idle tunnel is kept for longer than an attempt may take',
  async (protocol) => {
    const { ask, proxy } = await start(protocol, undefined, { ATTEMPT_TIMEOUT_MS: '1000' });
    // On a busy machine, an attempt may take its time.
    await until(async () => (await ask(READ)).errors.length === 0);
    const tunnels = proxy.log.length;
    await delay(2000);
    await ask(READ);
    expect(proxy.log).toHaveLength(tunnels);
  },
);

it.each(PROTOCOLS)('forwards reads and writes over %s, reads on one connection', async (protocol) => {
  const advance = stopClock();
  const { ask, upstream, proxy, tunnel } = await start(protocol);
  for (const operation of [READ, READ, DELETE]) expect((await ask(operation)).errors).toEqual([]);
  expect(proxy.log).toHaveLength(2);
  // The last read on the kept connection.
  advance(21_000);
  for (const operation of [READ, READ]) expect((await ask(operation)).errors).toEqual([]);
  expect(proxy.log).toEqual(Array(3).fill(tunnel));
  expect(upstream.commands()).toEqual([LISTED, LISTED, DELETED, LISTED, LISTED]);
  expect(new Set(proxy.credentials)).toEqual(new Set([CREDENTIALS]));
  expect(upstream.received.map(({ headers }) => headers.authorization)).not.toContain(CREDENTIALS);
});
