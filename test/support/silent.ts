/** An address that swallows connections: no one accepts them, and the queue of the socket is full. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const SWALLOW = `
  const net = require('node:net');
  const [port, host] = [Number(process.argv[1]), process.argv[2]];
  const server = net.createServer().listen({ port, host, backlog: 1 }, () => {
    for (let count = 0; count < 4; count++) net.connect(server.address().port, host);
    // After the connections have begun, and before this process could accept one.
    process.nextTick(() => {
      require('node:fs').writeSync(1, 'full');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });
  });`;

/** Swallows connections to a loopback address. */
export async function swallow(host: string, port: number) {
  const child: ChildProcess = spawn(process.execPath, ['--eval', SWALLOW, String(port), host]);
  await Promise.race([
    once(child.stdout as NodeJS.ReadableStream, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error(`cannot listen at ${host}:${port}`))),
  ]);
  return { stop: async () => void child.kill('SIGKILL') };
}
