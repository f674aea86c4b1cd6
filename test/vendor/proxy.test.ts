/** Commands through a proxy for outgoing traffic, to a command API with and without TLS. */
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

/** What happens, and what it means for a read and a write. */
interface Failure {
  readonly title: string;
  readonly proxy?: ProxyFault;
  readonly url?: string;
  readonly vendor?: Fault;
  readonly tls?: typeof certificate;
  readonly detail: string;
  readonly attempts: 1 | 3;
  /** Over which protocols the command is sent: without TLS, as soon as there is a tunnel. A write is sent once. */
  readonly sent?: readonly Protocol[];
}
// Those that take their time are first, so that the others run beside them.
const FAILURES: Failure[] = [
  { title: 'a proxy that does not answer', proxy: 'hangs', detail: 'proxy ETIMEDOUT', attempts: 1 },
  { title: 'a tunnel that is silent', proxy: 'forwards nothing', detail: 'ETIMEDOUT', attempts: 1, sent: ['http'] },
  { title: 'no reply', vendor: () => 'taken', detail: 'ETIMEDOUT', attempts: 1, sent: PROTOCOLS },
  { title: 'a proxy that asks for other credentials', proxy: 407, detail: 'proxy 407', attempts: 1 },
  { title: 'a proxy that forbids the tunnel', proxy: 403, detail: 'proxy 403', attempts: 1 },
  { title: 'a proxy that does not reach the command API', proxy: 502, detail: 'proxy 502', attempts: 3 },
  { title: 'a proxy that closes the connection', proxy: 'cuts', detail: 'proxy ECONNRESET', attempts: 3 },
  { title: 'a proxy without HTTP', proxy: 'babbles', detail: 'proxy HPE_INVALID_CONSTANT', attempts: 1 },
  // No one listens at this address: each proxy has another one.
  { title: 'no proxy', url: 'http://user:canary@127.0.0.3:3128', detail: 'proxy ECONNREFUSED', attempts: 3 },
  { title: 'a tunnel that is closed', proxy: 'closes tunnels', detail: 'ECONNRESET', attempts: 3, sent: ['http'] },
  { title: 'a reset', vendor: act((r) => r.destroy()), detail: 'ECONNRESET', attempts: 3, sent: PROTOCOLS },
];
const WRONG: Failure = {
  title: 'a wrong certificate',
  tls: wrong,
  detail: 'ERR_TLS_CERT_ALTNAME_INVALID',
  attempts: 1,
};
const ROWS = FAILURES.flatMap((failure) => PROTOCOLS.map((protocol) => ({ protocol, ...failure })));

it.concurrent.each([...ROWS, { protocol: 'https' as const, ...WRONG }])(
  '$title fails a read and a write over $protocol',
  async ({ protocol, proxy: fault, url, vendor, tls, detail, attempts, sent }) => {
    const isTimeout = detail.endsWith('ETIMEDOUT');
    const { ask, upstream, proxy, tunnel, logs, logText } = await start(protocol, fault, {
      ...(url && { COMMAND_API_PROXY: url }),
      ...(isTimeout && { ATTEMPT_TIMEOUT_MS: '3000' }),
    });
    if (tls) upstream.useCertificate(tls);
    upstream.fail(vendor);
    const code = isTimeout ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_UNAVAILABLE';
    const [outcome, attemptsOfWrite] = sent?.includes(protocol) ? ['UNKNOWN', 1] : ['NOT_SENT', attempts];
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
