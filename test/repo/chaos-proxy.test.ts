import net, { type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ChaosProxy, startChaosProxy, type Toxics } from '../support/chaos-proxy.ts';

const ANSWER = '0123456789';

let server: net.Server;
let heard: string[];
let proxy: ChaosProxy;

beforeAll(async () => {
  server = net.createServer((socket) => {
    socket.on('error', () => heard.push('error'));
    socket.on('data', (chunk) => {
      heard.push(String(chunk));
      if (heard.join('').includes('hello')) socket.end(ANSWER);
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
});
afterAll(() => {
  server.close();
});
beforeEach(async () => {
  heard = [];
  proxy = await startChaosProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterEach(() => proxy.stop());

/** Says `hello` and writes down what happens to the connection, in order, with `timer` where 100 ms have gone by. */
async function talk({ patient = true } = {}): Promise<string> {
  const events: string[] = [];
  const socket = net.connect(Number(new URL(proxy.url).port), '127.0.0.1');
  const timer = setTimeout(() => {
    events.push('timer');
    if (!patient) socket.destroy();
  }, 100);
  socket.on('connect', () => socket.write('hello'));
  socket.on('data', (chunk) => events.push(String(chunk)));
  socket.on('end', () => events.push('end'));
  socket.on('error', ({ code }: NodeJS.ErrnoException) => events.push(String(code)));
  await new Promise((resolve) => socket.on('close', resolve));
  clearTimeout(timer);
  return events.join(' ');
}

/** What the client sees, and what the server heard. */
const TOXICS: [string, Toxics, RegExp, RegExp][] = [
  ['nothing', {}, /^0123456789 end$/, /^hello$/],
  ['latency', { response: { latencyMs: 200 } }, /^timer 0123456789 end$/, /^hello$/],
  ['latency of the request', { request: { latencyMs: 200 } }, /^timer 0123456789 end$/, /^hello$/],
  ['bandwidth', { response: { bytesPerSecond: 50 } }, /^(\d+ )+timer (\d+ )*9 end$/, /^hello$/],
  ['slow close', { response: { slowCloseMs: 200 } }, /^0123456789 timer end$/, /^hello$/],
  ['timeout', { response: { timeout: true } }, /^timer$/, /^hello$/],
  ['timeout of the request', { request: { timeout: true } }, /^timer$/, /^$/],
  ['reset', { response: { resetAfterBytes: 0 } }, /^ECONNRESET$/, /^hello/],
  ['reset of the request', { request: { resetAfterBytes: 0 } }, /^ECONNRESET$/, /^(error)?$/],
  ['reset after some bytes', { response: { resetAfterBytes: 4 } }, /^0123 ECONNRESET$/, /^hello/],
  ['slicer', { response: { sliceBytes: 2 } }, /^(\d+ ){2,}end$/, /^hello$/],
  ['slicer of the request', { request: { sliceBytes: 1 } }, /^0123456789 end$/, /^h( ?\w)+ (\w ?)*o$/],
  ['limit', { response: { limitBytes: 4 } }, /^0123 end$/, /^hello$/],
  ['limit of nothing', { response: { limitBytes: 0 } }, /^end$/, /^hello$/],
  ['down, refusing', { down: 'refuse' }, /^ECONNREFUSED$/, /^$/],
  ['down, destroying', { down: 'destroy' }, /^ECONNRESET$/, /^$/],
];

describe('a toxic', () => {
  it.each(TOXICS)('%s', async (_, toxics, seen, received) => {
    await proxy.set(toxics);
    expect(await talk({ patient: !toxics.request?.timeout && !toxics.response?.timeout })).toMatch(seen);
    expect(heard.join(' ')).toMatch(received);
    heard = [];
    await proxy.clear();
    expect(await talk()).toBe(`${ANSWER} end`);
  });

  it('strikes a connection that stands already', async () => {
    const socket = net.connect(Number(new URL(proxy.url).port), '127.0.0.1');
    await new Promise((resolve) => socket.on('connect', resolve));
    while (proxy.connections() === 0) await new Promise((resolve) => setImmediate(resolve));
    const failed = new Promise((resolve) => socket.on('error', resolve));
    await proxy.set({ down: 'destroy' });
    expect(await failed).toMatchObject({ code: 'ECONNRESET' });
  });
});

it('leaves nothing open when it stops', async () => {
  await proxy.set({ request: { timeout: true } });
  const socket = net.connect(Number(new URL(proxy.url).port), '127.0.0.1');
  socket.write('hello');
  while (proxy.connections() === 0) await new Promise((resolve) => setImmediate(resolve));
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.on('error', () => {});
  socket.resume();
  proxy.stop();
  await closed;
  expect(await talk()).toBe('ECONNREFUSED');
});
