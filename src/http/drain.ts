/**
 * Sends every response under way whole during shutdown, to a slow reader too. `close` of Node's HTTP server
 * destroys connections whose response is ended but not sent yet: it counts them as idle.
 */
import type http from 'node:http';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

// A request may still be on its way. A packet that is lost is sent again after 200 ms.
const LAST_REQUEST_MS = 300;

/**
 * Stops listening, and closes all connections when all requests are answered and their operations have ended, at the
 * latest 300 ms after `timeoutMs`.
 */
export async function drain(server: http.Server, countUnfinished: () => number, timeoutMs: number): Promise<void> {
  // Only the listener: see above.
  net.Server.prototype.close.call(server);
  const endsAt = performance.now() + timeoutMs;
  do await delay(LAST_REQUEST_MS);
  while (countUnfinished() > 0 && performance.now() < endsAt);
  // Also those that have sent nothing or half of a request.
  server.closeAllConnections();
}
