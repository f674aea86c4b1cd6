/**
 * Two replicas behind a TCP balancer, and their replacement under load. Each connection goes to the next ready replica, like the
 * endpoints of a Kubernetes Service. The balancer retries nothing.
 */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Replica, startReplica } from './replica.ts';
import { until } from './wait.ts';

const POLL_MS = 50;

/** Starts two replicas before a command API. */
export async function startFleet(commandApiUrl: string, env: NodeJS.ProcessEnv) {
  /** The origins of the replicas that their last poll found ready. */
  const ready = new Set<string>();
  let next = 0;

  /** Polls a replica until it is out of reach. Connections then fail until its process has ended. */
  async function poll({ url, exit }: Replica): Promise<void> {
    for (let status = 200; status > 0; await delay(POLL_MS)) {
      const polled = fetch(`${url}/health/ready`).then((response) => response.text().then(() => response.status));
      status = await polled.catch(() => 0);
      if (status === 200) ready.add(url);
      else if (status > 0) ready.delete(url);
    }
    await exit;
    ready.delete(url);
  }
  async function start(): Promise<Replica> {
    const replica = await startReplica(commandApiUrl, env);
    poll(replica);
    await until(() => ready.has(replica.url));
    return replica;
  }
  const running = await Promise.all([start(), start()]);

  const balancer = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const url = [...ready][next++ % ready.size];
    if (url === undefined) return void client.resetAndDestroy();
    const { hostname: host, port } = new URL(url);
    const replica = net.connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true });
    client.pipe(replica).pipe(client);
    client.on('error', () => replica.resetAndDestroy());
    replica.on('error', () => client.resetAndDestroy());
  });
  await once(balancer.listen(0, '127.0.0.1'), 'listening');

  return {
    url: `http://127.0.0.1:${(balancer.address() as AddressInfo).port}`,
    /** Starts a replica and stops an old one, for each of them. Returns the exit codes of the old replicas. */
    async replaceAll(): Promise<unknown[]> {
      const exits: unknown[] = [];
      for (const old of [...running]) {
        running.push(await start());
        exits.push(await old.stop());
      }
      return exits;
    },
    stop(): void {
      balancer.close();
      for (const { kill } of running) kill('SIGKILL');
    },
  };
}
