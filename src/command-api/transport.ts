/**
 * HTTP to the command API: one command, sent again where that is safe and may help. The only user of got.
 */
import http from 'node:http';
import https from 'node:https';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import got, { HTTPError, type RequestError, type RetryObject } from 'got';
import type { Config } from '../config.ts';
import type { Share } from '../memory.ts';
import { currentTraceparent } from '../tracing.ts';
import type { Attempt, Command } from './command.ts';
import type { Reply } from './decoder.ts';
import { abandoned, CommandApiError, noMemory } from './errors.ts';

/** What of the caller's request goes along with each of its commands, and what ends them. */
export interface Session {
  /** `Authorization` as it came, and `traceparent` where there was a valid one. */
  readonly headers: { readonly authorization: string; readonly traceparent: string | undefined };
  /** When the time of the operation is over, on the clock of `performance.now()`. */
  readonly endsAt: number;
  /** Aborts then, and when the caller has gone. */
  readonly readSignal: AbortSignal;
  /** Aborts only when the time is over: what a caller asked to be written goes on without it. */
  readonly writeSignal: AbortSignal;
  /** The operation's part of the memory. */
  readonly share: Share;
}

/** A reply with its size in bytes, inflated, and how many of them are counted in the memory until it is decoded. */
export interface Received extends Reply {
  readonly bytes: number;
  readonly held: number;
}

export type Send = ReturnType<typeof createTransport>['send'];

const PATH = '/api/v1.0/invoke/open-ability/method/user-commands';
/** No more sockets, files or ports for this process: our fault, which says nothing of the command API. */
const EXHAUSTED = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'];
/** How late a timer is where the event loop was held up, and for how long that excuses others. */
const LATE_MS = 100;
const UNKNOWN_CODING = 'unknown content coding';
const UTF8 = new TextDecoder();
/** What may pass by itself. Not a time-out: what took all the time once will take it again. */
const TRANSIENT = {
  statusCodes: [429, 502, 503, 504],
  errorCodes: [
    ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
    // got's name for a body that was cut off, also by a reset.
    ...['ECONNRESET', 'EPIPE', 'ERR_HTTP_CONTENT_LENGTH_MISMATCH'],
  ],
};
/** Pauses are anything up to a bound that doubles, so that those who failed together do not come back together. */
const BACKOFF = { firstMs: 100, mostMs: 2000 };
/** In tenths of a retry: what there is at the start, what each command earns, and what can be saved up. */
const BUDGET = { start: 100, perCommand: 1, most: 1000, perRetry: 10 };

/** Opens nothing until the first command; `close` ends the connections that are kept. */
export function createTransport({ COMMAND_API_URL, ATTEMPT_TIMEOUT_MS, MAX_ATTEMPTS, MAX_REPLY_BYTES }: Config) {
  const url = new URL(PATH, COMMAND_API_URL);
  const kept = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) };
  const single = { http: false, https: false } as const;
  let budget = BUDGET.start;
  let heldUpAt = Number.NEGATIVE_INFINITY;
  let lookedAt = performance.now();
  // Timers run in the order in which they are due: this one before all but the first of those that were held up.
  const watch = setInterval(() => {
    const now = performance.now();
    if (now - lookedAt > 2 * LATE_MS) heldUpAt = now;
    lookedAt = now;
  }, LATE_MS).unref();

  const client = got.extend({
    method: 'POST',
    headers: {
      'user-agent': 'maintenance-subgraph',
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'gzip',
    },
    // got would undo every coding that a reply claims to have, thousands of them too.
    decompress: false,
    // Said, so that NODE_TLS_REJECT_UNAUTHORIZED cannot unsay it.
    https: { rejectUnauthorized: true },
    timeout: { request: ATTEMPT_TIMEOUT_MS },
    followRedirect: false,
    throwHttpErrors: false,
    responseType: 'buffer',
    retry: {
      limit: MAX_ATTEMPTS - 1,
      methods: ['POST'],
      ...TRANSIENT,
      maxRetryAfter: Number.MAX_SAFE_INTEGER,
      calculateDelay: pauseBeforeRetry,
    },
    // Once for all commands: for each of its own, got would check and copy all options anew.
    hooks: {
      beforeRequest: [(options) => void contextOf(options).command.attempts.push({ start: performance.now() })],
      beforeRetry: [leaveKeptConnections],
    },
  });

  /** The next kept connection may be as stale as the last. */
  function leaveKeptConnections({ options }: RequestError): void {
    options.agent = single;
  }

  /** Ends an attempt: how long to wait after it, in milliseconds, or 0 where the command is not sent again all the same. */
  function pauseBeforeRetry({ attemptCount, error, retryAfter = 0 }: RetryObject): number {
    const { command, endsAt } = contextOf(error.options);
    // Now, and not when the next begins: the pause is none of it.
    endAttempt(command, resultOf(error));
    if (isRefusal(error.response?.statusCode) || (command.write && wasSent(error))) return 0;
    // After a quiet while every kept connection may be stale: that is no outage, and spends no budget.
    if (error.request?.reusedSocket && !error.response) return 1;
    const bound = Math.min(BACKOFF.mostMs, BACKOFF.firstMs * 2 ** (attemptCount - 1));
    const pauseMs = retryAfter + Math.max(1, Math.random() * bound);
    if (budget < BUDGET.perRetry || performance.now() + pauseMs >= endsAt) return 0;
    budget -= BUDGET.perRetry;
    return pauseMs;
  }

  /** Whether bytes of a command may have left: its connection stood. */
  function wasSent({ timings }: RequestError): boolean {
    return timings?.[url.protocol === 'https:' ? 'secureConnect' : 'connect'] !== undefined;
  }

  /**
   * Sends a command until it is answered. A read is sent again after what may pass by itself, a write only where it
   * certainly was not sent. Resolves with whatever was answered last; throws where no answer, or too large a one, came.
   * `end`, which is this command's own, gives it up. The memory of the reply is held until the caller gives `held` back.
   */
  async function send(command: Command, param: object, session: Session, end: AbortController): Promise<Received> {
    budget = Math.min(budget + BUDGET.perCommand, BUDGET.most);
    let held = 0;
    const request = client(url, {
      // The router's own span where spans are not exported, so that the trace does not end here.
      headers: { ...session.headers, traceparent: currentTraceparent() ?? session.headers.traceparent },
      body: JSON.stringify({ command: command.name, id: command.id, param }),
      // Each write has a connection of its own: on a kept one that the other side just closed, nobody could tell whether
      // the write was received.
      agent: command.write ? single : kept,
      signal: end.signal,
      context: { command, endsAt: session.endsAt },
    });
    /** Counts a reply of so many bytes. That to a write is never refused: it says what happened. */
    function hold(bytes: number): void {
      // Fewer than before where an attempt begins again.
      const more = bytes - held;
      if (bytes > MAX_REPLY_BYTES) throw tooLarge(command);
      if (more <= 0 || command.write) session.share.add(more);
      else if (!session.share.take(more, 'reply')) throw noMemory(command, 'reply');
      held = bytes;
    }
    request.on('downloadProgress', ({ transferred }) => {
      try {
        hold(transferred);
      } catch (error) {
        end.abort(error);
      }
    });
    let status: number | undefined;
    try {
      const { statusCode, body, headers } = await request;
      status = statusCode;
      endAttempt(command, { status });
      const inflated = await inflate(body, headers['content-encoding'], MAX_REPLY_BYTES);
      hold(inflated.byteLength);
      return { status, text: UTF8.decode(inflated), bytes: inflated.byteLength, held };
    } catch (error) {
      session.share.add(-held);
      const { aborted, reason } = end.signal;
      const cause = reason instanceof CommandApiError ? reason : (error as RequestError | CommandApiError);
      const gaveUp = aborted && cause === error;
      const code = cause instanceof CommandApiError ? cause.details.detail : findCode(cause);
      const timedOut = gaveUp || code === 'ETIMEDOUT';
      const sent = status !== undefined || wasSent(error as RequestError);
      status ??= (error as RequestError).response?.statusCode;
      endAttempt(command, { error: String(code) });
      if (status !== undefined && decidesAlone(status, timedOut)) return { status, text: '', bytes: 0, held: 0 };
      // got's error itself goes no further: it shows the token and the body.
      if (code === undefined || cause instanceof CommandApiError) throw cause;
      if (gaveUp) throw abandoned(command, end.signal, sent);
      if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(command);
      if (isNonsense(code)) throw new CommandApiError(command, 'invalid', { detail: code, flaw: 'bytes' });
      if (EXHAUSTED.includes(code))
        throw new CommandApiError(command, 'internal', { detail: code, sent, gaveUp: true });
      // While this process had other work, the reply may have come: such a time-out says nothing of the command API.
      const isLate = timedOut && performance.now() - heldUpAt < LATE_MS;
      throw new CommandApiError(command, timedOut ? 'timeout' : 'unavailable', { detail: code, sent, gaveUp: isLate });
    }
  }

  function tooLarge(command: Command): CommandApiError {
    return new CommandApiError(command, 'invalid', { detail: 'reply too large', flaw: 'size', limit: MAX_REPLY_BYTES });
  }

  return {
    send,
    close() {
      clearInterval(watch);
      kept.http.destroy();
      kept.https.destroy();
    },
  };
}

/** What `send` gives along with a request. */
function contextOf({ context }: { readonly context: Record<string, unknown> }) {
  return context as { command: Command; endsAt: number };
}

/** A status that came with all of its answer, or why none did. */
function resultOf(error: RequestError): Pick<Attempt, 'status' | 'error'> {
  return error instanceof HTTPError ? { status: error.response.statusCode } : { error: String(findCode(error)) };
}

/** Notes what an attempt came to, if it has not ended before. */
function endAttempt({ attempts }: Command, result: Pick<Attempt, 'status' | 'error'>): void {
  const last = attempts.at(-1);
  if (last && last.seconds === undefined)
    Object.assign(last, { seconds: (performance.now() - last.start) / 1000, ...result });
}

/** Whether a status says no to the token or to the caller, whatever its body says or whether it arrives. */
function isRefusal(status: number | undefined): boolean {
  return status === 401 || status === 403;
}

/** Whether a status says enough although its body did not arrive. */
function decidesAlone(status: number, timedOut: boolean): boolean {
  return isRefusal(status) || (!timedOut && (status === 429 || status >= 500));
}

/** Node's code for what went wrong, which got wraps where it happened while the body was read. */
function findCode({ cause, code }: RequestError): string | undefined {
  const inner = (cause as NodeJS.ErrnoException | undefined)?.code;
  return typeof inner === 'string' ? inner : code;
}

/** Throws an error with a code of zlib's, or `ERR_BUFFER_TOO_LARGE` for more than `maxOutputLength` bytes. */
async function inflate(body: Uint8Array, coding: string | undefined, maxOutputLength: number): Promise<Uint8Array> {
  if (coding === undefined || coding === 'identity') return body;
  if (coding !== 'gzip') throw Object.assign(new Error(), { code: UNKNOWN_CODING });
  return promisify(gunzip)(body, { maxOutputLength });
}

/** The bytes that came are no HTTP, or not in the coding they claim. One that merely ends too early was cut off. */
function isNonsense(code: string): boolean {
  return code === UNKNOWN_CODING || (/^(HPE_|Z_)/.test(code) && code !== 'Z_BUF_ERROR');
}
