/**
 * A TCP proxy that does harm on demand, to stand between two parties. What it does is set and cleared while it runs, and
 * holds for connections that stand already as well as for new ones.
 */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Harm to the bytes of one direction of each connection. Numbers of bytes count from when the toxic was set. */
export interface StreamToxics {
  /** Waits before it passes on each chunk. */
  readonly latencyMs?: number;
  readonly bytesPerSecond?: number;
  /** Passes on pieces of at most so many bytes, each in a packet of its own. */
  readonly sliceBytes?: number;
  /** Waits before it passes on the end of the stream. */
  readonly slowCloseMs?: number;
  /** Swallows everything, the end of the stream too. */
  readonly timeout?: boolean;
  /** Resets both sides once so many bytes have passed; 0 passes none. */
  readonly resetAfterBytes?: number;
  /** Closes both sides once so many bytes have passed; 0 passes none. */
  readonly limitBytes?: number;
}

export interface Toxics {
  /** `refuse` does not listen, and leaves alone the connections that stand; `destroy` resets these and all new ones. */
  readonly down?: 'refuse' | 'destroy';
  /** What the client says. */
  readonly request?: StreamToxics;
  /** What the server says. */
  readonly response?: StreamToxics;
}

/** Stands before the server at `target`, an origin, on a free port of the loopback interface. */
export async function startChaosProxy(target: string) {
  const { hostname, port: targetPort } = new URL(target);
  const sockets = new Set<net.Socket>();
  const stopping = new AbortController();
  let toxics: Toxics = {};
  let port = 0;
  let connections = 0;
  let server = await listen();

  async function listen(): Promise<net.Server> {
    const listener = net.createServer({ allowHalfOpen: true, noDelay: true }, accept);
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, '127.0.0.1', resolve);
    });
    ({ port } = listener.address() as AddressInfo);
    return listener;
  }

  function accept(client: net.Socket): void {
    connections++;
    const upstream = net.connect({ host: hostname, port: Number(targetPort), allowHalfOpen: true, noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // Also said by the pump that reads or writes it, which deals with it.
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    if (toxics.down) {
      reset(client, upstream);
      return;
    }
    pump(client, upstream, 'request');
    pump(upstream, client, 'response');
  }

  async function pump(from: net.Socket, to: net.Socket, direction: 'request' | 'response'): Promise<void> {
    let since = toxics;
    let passed = 0;
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        if (since !== toxics) [since, passed] = [toxics, 0];
        const { latencyMs, bytesPerSecond, timeout, resetAfterBytes, limitBytes, ...rest } = toxics[direction] ?? {};
        if (timeout) continue;
        if (latencyMs) await wait(latencyMs);
        const most = (resetAfterBytes ?? limitBytes ?? Number.POSITIVE_INFINITY) - passed;
        const passing = chunk.subarray(0, most);
        passed += passing.length;
        const step = rest.sliceBytes ?? (bytesPerSecond ? Math.ceil(bytesPerSecond / 20) : passing.length);
        for (let start = 0; start < passing.length; start += step) {
          const piece = passing.subarray(start, start + step);
          if (bytesPerSecond) await wait((piece.length / bytesPerSecond) * 1000);
          await write(to, piece);
          // So that the pieces are not read together.
          if (rest.sliceBytes) await wait(2);
        }
        if (chunk.length < most) continue;
        if (resetAfterBytes !== undefined) return reset(from, to);
        to.destroySoon();
        from.destroy();
        return;
      }
      const { slowCloseMs, timeout } = toxics[direction] ?? {};
      if (slowCloseMs) await wait(slowCloseMs);
      // The end is swallowed too, until the one who waits for it gives up.
      if (timeout && !to.readableEnded) await once(to, 'end', { signal: stopping.signal });
      to.end();
    } catch {
      // One side was reset, or the proxy stops.
      reset(from, to);
    }
  }

  function wait(ms: number): Promise<void> {
    return delay(ms, undefined, { signal: stopping.signal });
  }

  /** Takes the place of the toxics before. Resolves when it refuses, or listens again. */
  async function set(next: Toxics): Promise<void> {
    toxics = next;
    if (next.down === 'refuse') server.close();
    else if (!server.listening) server = await listen();
    if (next.down === 'destroy') reset(...sockets);
  }

  return {
    url: `http://127.0.0.1:${port}`,
    /** How many connections were taken so far. Those that were refused nobody can count here. */
    connections: () => connections,
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
