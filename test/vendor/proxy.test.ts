/**
 * Commands through a proxy for outgoing traffic, to a command API with and without TLS. Without TLS, a proxy fails as the
 * command API does, for which upstream-faults.test.ts has the faults.
 */
import dns, { type LookupAddress } from 'node:dns';
import tls from 'node:tls';
import { afterAll, afterEach, describe, expect, it, jest } from '@jest/globals';
import { issue } from '../support/certificates.ts';
import { stopClock } from '../support/clock.ts';
import { type ProxyFault, startHttpProxy } from '../support/http-proxy.ts';
import { DELETE, M, R } from '../support/requests.ts';
import { startUpstream } from '../support/upstream.ts';
import { startSubgraph, useMany } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const READ = `{ maintenances(residenceId: "${R}") { contact } }`;
const CODE = 'UPSTREAM_UNAVAILABLE';
const [CANARY, CREDENTIALS] = ['canary', `Basic ${btoa('user:canary')}`];

/** No one listens at this address: each proxy has another one. */
const CLOSED = 'http://user:canary@127.0.0.3:3128';

const authority = await issue('authority');
const certificate = await issue('vendor.test', authority);
const known = tls.getCACertificates();
tls.setDefaultCACertificates([...known, authority.cert]);

const startOne = useMany(startSubgraph);
const startVendor = useMany(startUpstream);
const startProxy = useMany(startHttpProxy);
afterEach(() => void jest.restoreAllMocks());
afterAll(() => tls.setDefaultCACertificates(known));

type Protocol = 'http' | 'https';
type Found = (error: null, addresses: LookupAddress[]) => void;

/** Starts a command API that only a proxy finds, the proxy, and a subgraph that uses it. */
async function start(protocol: Protocol, fault?: ProxyFault, env: NodeJS.ProcessEnv = {}) {
  const upstream = await startVendor(protocol === 'https' ? { tls: certificate } : {});
  const proxy = await startProxy(fault);
  const port = Number(new URL(upstream.url).port);
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
  return { ...subgraph, upstream, proxy, requests };
}

const FAULTS: [fault: ProxyFault | 'refuses', code: string, detail: string, attempts: number][] = [
  ['refuses', CODE, 'proxy ECONNREFUSED', 3],
  [403, CODE, 'proxy status 403', 1],
  [502, CODE, 'proxy status 502', 3],
  ['cuts', CODE, 'proxy closed', 3],
  ['hangs', 'UPSTREAM_TIMEOUT', 'proxy ETIMEDOUT', 1],
];

describe('a proxy', () => {
  it.concurrent.each(FAULTS)('that %s fails a read and a write over https, and never sends them', async (...row) => {
    const [fault, code, detail, attempts] = row;
    const isRefusing = fault === 'refuses';
    const { ask, upstream, proxy, requests, logs, logText } = await start('https', isRefusing ? 0 : fault, {
      ...(isRefusing && { HTTPS_PROXY: CLOSED }),
      ...(fault === 'hangs' && { ATTEMPT_TIMEOUT_MS: '3000' }),
    });
    const answers = await Promise.all([ask(READ), ask(DELETE)]);
    const failures = [{ code }, { code, outcome: 'NOT_SENT' }];
    expect(answers).toMatchObject(failures.map((extensions) => ({ errors: [{ extensions }] })));
    expect(logs()).toMatchObject(answers.map(() => ({ commands: [{ attempts, detail }] })));
    expect(requests()).toEqual(Array(isRefusing ? 0 : 2 * attempts).fill('command'));
    expect(upstream.commands()).toEqual([]);
    expect(logText() + JSON.stringify(answers)).not.toMatch(new RegExp(`${CANARY}|${CREDENTIALS}|vendor.test`));
    // Node would leave failed tunnels open.
    await until(() => proxy.countOpen() === 0);
  });

  it.each<[Protocol, requests: number]>([
    ['http', 5],
    ['https', 3],
  ])('forwards reads and writes over %s, reads on one connection', async (protocol, count) => {
    const advance = stopClock();
    const { ask, upstream, proxy, requests } = await start(protocol);
    for (const operation of [READ, READ, DELETE]) expect((await ask(operation)).errors).toEqual([]);
    expect(proxy.counter.connections).toBe(2);
    // The last read on the kept connection.
    advance(21_000);
    for (const operation of [READ, READ]) expect((await ask(operation)).errors).toEqual([]);
    expect(proxy.counter.connections).toBe(3);
    const [list, write] = [`get_maintenance_list ${R}`, `delete_maintenance_info ${R} ${M}`];
    expect(upstream.commands()).toEqual([list, list, write, list, list]);
    expect(requests()).toEqual(Array(count).fill('command'));
    expect(new Set(proxy.credentials)).toEqual(new Set([CREDENTIALS]));
    expect(upstream.received.map(({ headers }) => headers.authorization)).not.toContain(CREDENTIALS);
  });

  it('may have forwarded a write over https whose connection breaks', async () => {
    const { ask, upstream } = await start('https');
    upstream.fail((_, response) => {
      response.destroy();
      return 'taken';
    });
    expect(await ask(DELETE)).toMatchObject({ errors: [{ extensions: { code: CODE, outcome: 'UNKNOWN' } }] });
    expect(upstream.commands()).toEqual([`delete_maintenance_info ${R} ${M}`]);
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ['a host of NO_PROXY', { NO_PROXY: 'elsewhere.test, .vendor.test' }],
    ['any host without NODE_USE_ENV_PROXY', { NODE_USE_ENV_PROXY: '' }],
  ])('is not used for %s', async (_, env) => {
    const lookup = (_: string, __: object, found: Found) => found(null, [{ address: '127.0.0.1', family: 4 }]);
    jest.spyOn(dns, 'lookup').mockImplementation(lookup as typeof dns.lookup);
    for (const protocol of ['http', 'https'] as const) {
      const { ask, proxy } = await start(protocol, undefined, env);
      for (const operation of [READ, DELETE]) expect((await ask(operation)).errors).toEqual([]);
      expect(proxy.log).toEqual([]);
    }
  });
});
