import type { Figure } from './figures.ts';
import { holdConnections } from './held-connections.ts';

/** Clients that connect and say nothing, or nothing more: the server closes them after a while. */
export function idleClients(): Promise<Figure[]> {
  return holdConnections([
    { name: 'connected only', first: '' },
    { name: 'half a head', first: 'POST /graphql HTTP/1.1\r\nhost: x\r\n' },
    { name: 'idle after a request', first: 'GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n' },
    { name: 'a body that does not come', first: 'GET /health/live HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n' },
  ]);
}
