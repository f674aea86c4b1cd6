/**
 * The command API as the tests see it: the emulator of dev/ behind a real HTTP server, with whatever fault a test wants
 * in front of it, and a record of every command that arrived.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { answerCommand, readText, serve } from '../../dev/command-api.ts';
import { EXAMPLE, seed } from '../../dev/seed.ts';
import { Store } from '../../dev/store.ts';

export interface Received {
  readonly command: string;
  readonly id: string;
  readonly param: Record<string, unknown>;
  readonly body: string;
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** The remote port of the connection it came on: the same for the same connection. */
  readonly connection: number | undefined;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
}

/** Answers instead of the emulator, or does anything to the response and says so with `'taken'`; undefined lets it pass. */
export type Fault = (received: Received, response: ServerResponse) => Answer | 'taken' | undefined;

export const TOKENS = { first: EXAMPLE.token, second: 'bc45e846ca23ab42c9ae469d988ae32a9' } as const;

export async function startUpstream() {
  const store = new Store(seed());
  const tokens = new Set<string>(Object.values(TOKENS));
  const received: Received[] = [];
  let fault: Fault | undefined;
  let latencyMs = 0;

  const server = await serve(async (request, response) => {
    const body = await readText(request);
    if (latencyMs > 0) await delay(latencyMs);
    const { method, url, headers, socket } = request;
    const one = { ...JSON.parse(body), body, method, url, headers, connection: socket.remotePort } as Received;
    received.push(one);
    const answer = fault?.(one, response);
    if (answer === 'taken') return;
    if (answer) {
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
      response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? ''));
      return;
    }
    const { status, text } = answerCommand(request, body, store, tokens);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(text);
  });

  return {
    ...server,
    store,
    received,
    /** The commands that arrived, each as `name residence [maintenance]`, in order of arrival. */
    commands: () => received.map(({ command, param }) => describeCommand(command, param)),
    /** Puts a fault before the emulator, for good or until the next. */
    fail(next: Fault | undefined) {
      fault = next;
    },
    /** Answers each command that much later from now on. */
    slowDown(milliseconds: number) {
      latencyMs = milliseconds;
    },
    /** Holds up each command from now on. What is returned ends that, and answers them with an empty list. */
    hold() {
      const held: ServerResponse[] = [];
      fault = (_, response) => {
        held.push(response);
        return 'taken';
      };
      return () => {
        fault = undefined;
        for (const response of held) response.end('{"success":true,"result":[]}');
      };
    },
    reset() {
      received.length = 0;
      fault = undefined;
      latencyMs = 0;
      store.residences.clear();
      store.deleted.clear();
      for (const [residenceId, tickets] of seed()) store.residences.set(residenceId, tickets);
    },
  };
}

export type Upstream = Awaited<ReturnType<typeof startUpstream>>;

function describeCommand(command: string, param: Record<string, unknown>): string {
  const maintenances = (param.maintenances as { maintenance_id: string }[] | undefined) ?? [];
  const ids = maintenances.map(({ maintenance_id }) => maintenance_id).join(',');
  return [command, param.residence_id, param.maintenance_id ?? ids].filter((part) => part).join(' ');
}
