/** An HTTP proxy for tests. Its tunnels lead to this machine, whatever their host. Fails on demand. */
import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';

/** A number is the status of each response. The last two faults are those of a tunnel. */
export type ProxyFault =
  | number
  | 'cuts'
  | 'resets'
  | 'hangs'
  | 'babbles'
  | 'forwards nothing'
  | 'closes tunnels'
  | undefined;

/** Starts a proxy on a free port. Its URL has a user and a password. */
export async function startHttpProxy(fault?: ProxyFault) {
  const log: string[] = [];
  const credentials: unknown[] = [];
  const sockets = new Set<Socket>();
  const counter = { connections: 0 };

  /** Records a request. Returns whether it has to be forwarded. */
  function take(request: http.IncomingMessage, fail: (status: number) => void): boolean {
    log.push(`${request.method} ${request.url}`);
    credentials.push(request.headers['proxy-authorization']);
    if (typeof fault === 'number') fail(fault);
    if (fault === 'cuts') request.socket.end();
    if (fault === 'resets') request.socket.resetAndDestroy();
    if (fault === 'babbles') request.socket.write('canary, no HTTP\r\n\r\n');
    return fault === undefined || fault === 'forwards nothing' || fault === 'closes tunnels';
  }

  const server = http.createServer();
  server.on('connect', (request, socket: Socket) => {
    // Kept open, as a proxy may do.
    const fail = (status: number) => socket.write(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
    if (!take(request, fail)) return void socket.on('end', () => socket.end()).resume();
    const onward = net.connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (fault === 'closes tunnels') socket.once('data', () => socket.destroy());
      else if (fault === 'forwards nothing') socket.on('end', () => socket.end()).resume();
      else socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy()).on('close', () => onward.destroy());
  });
  server.on('connection', (socket) => {
    counter.connections++;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    ...{ port, log, credentials, counter },
    url: `http://user:canary@localhost:${port}`,
    countOpen: () => sockets.size,
    async stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
