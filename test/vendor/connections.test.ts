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
const silence = useMany(silenceAt);

// As NODE_OPTIONS=--no-network-family-autoselection does: Node would try one address of those that a name has.
beforeAll(() => net.setDefaultAutoSelectFamily(false));
afterAll(() => net.setDefaultAutoSelectFamily(true));

/** Makes an address silent: a process that listens there sleeps, and the queue of its socket is full. */
async function silenceAt(host: string, port: number) {
  const sleep = "require('fs').writeSync(1, 'listens'), Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)";
  const listen = `net.createServer().listen({ host: '${host}', port: ${port}, backlog: 1 }, () => { ${sleep}; })`;
  const child = spawn(process.execPath, ['--eval', listen]);
  await once(child.stdout, 'data');
  const queued = times(4, () => net.connect(port, host).on('error', () => {}));
  return {
    async stop() {
      child.kill('SIGKILL');
      for (const socket of queued) socket.destroy();
    },
  };
}

/** Starts a command API that has a name, and a subgraph before it. `resolver` decides how the name is looked up. */
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
  return { ...subgraph, upstream, port, resolver };
}

function to(...addresses: string[]) {
  return async () => addresses.map((address) => ({ address, family: 4 }));
}

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
    ['fails', () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' }))],
    ['does not answer', () => new Promise<never>(() => {})],
  ])('keeps its last addresses while the resolver %s', async (_, answer) => {
    const advance = stopClock();
    const { ask, resolver } = await start([HEALTHY]);
    await ask(DELETE);
    resolver.answer = answer;
    advance(3_600_000);
    for (const result of await Promise.all(times(5, () => ask(DELETE)))) expect(result.errors).toEqual([]);
    expect((await ask(DELETE)).errors).toEqual([]);
  });

  it('is followed to another address by writes, and by reads, which keep a connection for 20 s', async () => {
    const advance = stopClock();
    const { ask, resolver, port, upstream } = await start([HEALTHY]);
    const moved = await startVendor({ host: NEW, port });
    const sockets = new Set<Socket>();
    upstream.fail((_, { socket }) => void sockets.add(socket as Socket));
    await ask(LIST);
    resolver.answer = to(NEW);
    advance(19_900);
    expect((await ask(LIST)).errors).toEqual([]);
    const [kept] = sockets;
    await until(() => kept?.destroyed === true);
    advance(100);
    for (const query of [LIST, DELETE]) expect((await ask(query)).errors).toEqual([]);
    expect(sockets.size).toBe(1);
    expect(moved.commands()).toEqual([`get_maintenance_list ${R}`, `delete_maintenance_info ${R} ${M}`]);
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

  it.each([
    ['silent, and then healthy', [SILENT, HEALTHY], 1],
    ['closed', [CLOSED], 2],
    ['silent, and then closed', [SILENT, CLOSED], 2],
  ])('that leads to addresses that are %s delays a write', async (_, found, attempts) => {
    const { ask, port, logs, resolver } = await start([]);
    await silence(SILENT, port);
    const slow = () => delay(500).then(to(HEALTHY));
    resolver.answer = () => (resolver.lookups === 1 ? to(...found)() : slow());
    expect((await ask(DELETE)).errors).toEqual([]);
    expect(logs()).toMatchObject([{ commands: [{ attempts }] }]);
  });
});
