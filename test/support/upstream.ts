/**
 * The fake command API: the emulator of dev/ behind a real HTTP server. Tests put faults in front of it, and it records
 * every command that arrives.
 */
import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import https from 'node:https';
import { text as readText } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { answerCommand, listen } from '../../dev/command-api.ts';
import { runIn } from '../../dev/maintenance/emulation.ts';
import { EXAMPLE, seed } from '../../dev/maintenance/seed.ts';
import { Store } from '../../dev/maintenance/store.ts';

/** A command with its HTTP request. The remote port identifies the connection. */
export interface Received extends Pick<IncomingMessage, 'method' | 'url' | 'headers'> {
  readonly command: string;
  readonly id: string;
  readonly param: Record<string, unknown>;
  readonly body: string;
  readonly connection: number | undefined;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  /** A string is sent unchanged, anything else as JSON. */
  readonly body?: unknown;
}

/** Returns an answer to send instead of the emulator's, `'taken'` if it handles the response itself, or undefined. */
export type Fault = (received: Received, response: ServerResponse) => Answer | 'taken' | undefined;

/** Returns a fault that handles the response itself. */
export const act =
  (handle: (response: ServerResponse) => unknown): Fault =>
  (_, response) => {
    handle(response);
    return 'taken';
  };

/** Returns a fault: the first commands get these answers or statuses, or are cut off, and the other commands pass. */
export function inTurn(...answers: (Answer | number | 'cut')[]): Fault {
  return (_, response) => {
    const answer = answers.shift();
    if (answer !== 'cut') return typeof answer === 'number' ? { status: answer } : answer;
    response.destroy();
    return 'taken';
  };
}

/** A held command: answers it, by default with success and an empty result, or tells whether its connection is closed. */
export interface Held {
  readonly release: (body?: string, coding?: 'gzip') => void;
  readonly isClosed: () => boolean;
}

type Certificate = Readonly<Record<'key' | 'cert', string>>;
interface Listening {
  readonly tls?: Certificate;
  readonly host?: string;
  readonly port?: number;
}

export const TOKENS = { first: EXAMPLE.token, second: 'bc45e846ca23ab42c9ae469d988ae32a9' } as const;

/** Starts the fake, by default on a free port, and with TLS if it gets a certificate. */
export async function startUpstream({ tls, host = '127.0.0.1', port = 0 }: Listening = {}) {
  const store = new Store(seed());
  const run = runIn(store);
  const tokens = new Set<string>(Object.values(TOKENS));
  const received: Received[] = [];
  const handshakes: boolean[] = [];
  let fault: Fault | undefined;

  const listener: RequestListener = async (request, response) => {
    const body = await readText(request);
    const { method, url, headers, socket } = request;
    const command: Received = { ...JSON.parse(body), body, method, url, headers, connection: socket.remotePort };
    received.push(command);
    const answer = fault?.(command, response);
    if (answer === 'taken') return;
    if (!answer) {
      const reply = answerCommand(request, body, tokens, run);
      if (reply) response.writeHead(reply.status, { 'content-type': 'application/json' }).end(reply.text);
      return;
    }
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? ''));
  };
  const server = tls ? https.createServer(tls, listener) : http.createServer(listener);
  server.on('secureConnection', (socket: TLSSocket) => handshakes.push(socket.isSessionReused()));
  const { url, stop } = await listen(server, port, host);

  return {
    // With TLS, a test decides which of this machine's names a client uses.
    url: tls ? `https://localhost:${new URL(url).port}` : url,
    stop,
    useCertificate: (next: Certificate) => (server as https.Server).setSecureContext(next),
    refuse: () => void server.close(),
    /** Listens again at the same address, unless it still listens. */
    async restart() {
      if (!server.listening) await once(server.listen(Number(new URL(url).port), host), 'listening');
    },
    store,
    received,
    /** For each connection with TLS, whether it resumed the session of an earlier one. */
    handshakes,
    /** Returns the commands in order of arrival, each as `name residence [maintenance]`. */
    commands: () => received.map(describeCommand),
    fail(next: Fault | undefined) {
      fault = next;
    },
    /**
     * Holds each further command, or only those with these names. Returns the held commands in order of arrival, with a
     * method that answers all of them, and holds no more.
     */
    hold(...names: string[]): Held[] & { end(): void } {
      const held: Held[] = [];
      fault = ({ command }, response) => {
        if (names.length > 0 && !names.includes(command)) return undefined;
        const success = `{"success":true,"result":${command === 'get_maintenance_list' ? '[]' : '{}'}}`;
        const release: Held['release'] = (body = success, coding = undefined) => {
          if (response.writableEnded) return;
          response.writeHead(200, coding && { 'content-encoding': coding }).end(coding ? gzipSync(body) : body);
        };
        held.push({ release, isClosed: () => response.closed });
        return 'taken';
      };
      const end = () => {
        fault = undefined;
        for (const { release } of held) release();
      };
      return Object.assign(held, { end });
    },
    reset() {
      received.length = 0;
      handshakes.length = 0;
      fault = undefined;
      store.residences.clear();
      for (const [residenceId, tickets] of seed()) store.residences.set(residenceId, tickets);
    },
  };
}

export type Upstream = Awaited<ReturnType<typeof startUpstream>>;

function describeCommand({ command, param }: Received): string {
  const maintenances = (param.maintenances as { maintenance_id: string }[] | undefined) ?? [];
  const ids = maintenances.map(({ maintenance_id }) => maintenance_id).join(',');
  return [command, param.residence_id, param.maintenance_id ?? ids].filter((part) => part).join(' ');
}
