/**
 * A TCP proxy that disturbs its connections on demand. A toxic applies to open and to new connections until it is cleared.
 */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Toxics of one direction of each connection. Bytes are counted from the time when the toxic was set. */
interface StreamToxics {
  /** The delay of each chunk. */
  readonly latencyMs?: number;
  /** The maximum size of each packet. */
  readonly sliceBytes?: number;
  /** Drops all bytes, and the end of the stream. */
  readonly timeout?: boolean;
  /** Resets both sides after this many bytes. */
  readonly resetAfterBytes?: number;
  /** Closes both sides after this many bytes. */
  readonly limitBytes?: number;
}

export interface Toxics {
  /** `refuse` does not listen, and keeps open connections. `destroy` resets open and new connections. */
  readonly down?: 'refuse' | 'destroy';
  readonly request?: StreamToxics;
  readonly response?: StreamToxics;
}

/** Starts a proxy to the origin `target`, on a free port of the loopback interface. */
export async function startChaosProxy(target: string) {
  const { hostname: host, port: targetPort } = new URL(target);
  const sockets = new Set<net.Socket>();
  const stopping = new AbortController();
  let toxics: Toxics = {};
  let port = 0;
  let server = await listen();

  async function listen(): Promise<net.Server> {
    const listener = net.createServer({ allowHalfOpen: true, noDelay: true }, accept).listen(port, '127.0.0.1');
    await once(listener, 'listening');
    ({ port } = listener.address() as AddressInfo);
    return listener;
  }

  function accept(client: net.Socket): void {
    const upstream = net.connect({ host, port: Number(targetPort), allowHalfOpen: true, noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // The pump that uses the socket handles the error.
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    if (toxics.down) reset(client, upstream);
    else {
      pump(client, upstream, 'request');
      pump(upstream, client, 'response');
    }
  }

  async function pump(from: net.Socket, to: net.Socket, direction: 'request' | 'response'): Promise<void> {
    let since = toxics;
    let passed = 0;
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        if (since !== toxics) [since, passed] = [toxics, 0];
        const { latencyMs, sliceBytes, timeout, resetAfterBytes, limitBytes } = toxics[direction] ?? {};
        if (timeout) continue;
        if (latencyMs) await wait(latencyMs);
        const most = (resetAfterBytes ?? limitBytes ?? Number.POSITIVE_INFINITY) - passed;
        const passing = chunk.subarray(0, most);
        passed += passing.length;
        const step = sliceBytes ?? passing.length;
        for (let start = 0; start < passing.length; start += step) {
          await write(to, passing.subarray(start, start + step));
          // Else the receiver could read two pieces together.
          if (sliceBytes) await wait(2);
        }
        if (chunk.length < most) continue;
        if (resetAfterBytes !== undefined) return reset(from, to);
        to.destroySoon();
        from.destroy();
        return;
      }
      // Drop the end too, until the receiver closes the connection.
      if (toxics[direction]?.timeout && !to.readableEnded) await once(to, 'end', { signal: stopping.signal });
      to.end();
    } catch {
      // One side was reset, or the proxy stops.
      reset(from, to);
    }
  }

  function wait(ms: number): Promise<void> {
    return delay(ms, undefined, { signal: stopping.signal });
  }

  /** Replaces the toxics. Resolves when the proxy listens, or refuses connections. */
  async function set(next: Toxics): Promise<void> {
    toxics = next;
    if (next.down === 'refuse') server.close();
    else if (!server.listening) server = await listen();
    if (next.down === 'destroy') reset(...sockets);
  }

  return {
    url: `http://127.0.0.1:${port}`,
    set,
    clear: () => set({}),
    stop(): void {
      stopping.abort();
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

export type ChaosProxy = Awaited<ReturnType<typeof startChaosProxy>>;

function write(to: net.Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => to.write(bytes, (error) => (error ? reject(error) : resolve())));
}

function reset(...sockets: net.Socket[]): void {
  for (const socket of sockets) socket.resetAndDestroy();
}
