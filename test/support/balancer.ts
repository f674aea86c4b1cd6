/**
 * A TCP balancer: each connection goes to the next ready replica, like the endpoints of a Kubernetes Service. It retries nothing.
 */
import net, { type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from './wait.ts';

const POLL_MS = 50;

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/health/ready`).catch(() => undefined);
  await response?.arrayBuffer().catch(() => {});
  return response?.status === 200;
}

export async function startBalancer() {
  /** Origin → whether the last poll found the replica ready. */
  const replicas = new Map<string, boolean>();
  const sockets = new Set<net.Socket>();
  let next = 0;
  let isOver = false;

  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const ready = [...replicas].filter(([, isReady]) => isReady).map(([url]) => url);
    const url = ready[next++ % ready.length];
    if (url === undefined) return void client.resetAndDestroy();
    const { hostname: host, port } = new URL(url);
    const replica = net.connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true });
    connect(client, replica);
    connect(replica, client);
  });
  function connect(from: net.Socket, to: net.Socket): void {
    sockets.add(from);
    from.pipe(to);
    from.on('error', () => to.resetAndDestroy());
    from.on('close', () => sockets.delete(from));
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  async function poll(): Promise<void> {
    while (!isOver) {
      // Wait for all answers: a late answer must not replace a newer one.
      const polls = Array.from(replicas.keys(), async (url) => ({ url, ready: await isReady(url) }));
      for (const { url, ready } of await Promise.all(polls)) if (replicas.has(url)) replicas.set(url, ready);
      await delay(POLL_MS);
    }
  }
  poll();

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Adds a replica and waits until it is ready. */
    async add(url: string): Promise<void> {
      replicas.set(url, false);
      await until(() => replicas.get(url) === true);
    },
    /** Removes a replica that has ended. */
    remove: (url: string) => void replicas.delete(url),
    stop(): void {
      isOver = true;
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
