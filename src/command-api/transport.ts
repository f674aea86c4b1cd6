/**
 * HTTP to the command API: one command, sent again where that is safe and may help. The only user of got.
 */
import { addAbortListener } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { urlToHttpOptions } from 'node:url';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import got, { type RequestError } from 'got';
import { type Config, readEndpoint } from '../config.ts';
import type { Share } from '../memory.ts';
import { currentTraceparent } from '../tracing.ts';
import { type Command, endAttempt, startAttempt } from './command.ts';
import type { Reply } from './decoder.ts';
import { abandoned, CommandApiError, refused } from './errors.ts';

/** The caller's headers and signals, for each command of its operation. */
export interface Session {
  /** The caller's header, unchanged. */
  readonly authorization: string;
  /** Where there was a valid one. */
  readonly traceparent: string | undefined;
  /** When the time of the operation is over, on the clock of `performance.now()`. */
  readonly endsAt: number;
  /** Aborts then, and when the caller has gone. */
  readonly readSignal: AbortSignal;
  /** Aborts only when the time is over: what a caller asked to be written goes on without it. */
  readonly writeSignal: AbortSignal;
  /** The operation's part of the memory. */
  readonly share: Share;
}

/** What an attempt came to: the answer, of which maybe no more than the head arrived, and then why. */
interface Outcome extends Reply {
  readonly retryAfter: string | undefined;
  readonly error: CommandApiError | undefined;
  /** Failed on a kept connection before any byte of an answer: the other side had closed it, most likely. */
  readonly isStale: boolean;
}

export type Send = ReturnType<typeof createTransport>['send'];

const HEADERS = {
  'user-agent': 'maintenance-subgraph',
  'content-type': 'application/json',
  accept: 'application/json',
  'accept-encoding': 'gzip',
};
const PATH = '/api/v1.0/invoke/open-ability/method/user-commands';
/** No more sockets, files or ports for this process: our fault, which says nothing of the command API. */
const EXHAUSTED = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'];
/** How late a timer is where the event loop was held up, and for how long that excuses others. */
const LATE_MS = 100;
const inflate = promisify(gunzip);
const UNKNOWN_CODING = 'unknown content coding';
/** What may pass by itself. Not a time-out: what took all the time once will take it again. */
const TRANSIENT: readonly unknown[] = [
  ...[429, 502, 503, 504],
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  // got's name for a body that was cut off, also by a reset.
  ...['ECONNRESET', 'EPIPE', 'ERR_HTTP_CONTENT_LENGTH_MISMATCH'],
];
/** Pauses are anything up to a bound that doubles, so that those who failed together do not come back together. */
const BACKOFF = { firstMs: 100, mostMs: 2000 };
/** In tenths of a retry: what there is at the start, what each command earns, and what can be saved up. */
const BUDGET = { start: 100, perCommand: 1, most: 1000, perRetry: 10 };

/** Opens nothing until the first command; `close` ends the connections that are kept. */
export function createTransport({ COMMAND_API_URL, ATTEMPT_TIMEOUT_MS, MAX_ATTEMPTS, MAX_REPLY_BYTES }: Config) {
  const url = new URL(PATH, COMMAND_API_URL);
  const { Agent, request: startRequest } = url.protocol === 'https:' ? https : http;
  const [kept, single] = [new Agent({ keepAlive: true }), new Agent()];
  // Said, so that NODE_TLS_REJECT_UNAUTHORIZED cannot unsay it.
  const target = { ...urlToHttpOptions(url), method: 'POST', rejectUnauthorized: true };
  const { address, port } = readEndpoint(COMMAND_API_URL);
  const endpoint = {
    'http.request.method': 'POST',
    'server.address': address,
    'server.port': port,
    'url.full': url.href,
  };
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
    // got would undo every coding that a reply claims to have, thousands of them too.
    decompress: false,
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
  });

  /**
   * Sends a command. A read is sent again after what may pass by itself, a write only where it certainly was not sent.
   * Resolves with whatever was answered last; throws where no answer, or too large a one, came. The memory of the reply
   * is held until the caller gives it back.
   */
  async function send(command: Command, param: object, session: Session, signal: AbortSignal): Promise<Reply> {
    budget = Math.min(budget + BUDGET.perCommand, BUDGET.most);
    // A write gets a fresh connection: on a kept one that the other side just closed, nobody could tell whether it was
    // received. So does a retry, since the next kept connection may be as stale as the last.
    let agent = command.write ? single : kept;
    const body = JSON.stringify({ command: command.name, id: command.id, param });
    // The router's own span where spans are not exported, so that the trace does not end here.
    const traceparent = currentTraceparent() ?? session.traceparent;
    const headers = {
      ...HEADERS,
      authorization: session.authorization,
      'content-length': Buffer.byteLength(body),
      ...(traceparent && { traceparent }),
    };
    for (let count = 1; ; count++) {
      const outcome = await attempt(command, { ...target, headers, agent }, body, session.share, signal);
      const pauseMs = count < MAX_ATTEMPTS ? pauseBeforeRetry(command, outcome, count, session) : undefined;
      if (pauseMs === undefined) {
        if (outcome.error && !decidesAlone(outcome.status, outcome.error)) throw outcome.error;
        return outcome;
      }
      await delay(pauseMs, undefined, { signal })
        .catch(() => Promise.reject(abandoned(signal, !command.write)))
        .finally(() => session.share.hold(-outcome.bytes));
      agent = single;
    }
  }

  /** Sends a command once, and notes it. */
  async function attempt(
    command: Command,
    options: http.RequestOptions,
    body: string,
    share: Share,
    signal: AbortSignal,
  ): Promise<Outcome> {
    startAttempt(command);
    const ended = Promise.withResolvers<CommandApiError | undefined>();
    // By itself got would merge and copy headers, body and agent for every command, and write the body later.
    const request = () => {
      const started = startRequest(options);
      started.write(body);
      return started;
    };
    const stream = client.stream(url, { request });
    stream.end();
    let chunks: Uint8Array[] = [];
    let bytes = 0;

    /** Counts a reply. That to a write is never refused: it says what happened. */
    function hold(more: number): CommandApiError | undefined {
      if (bytes + more > MAX_REPLY_BYTES) return tooLarge();
      if (command.write || more <= 0) share.hold(more);
      else if (!share.reserve(more, 'reply')) return refused('no memory for the reply', true);
      bytes += more;
      return undefined;
    }
    /** Whether bytes of the command may have left: its connection stood. */
    function wasSent(): boolean {
      return stream.timings?.[url.protocol === 'https:' ? 'secureConnect' : 'connect'] !== undefined;
    }
    function explain(code: string): CommandApiError {
      if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge();
      if (isNonsense(code)) return new CommandApiError('invalid', { detail: code, flaw: 'bytes' });
      const isOurs = EXHAUSTED.includes(code);
      return new CommandApiError(isOurs ? 'internal' : 'unavailable', {
        detail: code,
        sent: wasSent(),
        gaveUp: isOurs,
      });
    }

    stream.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk);
      const error = hold(chunk.byteLength);
      if (error) ended.resolve(error);
    });
    stream.once('end', () => ended.resolve(undefined));
    stream.on('error', (error: RequestError) => ended.resolve(explain(findCode(error))));
    const timer = setTimeout(() => {
      // While this process had other work, the reply may have come: such a time-out says nothing of the command API.
      const gaveUp = performance.now() - heldUpAt < LATE_MS;
      ended.resolve(new CommandApiError('timeout', { detail: 'ETIMEDOUT', sent: wasSent(), gaveUp }));
    }, ATTEMPT_TIMEOUT_MS);
    using _ = addAbortListener(signal, () => ended.resolve(abandoned(signal, wasSent())));

    let error = await ended.promise;
    clearTimeout(timer);
    const { statusCode: status = 0, headers = {} } = stream.response ?? {};
    const coding = headers['content-encoding'] ?? 'identity';
    if (!error && coding !== 'identity') {
      const options = { maxOutputLength: MAX_REPLY_BYTES };
      const inflated =
        coding === 'gzip'
          ? await inflate(Buffer.concat(chunks), options).catch(({ code }) => explain(code))
          : explain(UNKNOWN_CODING);
      if (inflated instanceof CommandApiError) error = inflated;
      else {
        error = hold(inflated.byteLength - bytes);
        chunks = [inflated];
      }
    }
    // Also after a whole answer, where the other side did not take the rest of the command.
    if (error || !stream.writableFinished) stream.destroy();
    if (error) {
      share.hold(-bytes);
      [chunks, bytes] = [[], 0];
    }
    endAttempt(command, error ? { error: error.details.detail } : { status });
    const isStale = stream.reusedSocket === true && !stream.response;
    return { status, chunks, bytes, retryAfter: headers['retry-after'], error, isStale };
  }

  /** How long to wait before a command is sent again, in milliseconds; undefined where it is not. */
  function pauseBeforeRetry(
    { write }: Command,
    { status, error, retryAfter, isStale }: Outcome,
    count: number,
    { endsAt }: Session,
  ): number | undefined {
    if (isRefusal(status) || error?.details.gaveUp || (write && error?.details.sent !== false)) return undefined;
    if (!TRANSIENT.includes(status) && !TRANSIENT.includes(error?.details.detail)) return undefined;
    // After a quiet while every kept connection may be stale: that is no outage, and spends no budget.
    if (isStale) return 0;
    const bound = Math.min(BACKOFF.mostMs, BACKOFF.firstMs * 2 ** (count - 1));
    const pauseMs = toMilliseconds(retryAfter) + Math.random() * bound;
    if (budget < BUDGET.perRetry || performance.now() + pauseMs >= endsAt) return undefined;
    budget -= BUDGET.perRetry;
    return pauseMs;
  }

  function tooLarge(): CommandApiError {
    return new CommandApiError('invalid', { detail: 'reply too large', flaw: 'size', limit: MAX_REPLY_BYTES });
  }

  return {
    send,
    /** Attributes of the command API, by OpenTelemetry's conventions for HTTP client spans. */
    endpoint,
    close() {
      clearInterval(watch);
      kept.destroy();
    },
  };
}

/** Whether a status says no to the token or to the caller, whatever its body says or whether it arrives. */
function isRefusal(status: number): boolean {
  return status === 401 || status === 403;
}

/** Whether a status says enough although its body did not arrive. */
function decidesAlone(status: number, { reason }: CommandApiError): boolean {
  const isOver = reason === 'timeout' || reason === 'gone';
  return isRefusal(status) || (!isOver && (status === 429 || status >= 500));
}

/** `Retry-After`: seconds, or a date. 0 where it is neither, or over. */
function toMilliseconds(retryAfter = '0'): number {
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Math.max(0, ms || 0);
}

/** Node's code for what went wrong, which got wraps where it happened while the body was read. */
function findCode({ cause, code }: RequestError): string {
  const inner = (cause as NodeJS.ErrnoException | undefined)?.code;
  return typeof inner === 'string' ? inner : code;
}

/** Whether the bytes are no HTTP, or not in the coding they claim. A gzip that ends too early counts as cut off. */
function isNonsense(code: string): boolean {
  return code === UNKNOWN_CODING || (/^(HPE_|Z_)/.test(code) && code !== 'Z_BUF_ERROR');
}
