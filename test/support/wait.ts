import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Resolves once the condition holds; a test in which it never does runs out of time. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(5);
}

/** A port of the loopback interface that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
