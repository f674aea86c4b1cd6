/**
 * One HTTP exchange with the command API. The only user of got.
 */
import http from 'node:http';
import https from 'node:https';
import got, { RequestError } from 'got';
import type { Reply } from './decoder.ts';
import { type CommandRef, InvalidReplyError, UnreachableError } from './errors.ts';

/** A command on its way: what stands in the body beside its name and id. */
export interface Command extends CommandRef {
  readonly param: Readonly<Record<string, unknown>>;
}

/** What of the caller's request goes along with each of its commands. */
export interface Session {
  /** The `Authorization` header, as it came. */
  readonly authorization: string;
  /** The `traceparent` header, where there was a valid one. */
  readonly traceparent: string | undefined;
  /** Aborts what is under way when the operation's time is over. */
  readonly signal: AbortSignal;
}

export interface TransportOptions {
  /** Scheme, host and port of the command API. */
  readonly origin: string;
  /** How long one exchange may take, in milliseconds. */
  readonly attemptTimeoutMs: number;
}

export type Transport = ReturnType<typeof createTransport>;

const PATH = '/api/v1.0/invoke/open-ability/method/user-commands';
const MAX_REPLY_BYTES = 10 * 1024 * 1024;

/** Opens nothing until the first command; `close` ends the connections that are kept. */
export function createTransport({ origin, attemptTimeoutMs }: TransportOptions) {
  const url = new URL(PATH, origin);
  // The step after which a connection stands, so that bytes of a command may have left.
  const connected = url.protocol === 'https:' ? 'secureConnect' : 'connect';
  const kept = createAgents(true);
  // Each write has a connection of its own: on a kept one that the server just closed, nobody could tell whether the
  // write was received.
  const fresh = createAgents(false);
  const client = got.extend({
    method: 'POST',
    headers: {
      'user-agent': 'maintenance-subgraph',
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'gzip, deflate',
    },
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
  });

  /** Sends a command once. Resolves with whatever was answered; throws where no answer, or too large a one, came. */
  async function send(command: Command, session: Session): Promise<Reply> {
    const time = AbortSignal.any([session.signal, AbortSignal.timeout(attemptTimeoutMs)]);
    const size = new AbortController();
    const request = client(url, {
      headers: { authorization: session.authorization, traceparent: session.traceparent },
      body: JSON.stringify({ command: command.name, id: command.id, param: command.param }),
      agent: command.write ? fresh : kept,
      // An abort, since got's own time-out does not end a request that waits for a socket.
      signal: AbortSignal.any([time, size.signal]),
    });
    request.on('downloadProgress', ({ transferred }) => {
      if (transferred > MAX_REPLY_BYTES) size.abort();
    });
    try {
      const { statusCode, body } = await request;
      return { status: statusCode, text: body };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const status = error.response?.statusCode;
      if (status !== undefined && decidesAlone(status, time.aborted)) return { status, text: '' };
      if (size.signal.aborted) throw new InvalidReplyError(command, { detail: 'reply over 10 MB' });
      const code = findCode(error);
      if (!time.aborted && isNonsense(code)) throw new InvalidReplyError(command, { detail: code });
      // got's error itself goes no further: it shows the token and the body.
      throw new UnreachableError(command, time.aborted ? 'timeout' : 'unavailable', {
        detail: time.aborted ? 'out of time' : code,
        sent: error.timings?.[connected] !== undefined,
      });
    }
  }

  return {
    send,
    close() {
      for (const agent of [kept.http, kept.https, fresh.http, fresh.https]) agent.destroy();
    },
  };
}

function createAgents(keepAlive: boolean) {
  return { http: new http.Agent({ keepAlive }), https: new https.Agent({ keepAlive }) };
}

/** Whether a status says enough although its body did not arrive. */
function decidesAlone(status: number, timedOut: boolean): boolean {
  return status === 401 || status === 403 || (!timedOut && (status === 429 || status >= 500));
}

/** Node's code for what went wrong, which got wraps where it happened while the body was read. */
function findCode({ cause, code }: RequestError): string {
  const inner = (cause as NodeJS.ErrnoException | undefined)?.code;
  return typeof inner === 'string' ? inner : code;
}

/** The bytes that came are no HTTP, or not in the encoding they claim. One that merely ends too early was cut off. */
function isNonsense(code: string): boolean {
  return /^(HPE_|Z_|ERR__|ZSTD_)/.test(code) && code !== 'Z_BUF_ERROR';
}
