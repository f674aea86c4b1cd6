/**
 * Emulates the envelope of the command API as strictly as the vendor's page describes it, so that a wrong request fails loudly.
 * maintenance/emulation.ts emulates the commands.
 */
import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export const PATH = '/api/v1.0/invoke/open-ability/method/user-commands';

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly delayMs?: number;
}

/** A command that is refused with `success: false`, by default as malformed. The vendor promises no code for it. */
export class CommandRefused extends Error {
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/** Runs a command with its parameters. Returns its answer, or undefined if it gets none. Throws a `CommandRefused`. */
export type Run = (command: unknown, param: object) => Answer | undefined;

export const isText = (value: unknown) => typeof value === 'string' && value !== '';

/** Returns the answer of a command that succeeded with this result. */
export const succeed = (result: unknown): Answer => ({ status: 200, text: envelope({ success: true, result }) });

const envelope = (members: object) => JSON.stringify({ timestamp: Date.now(), ...members });

/** Returns the answer to a request with this body, or undefined if it gets none. */
export function answerCommand(
  request: IncomingMessage,
  body: string,
  tokens: ReadonlySet<string>,
  run: Run,
): Answer | undefined {
  try {
    checkEnvelope(request, tokens);
    const { command, id, param, ...rest } = Object(JSON.parse(body));
    if (Object.keys(rest).length > 0) throw new CommandRefused(`unknown members: ${Object.keys(rest)}`);
    if (!isText(id)) throw new CommandRefused('id is not a string');
    return run(command, Object(param));
  } catch (error) {
    // A SyntaxError is of a body that is no JSON.
    if (!(error instanceof CommandRefused || error instanceof SyntaxError)) throw error;
    const { message, status = 400 } = error as Partial<CommandRefused>;
    return { status, text: envelope({ success: false, message }) };
  }
}

function checkEnvelope({ method, url, headers }: IncomingMessage, tokens: ReadonlySet<string>): void {
  if (url !== PATH) throw new CommandRefused(`no such path: ${url}`, 404);
  if (method !== 'POST') throw new CommandRefused(`not POST but ${method}`, 405);
  if (headers['content-type'] !== 'application/json') throw new CommandRefused('Content-Type is not application/json');
  if (headers.accept !== 'application/json') throw new CommandRefused('Accept is not application/json');
  const [, token] = /^Bearer (\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (token === undefined || !tokens.has(token)) throw new CommandRefused('the access token is not valid', 401);
}

/** Serves a listener, by default on a free port of the loopback interface. Rejects with Node's error. */
export const serve = (listener: RequestListener, port?: number, host?: string) =>
  listen(http.createServer(listener), port, host);

/**
 * Makes a server listen, as `serve` does. Idle connections stay open longer than Node's 5 s, so that clients, and not the
 * speed of the machine, decide how long to keep them.
 */
export async function listen(server: http.Server, port = 0, host = '127.0.0.1') {
  server.keepAliveTimeout = 120_000;
  await once(server.listen(port, host), 'listening');
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Returns `port`, or a free port for 0. Rejects with Node's error if another process uses the port. */
export async function freePort(port = 0, host = '127.0.0.1'): Promise<number> {
  // Below the ports that connections get: one of them could take the port before its user listens.
  const { url, stop } = await serve(() => {}, port || 20_000 + Math.floor(12_000 * Math.random()), host);
  await stop();
  return Number(new URL(url).port);
}
