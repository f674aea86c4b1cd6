/** An HTTP proxy for tests. Its tunnels lead to this machine, whatever their host. Fails on demand. */
import http from 'node:http';
import net, { type Socket } from 'node:net';
import { listen } from '../../dev/command-api.ts';

/** A number is the status of each response. The last two faults are those of a tunnel. */
export type ProxyFault = number | 'cuts' | 'hangs' | 'babbles' | 'forwards nothing' | 'closes tunnels' | undefined;

/** Starts a proxy on a free port. Its URL has a user and a password. */
export async function startHttpProxy(fault?: ProxyFault) {
  const log: string[] = [];
  const credentials: unknown[] = [];
  const sockets = new Set<Socket>();

  const server = http.createServer();
  server.on('connect', (request, socket: Socket) => {
    log.push(`${request.method} ${request.url}`);
    credentials.push(request.headers['proxy-authorization']);
    // Kept open, as a proxy may do.
    if (typeof fault === 'number') socket.write(`HTTP/1.1 ${fault} No\r\ncontent-length: 0\r\n\r\n`);
    if (fault === 'cuts') socket.end();
    if (fault === 'babbles') socket.write('canary, no HTTP\r\n\r\n');
    const hasTunnel = fault === undefined || fault === 'forwards nothing' || fault === 'closes tunnels';
    if (!hasTunnel) return void socket.on('end', () => socket.end()).resume();
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
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  const { url } = await listen(server);

  return {
    log,
    credentials,
    url: url.replace('127.0.0.1', 'user:canary@localhost'),
    countOpen: () => sockets.size,
    async stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
