import net, { type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { type ChaosProxy, startChaosProxy, type Toxics } from '../support/chaos-proxy.ts';
import { until } from '../support/wait.ts';

let server: net.Server;
let received: string[];
let proxy: ChaosProxy;

beforeAll(async () => {
  server = net.createServer((socket) => {
    socket.on('error', () => received.push('error'));
    socket.on('data', (chunk) => {
      received.push(String(chunk));
      if (received.join('').includes('hello')) socket.end('0123456789');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.close();
});
beforeEach(async () => {
  received = [];
  proxy = await startChaosProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterEach(() => proxy.stop());

/** Sends `hello`. Returns the events of the connection in order, with `timer` after 100 ms. Then closes it if `leaves`. */
async function talk(leaves = false): Promise<string> {
  const events: string[] = [];
  const socket = net.connect(Number(new URL(proxy.url).port), '127.0.0.1', () => socket.write('hello'));
  const timer = setTimeout(() => {
    events.push('timer');
    if (leaves) socket.destroy();
  }, 100);
  socket.on('data', (chunk) => events.push(String(chunk)));
  socket.on('end', () => events.push('end'));
  socket.on('error', ({ code }: NodeJS.ErrnoException) => events.push(String(code)));
  await new Promise((resolve) => socket.on('close', resolve));
  clearTimeout(timer);
  return events.join(' ');
}

it.each<[string, Toxics, RegExp, RegExp]>([
  ['latency', { response: { latencyMs: 200 } }, /^timer 0123456789 end$/, /^hello$/],
  ['latency of the request', { request: { latencyMs: 200 } }, /^timer 0123456789 end$/, /^hello$/],
  ['bandwidth', { response: { bytesPerSecond: 50 } }, /^(\d+ )+timer (\d+ )*9 end$/, /^hello$/],
  ['slow close', { response: { slowCloseMs: 200 } }, /^0123456789 timer end$/, /^hello$/],
  ['timeout', { response: { timeout: true } }, /^timer$/, /^hello$/],
  ['timeout of the request', { request: { timeout: true } }, /^timer$/, /^$/],
  ['reset', { response: { resetAfterBytes: 0 } }, /^ECONNRESET$/, /^hello/],
  ['reset after some bytes', { response: { resetAfterBytes: 4 } }, /^0123 ECONNRESET$/, /^hello/],
  ['slicer of the request', { request: { sliceBytes: 1 } }, /^0123456789 end$/, /^h( ?\w)+ (\w ?)*o$/],
  ['limit', { response: { limitBytes: 4 } }, /^0123 end$/, /^hello$/],
  ['down, refusing', { down: 'refuse' }, /^ECONNREFUSED$/, /^$/],
  ['down, destroying', { down: 'destroy' }, /^ECONNRESET$/, /^$/],
])('a toxic has its effect until it is cleared: %s', async (_, toxics, events, request) => {
  await proxy.set(toxics);
  expect(await talk(toxics.request?.timeout || toxics.response?.timeout)).toMatch(events);
  expect(received.join(' ')).toMatch(request);
  received = [];
  await proxy.clear();
  expect(await talk()).toBe('0123456789 end');
});

it.each<[string, () => unknown]>([
  ['a toxic', () => proxy.set({ down: 'destroy' })],
  ['stop()', () => proxy.stop()],
])('%s ends an open connection', async (_, end) => {
  await proxy.set({ request: { timeout: true } });
  const talking = talk();
  await until(() => proxy.connections() === 1);
  await end();
  expect(await talking).toMatch(/^(timer )?(ECONNRESET|end)$/);
});
