/** Commands through a proxy for outgoing traffic, to a command API with and without TLS. */
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

/** Starts a command API that only a proxy finds, the proxy, and a subgraph that uses it. */
async function start(protocol: Protocol, fault?: ProxyFault, env: NodeJS.ProcessEnv = {}) {
  const upstream = await startVendor(protocol === 'https' ? { tls: certificate } : {});
  const proxy = await startProxy(fault);
  const port = Number(new URL(upstream.url).port);
  const subgraph = await startOne({
    COMMAND_API_URL: `${protocol}://vendor.test:${port}`,
    ALLOW_HTTP_COMMAND_API: 'true',
    COMMAND_API_PROXY: proxy.url,
    BREAKER_FAILURES: '10000',
    ...env,
  });
  return { ...subgraph, upstream, proxy, tunnel: `CONNECT vendor.test:${port}` };
}

const FAULTS: [fault: ProxyFault | 'refuses', code: string, detail: string, attempts: number][] = [
  ['refuses', CODE, 'proxy ECONNREFUSED', 3],
  [403, CODE, 'proxy 403', 1],
  [502, CODE, 'proxy 502', 3],
  ['cuts', CODE, 'proxy ECONNRESET', 3],
  ['hangs', 'UPSTREAM_TIMEOUT', 'proxy ETIMEDOUT', 1],
];
const PROTOCOLS: Protocol[] = ['https', 'http'];

describe.each(PROTOCOLS)('a proxy, over %s,', (protocol) => {
  it.concurrent.each(FAULTS)('that %s fails a read and a write, and never sends them', async (...row) => {
    const [fault, code, detail, attempts] = row;
    const isRefusing = fault === 'refuses';
    const { ask, upstream, proxy, tunnel, logs, logText } = await start(protocol, isRefusing ? 0 : fault, {
      ...(isRefusing && { COMMAND_API_PROXY: CLOSED }),
      ...(fault === 'hangs' && { ATTEMPT_TIMEOUT_MS: '3000' }),
    });
    const answers = await Promise.all([ask(READ), ask(DELETE)]);
    const failures = [{ code }, { code, outcome: 'NOT_SENT' }];
    expect(answers).toMatchObject(failures.map((extensions) => ({ errors: [{ extensions }] })));
    expect(logs()).toMatchObject(answers.map(() => ({ commands: [{ attempts, detail }] })));
    expect(proxy.log).toEqual(Array(isRefusing ? 0 : 2 * attempts).fill(tunnel));
    expect(upstream.commands()).toEqual([]);
    expect(logText() + JSON.stringify(answers)).not.toMatch(new RegExp(`${CANARY}|${CREDENTIALS}|vendor.test`));
    // No connection that became no tunnel stays open.
    await until(() => proxy.countOpen() === 0);
  });

  it('forwards reads and writes, reads on one connection', async () => {
    const advance = stopClock();
    const { ask, upstream, proxy, tunnel } = await start(protocol);
    for (const operation of [READ, READ, DELETE]) expect((await ask(operation)).errors).toEqual([]);
    expect(proxy.counter.connections).toBe(2);
    // The last read on the kept connection.
    advance(21_000);
    for (const operation of [READ, READ]) expect((await ask(operation)).errors).toEqual([]);
    expect(proxy.log).toEqual(Array(3).fill(tunnel));
    const [list, write] = [`get_maintenance_list ${R}`, `delete_maintenance_info ${R} ${M}`];
    expect(upstream.commands()).toEqual([list, list, write, list, list]);
    expect(new Set(proxy.credentials)).toEqual(new Set([CREDENTIALS]));
    expect(upstream.received.map(({ headers }) => headers.authorization)).not.toContain(CREDENTIALS);
  });

  it('may have forwarded a write whose connection breaks', async () => {
    const { ask, upstream } = await start(protocol);
    upstream.fail((_, response) => {
      response.destroy();
      return 'taken';
    });
    expect(await ask(DELETE)).toMatchObject({ errors: [{ extensions: { code: CODE, outcome: 'UNKNOWN' } }] });
    expect(upstream.commands()).toEqual([`delete_maintenance_info ${R} ${M}`]);
  });
});
