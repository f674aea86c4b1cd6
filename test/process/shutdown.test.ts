/** What signals do. The tests run side by side, because most of them wait. */
import { once } from 'node:events';
import { Agent } from 'node:http';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { startFleet } from '../support/fleet.ts';
import { loadWhile, request } from '../support/load.ts';
import { aliased, answerWith, DELETE, LIST, M, R } from '../support/maintenance/requests.ts';
import { parseAnswers, request as rawRequest } from '../support/raw-http.ts';
import { HEADERS } from '../support/replica.ts';
import { startUpstream } from '../support/upstream.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { until } from '../support/wait.ts';

const SLOW = '{ maintenances(residenceId: "slow") { id } }';
const LISTED = { maintenances: [{ id: `${R}:${M}` }] };
// Longer than a server that does not wait for what is in flight would take to close.
const UNFORCED_MS = 1000;
const HEAD = Object.entries({ host: 'x', ...HEADERS }).map(([name, value]) => `${name}: ${value}`);
const post = (query: string) => rawRequest(['POST /graphql HTTP/1.1', ...HEAD], JSON.stringify({ query }));

const cleanups: (() => unknown)[] = [];
const start = useReplicas(cleanups);
/** Resolves when a server no longer accepts connections. */
const untilClosed = (url: string) => until(async () => !(await fetch(`${url}/health/live`).catch(() => null)));
const addressOf = (url: string) => ({ host: '127.0.0.1', port: Number(new URL(url).port) });

describe('after SIGTERM or a signal like it, the server', () => {
  it.concurrent('serves for a while, not ready, then ends what is in flight, once, and exits with 0', async () => {
    const { upstream, url, ask, kill, exit, output, untilPrinted } = await start({ DRAIN_DELAY_MS: '2000' });
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    const held = upstream.hold();
    const slow = ask(SLOW);
    await until(() => held.length === 1);
    upstream.fail(undefined);
    kill('SIGTERM');
    // As npm does, which forwards a signal that its whole process group has received.
    kill('SIGINT');
    await untilPrinted(/"msg":"stopping"/);
    const requests = ['/health/ready', '/health/live', '/graphql'].map((path) => fetch(url + path));
    const [answer, ...responses] = await Promise.all([ask(LIST), ...requests]);
    const heads = responses.map(({ status, headers }) => [status, headers.get('connection')]);
    expect(heads).toEqual([503, 200, 401].map((status) => [status, 'close']));
    expect(answer.data).toEqual(LISTED);
    await untilClosed(url);
    held.end();
    expect((await slow).data).toEqual({ maintenances: [] });
    expect(await exit).toBe(0);
    expect(output().match(/"msg":"stop\w+"/g)).toEqual(['"msg":"stopping"', '"msg":"stopped"']);
  });

  it.concurrent('cuts off requests that take longer than an operation may', async () => {
    const { url, stop } = await start({ ATTEMPT_TIMEOUT_MS: '100', OPERATION_TIMEOUT_MS: '200' });
    const socket = net.connect(addressOf(url)).on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(post(LIST).subarray(0, -1));
    await fetch(`${url}/health/live`);
    expect(await stop()).toBe(0);
    await closed;
  });

  it.concurrent('answers requests under way, then finishes a write whose caller has left, and closes other connections', async () => {
    const { upstream, url, ask, kill, exit, output } = await start();
    const idle = rawRequest(['GET /health/live HTTP/1.1', 'host: x']);
    // Idle after a request, silent, with half of a head, and with half of a body.
    const started = [idle, Buffer.of(), post(LIST).subarray(0, 10), post(LIST).subarray(0, -1)];
    const sockets = started.map(() => net.connect(addressOf(url)));
    const chunks = sockets.map((socket) => socket.toArray());
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const [index, bytes] of started.entries()) sockets[index]?.write(bytes);
    const held = upstream.hold();
    const caller = new AbortController();
    const left = ask(DELETE, { signal: caller.signal }).catch(() => {});
    await until(() => held.length === 1);
    caller.abort();
    await left;
    const slow = ask(SLOW);
    await until(() => held.length === 2);
    kill('SIGHUP');
    await untilClosed(url);
    sockets[3]?.write(post(LIST).subarray(-1));
    await until(() => held.length === 3);
    await delay(UNFORCED_MS);
    const [write, ...reads] = held;
    for (const { release } of reads) release();
    expect((await slow).data).toEqual({ maintenances: [] });
    const [answer] = parseAnswers(Buffer.concat((await chunks[3]) ?? []));
    expect(answer).toMatchObject({ status: 200, body: expect.stringContaining('{"data":{"maintenances":[]}}') });
    await delay(UNFORCED_MS);
    write?.release();
    expect(await exit).toBe(0);
    expect(output()).toMatch(/"name":"delete_maintenance_info",.*"codes":\["CALLER_GONE"\],"msg":"operation"/);
    const others = (await Promise.all(chunks.slice(0, 3))).map((bytes) => parseAnswers(Buffer.concat(bytes)));
    expect(others).toMatchObject([[{ status: 200 }], [], []]);
  });

  it.concurrent('sends whole responses of which a slow reader has read little', async () => {
    const { upstream, url, kill, exit } = await start();
    answerWith(upstream, [{ maintenance_id: 'm', description: '修'.repeat(600_000) }]);
    const lists = aliased(12, `maintenances(residenceId: "${R}") { description }`);
    const socket = net.connect(addressOf(url));
    socket.write(post(`{ ${lists} }`));
    // The response is ended, and most of it is not sent.
    await once(socket, 'readable');
    kill('SIGQUIT');
    await untilClosed(url);
    const [answer] = parseAnswers(Buffer.concat(await socket.toArray()));
    expect(Object.keys(JSON.parse(answer?.body ?? '').data)).toHaveLength(12);
    expect(await exit).toBe(0);
  });

  it.concurrent('exits at once with 1 at a signal more than a second later', async () => {
    const { kill, exit, output, untilPrinted } = await start({ DRAIN_DELAY_MS: '60000' });
    kill('SIGTERM');
    await untilPrinted(/"msg":"stopping"/);
    await delay(1100);
    kill('SIGINT');
    expect(await exit).toBe(1);
    expect(output()).not.toContain('"stopped"');
  });
});

it.concurrent('a signal that comes while the server loads stops it', async () => {
  const hook = `
    import { registerHooks } from 'node:module';
    registerHooks({ resolve(specifier, context, next) {
      if (specifier === 'fastify') process.kill(process.pid, 'SIGTERM');
      return next(specifier, context);
    } });`;
  const { exit, output } = await start({ NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}` });
  expect(await exit).toBe(0);
  expect(output()).toMatch(/"signal":"SIGTERM","msg":"stopping"[\s\S]+"msg":"stopped"/);
});

// Few workers and a long drain: even on a busy machine, each connection is used during the drain.
const PACE = { workers: 8, everyMs: 100 };

it('a rolling restart of both replicas under load fails no request', async () => {
  const upstream = await startUpstream();
  const fleet = await startFleet(upstream.url, { DRAIN_DELAY_MS: '1000' });
  // FIFO uses every connection during the drain, so that each response can close its own. Neither agent nor balancer retries.
  const agent = new Agent({ keepAlive: true, scheduling: 'fifo' });
  cleanups.push(() => agent.destroy(), fleet.stop, upstream.stop);
  const body = JSON.stringify({ query: LIST });
  const ask = async () => {
    const { status, text } = await request(agent, `${fleet.url}/graphql`, { headers: HEADERS, body });
    return `${status} ${text.trim()}`;
  };
  const { result: exits, outcomes } = await loadWhile(() => fleet.replaceAll(), ask, PACE);
  expect(outcomes.filter((outcome) => outcome !== `200 ${JSON.stringify({ data: LISTED })}`)).toEqual([]);
  expect(exits).toEqual([0, 0]);
  // The pace sends far more. The count has no time in it, so that a slow machine passes too.
  expect(outcomes.length).toBeGreaterThanOrEqual(100);
});
