/**
 * A plain TCP balancer: each connection goes to the next replica that says it is ready, as a list of endpoints that a
 * cluster keeps would have it. It tries nothing again.
 */
import net, { type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;

/** Whether the replica at `url` says that it is ready. */
async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/health/ready`).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status === 200;
    },
    () => false,
  );
}

export async function startBalancer() {
  /** Origin → whether it was ready when it was last asked. */
  const replicas = new Map<string, boolean>();
  const sockets = new Set<net.Socket>();
  let watchers: (() => void)[] = [];
  let next = 0;

  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const ready = [...replicas].filter(([, isReady]) => isReady).map(([url]) => url);
    const url = ready[next++ % ready.length];
    if (url === undefined) {
      client.resetAndDestroy();
      return;
    }
    const { hostname, port } = new URL(url);
    const replica = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
    for (const [one, other] of [
      [client, replica],
      [replica, client],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.resetAndDestroy());
      one.on('close', () => sockets.delete(one));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  let isOver = false;
  /** One after the other: an answer that comes late must not take the place of a later one. */
  async function poll(): Promise<void> {
    while (!isOver) {
      await Promise.all(
        Array.from(replicas.keys(), async (url) => {
          const ready = await isReady(url);
          if (replicas.has(url)) replicas.set(url, ready);
        }),
      );
      for (const look of watchers) look();
      await delay(POLL_MS);
    }
  }
  poll();

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Sends to a replica too, and waits until it is seen to be ready. */
    async add(url: string): Promise<void> {
      replicas.set(url, false);
      await new Promise<void>((resolve) => {
        const look = () => {
          if (!replicas.get(url)) return;
          watchers = watchers.filter((watcher) => watcher !== look);
          resolve();
        };
        watchers.push(look);
      });
    },
    /** Forgets a replica that has ended. */
    remove(url: string): void {
      replicas.delete(url);
    },
    stop(): void {
      isOver = true;
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
