/** The command API's name, its addresses and kept connections: commands succeed while some of these fail. */
import { spawn } from 'node:child_process';
import dns, { type LookupAddress, type LookupAllOptions } from 'node:dns';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { stopClock } from '../support/clock.ts';
import { startHttpProxy } from '../support/http-proxy.ts';
import { DELETE, LIST, M, R, times } from '../support/maintenance/requests.ts';
import { startUpstream } from '../support/upstream.ts';
import { startSubgraph, useMany } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const [HEALTHY, SILENT, CLOSED, NEW] = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'];

type Found = (error: Error | null, found?: LookupAddress[]) => void;

const startOne = useMany(startSubgraph);
const startVendor = useMany(startUpstream);
const startProxy = useMany(startHttpProxy);
const silence = useMany(swallow);

// As NODE_OPTIONS=--no-network-family-autoselection does: Node would try one address of those that a name has.
beforeAll(() => net.setDefaultAutoSelectFamily(false));
afterAll(() => net.setDefaultAutoSelectFamily(true));

const SWALLOW = `
  const [port, host] = [Number(process.argv[1]), process.argv[2]];
  const server = net.createServer().listen({ port, host, backlog: 1 }, () => {
    for (let count = 0; count < 4; count++) net.connect(port, host);
    // After the connections have begun, and before this process could accept one.
    process.nextTick(() => {
      fs.writeSync(1, 'full');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });
  });`;

/** Swallows connections to an address: no one accepts them, and the queue of the socket is full. */
async function swallow(host: string, port: number) {
  const child = spawn(process.execPath, ['--eval', SWALLOW, String(port), host]);
  const [full] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  expect(String(full)).toBe('full');
  return { stop: async () => void child.kill('SIGKILL') };
}

/** Starts a command API that has a name, and a subgraph in front of it. `resolver` decides how the name is looked up. */
async function start(addresses: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const upstream = await startVendor();
  const port = Number(new URL(upstream.url).port);
  const COMMAND_API_URL = `http://vendor.test:${port}`;
  const subgraph = await startOne({ COMMAND_API_URL, ALLOW_HTTP_COMMAND_API: 'true', ...env });
  const resolver = { answer: to(...addresses), lookups: 0 };
  const { lookup } = dns;
  jest.spyOn(dns, 'lookup').mockImplementation(((name: string, options: LookupAllOptions, callback: Found) => {
    if (name !== 'vendor.test') return lookup(name, options, callback);
    resolver.lookups++;
    resolver.answer().then((found) => callback(null, found), callback);
  }) as typeof lookup);
  const commands = () => subgraph.logs().flatMap(({ commands = [] }) => commands as Record<string, unknown>[]);
  return { ...subgraph, upstream, port, resolver, commands };
}

const to =
  (...addresses: string[]) =>
  async (): Promise<LookupAddress[]> =>
    addresses.map((address) => ({ address, family: 4 }));
const failWith = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }));
const never = () => new Promise<never>(() => {});

it('a write that waits for its connection ends with its caller, and is not sent', async () => {
  const { askAndDisconnect, port, logs, resolver } = await start([SILENT]);
  await silence(SILENT, port);
  const leave = askAndDisconnect(DELETE);
  await until(() => resolver.lookups > 0);
  await leave();
  await until(() => logs().length > 0);
  const commands = [{ code: 'CALLER_GONE', outcome: 'NOT_SENT', attempts: 1 }];
  expect(logs()).toMatchObject([{ level: 40, codes: ['CALLER_GONE'], commands }]);
});

describe('the name of the command API', () => {
  it.each([
    ['fails', failWith('ENOTFOUND')],
    ['does not answer', never],
  ])('keeps its last addresses while the resolver %s', async (_, answer) => {
    const advance = stopClock();
    const { ask, resolver } = await start([HEALTHY]);
    await ask(DELETE);
    resolver.answer = answer;
    advance(3_600_000);
    for (const result of await Promise.all(times(5, () => ask(DELETE)))) expect(result.errors).toEqual([]);
    expect((await ask(DELETE)).errors).toEqual([]);
  });

  it('is followed to another address within a minute, by writes and by reads on kept connections', async () => {
    const advance = stopClock();
    const { ask, resolver, port } = await start([HEALTHY]);
    const moved = await startVendor({ host: NEW, port });
    await ask(LIST);
    resolver.answer = to(NEW);
    advance(21_000);
    // The last read on the kept connection, and then a read and a write on new connections.
    for (const query of [LIST, LIST, DELETE]) expect((await ask(query)).errors).toEqual([]);
    expect(moved.commands()).toEqual([`get_maintenance_list ${R}`, `delete_maintenance_info ${R} ${M}`]);
  });

  it('is left with a connection that was kept for 20 s, even if no read follows', async () => {
    const advance = stopClock();
    const { ask, upstream } = await start([HEALTHY]);
    const sockets = new Set<Socket>();
    upstream.fail((_, { socket }) => void sockets.add(socket as Socket));
    await ask(LIST);
    advance(19_900);
    await ask(LIST);
    const [socket] = sockets;
    await until(() => socket?.destroyed === true);
    expect(sockets.size).toBe(1);
  });

  it.each([false, true])('is looked up once for all, and again after 20 s; of a proxy: %s', async (isProxy) => {
    const advance = stopClock();
    const proxy = new URL((await startProxy()).url);
    proxy.hostname = 'vendor.test';
    const { ask, resolver } = await start([], isProxy ? { COMMAND_API_PROXY: proxy.href } : {});
    resolver.answer = () => delay(100).then(to(HEALTHY));
    for (const lookups of [1, 1, 2]) {
      for (const { errors } of await Promise.all(times(20, () => ask(DELETE)))) expect(errors).toEqual([]);
      expect(resolver.lookups).toBe(lookups);
      advance(10_001);
    }
  });

  it('is looked up again after its addresses refused a connection, without a retry', async () => {
    // The breaker would open if it saw a refused connection of those that succeed.
    const { ask, resolver, commands } = await start([CLOSED, NEW], { MAX_ATTEMPTS: '1', BREAKER_FAILURES: '2' });
    expect(await ask(LIST)).toMatchObject({ errors: [{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }] });
    resolver.answer = to(HEALTHY);
    const asked = [ask(LIST), ...times(30, () => ask(DELETE))];
    for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
    expect(new Set(commands().map(({ attempts }) => attempts))).toEqual(new Set([1]));
  });

  it('that a silent resolver keeps back costs an attempt its time', async () => {
    const { ask, resolver, commands } = await start([], { ATTEMPT_TIMEOUT_MS: '300' });
    resolver.answer = never;
    const extensions = { code: 'UPSTREAM_TIMEOUT', outcome: 'NOT_SENT' };
    expect(await ask(DELETE)).toMatchObject({ errors: [{ extensions }] });
    expect(await ask(LIST)).toMatchObject({ errors: [{ extensions: { code: 'UPSTREAM_TIMEOUT' } }] });
    // The operation's deadline would be `out of time`.
    expect(commands().map(({ detail }) => detail)).toEqual(['ETIMEDOUT', 'ETIMEDOUT']);
  });

  it.each([
    ['silent, and then healthy', [SILENT, HEALTHY], 1],
    ['closed', [CLOSED], 2],
    ['silent, and then closed', [SILENT, CLOSED], 2],
  ])('that leads to addresses that are %s delays a write', async (_, found, attempts) => {
    const { ask, port, resolver, commands } = await start([]);
    await silence(SILENT, port);
    const slow = () => delay(500).then(to(HEALTHY));
    resolver.answer = () => (resolver.lookups === 1 ? to(...found)() : slow());
    expect((await ask(DELETE)).errors).toEqual([]);
    expect(commands()).toMatchObject([{ attempts }]);
  });
});
