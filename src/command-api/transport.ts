/**
 * Sends commands by HTTP and retries them if that is safe. The only file that uses got.
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

/** The caller's headers, deadline and signals, for all commands of an operation. */
export interface Session {
  /** The caller's `Authorization`, unchanged. */
  readonly authorization: string;
  /** The caller's `traceparent`, if it is valid. */
  readonly traceparent: string | undefined;
  /** The operation's deadline, on the clock of `performance.now()`. */
  readonly endsAt: number;
  /** Aborts at the deadline and when the caller disconnects. */
  readonly readSignal: AbortSignal;
  /** Aborts only at the deadline: a write continues without its caller. */
  readonly writeSignal: AbortSignal;
  /** The memory of the operation. */
  readonly share: Share;
}

/**
 * The result of an attempt: a whole reply, or an error and the status and `Retry-After` of the reply, if they arrived.
 */
interface Outcome extends Reply {
  readonly retryAfter: string | undefined;
  readonly error: CommandApiError | undefined;
  /**
   * Failed on a kept connection before the head of a reply. Together with a reset, the upstream had probably closed it.
   */
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
/**
 * This process has no more sockets, files, ports or buffers. That is our fault and says nothing about the command API.
 */
const EXHAUSTED = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'];
/**
 * A timer that is this late shows a blocked event loop. Attempts that time out within the next 100 ms do not count for
 * the breaker.
 */
const LATE_MS = 100;
const inflate = promisify(gunzip);
const UNKNOWN_CODING = 'unknown content coding';
/** Failures that may pass. */
const TRANSIENT: readonly unknown[] = [
  ...[429, 502, 503, 504],
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  // The last two are got's and zlib's codes for an incomplete body.
  ...['ECONNRESET', 'EPIPE', 'ERR_HTTP_CONTENT_LENGTH_MISMATCH', 'Z_BUF_ERROR'],
];
/** Random pauses up to a bound that doubles, so that failed commands do not all return at once. */
const BACKOFF = { firstMs: 100, mostMs: 2000 };
/** The retry budget, in tenths of a retry: 10 retries at the start, a tenth more per command, 100 at most. */
const BUDGET = { start: 100, perCommand: 1, most: 1000, perRetry: 10 };

/** Creates the transport. Connects when the first command is sent. `close` ends the kept connections. */
export function createTransport({ COMMAND_API_URL, ATTEMPT_TIMEOUT_MS, MAX_ATTEMPTS, MAX_REPLY_BYTES }: Config) {
  const url = new URL(PATH, COMMAND_API_URL);
  const { Agent, request: startRequest } = url.protocol === 'https:' ? https : http;
  const [kept, single] = [new Agent({ keepAlive: true }), new Agent()];
  // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED cannot disable the verification of certificates.
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
  // Timers run in the order of their due times. So after a block, this timer runs before most timeouts of attempts.
  const watch = setInterval(() => {
    const now = performance.now();
    if (now - lookedAt > 2 * LATE_MS) heldUpAt = now;
    lookedAt = now;
  }, LATE_MS).unref();

  const client = got.extend({
    method: 'POST',
    // got would decompress as often as the reply's header says, even thousands of times.
    decompress: false,
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
  });

  /**
   * Sends a command. Retries a read after a failure that may pass, and a write only if it was certainly not sent.
   * Returns the last reply, also if only the status of a 401, 403, 429 or 5xx arrived. Throws if no usable reply
   * arrived. The caller must release the reply's memory.
   */
  async function send(command: Command, param: object, session: Session, signal: AbortSignal): Promise<Reply> {
    budget = Math.min(budget + BUDGET.perCommand, BUDGET.most);
    // Writes need a fresh connection: if the upstream had just closed a kept one, the outcome would be unknown. Retries
    // need one too, because other kept connections may also be closed.
    let agent = command.write ? single : kept;
    const body = JSON.stringify({ command: command.name, id: command.id, param });
    // Without a span of our own, forward the router's, so that the trace does not end here.
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
        .catch(() => Promise.reject(abandoned(signal, { sent: !command.write })))
        .finally(() => session.share.hold(-outcome.bytes));
      agent = single;
    }
  }

  /** Sends a command once and records the attempt. */
  async function attempt(
    command: Command,
    options: http.RequestOptions,
    body: string,
    share: Share,
    signal: AbortSignal,
  ): Promise<Outcome> {
    startAttempt(command);
    const ended = Promise.withResolvers<CommandApiError | undefined>();
    // Start Node's request ourselves: got would copy headers, body and agent, and write the body a turn later.
    const request = () => {
      const started = startRequest(options);
      started.write(body);
      return started;
    };
    const stream = client.stream(url, { request });
    stream.end();
    let chunks: Uint8Array[] = [];
    let bytes = 0;

    /**
     * Counts bytes of a reply. A reply to a write is never refused for lack of memory, because it tells the outcome.
     */
    function countBytes(more: number): CommandApiError | undefined {
      if (bytes + more > MAX_REPLY_BYTES) return tooLarge();
      if (command.write || more <= 0) share.hold(more);
      else if (!share.reserve(more, 'reply')) return refused('no memory for the reply', { sent: true });
      bytes += more;
      return undefined;
    }
    /** Returns whether bytes of the command may have left: the connection was established. */
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
        inconclusive: isOurs,
      });
    }

    stream.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk);
      const error = countBytes(chunk.byteLength);
      if (error) ended.resolve(error);
    });
    stream.once('end', () => ended.resolve(undefined));
    stream.on('error', (error: RequestError) => ended.resolve(explain(findCode(error))));
    const timer = setTimeout(() => {
      // If the event loop was blocked, the reply may already have arrived. Such a timeout says nothing about the
      // command API.
      const inconclusive = performance.now() - heldUpAt < LATE_MS;
      ended.resolve(new CommandApiError('timeout', { detail: 'ETIMEDOUT', sent: wasSent(), inconclusive }));
    }, ATTEMPT_TIMEOUT_MS);
    using _ = addAbortListener(signal, () => ended.resolve(abandoned(signal, { sent: wasSent() })));

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
        error = countBytes(inflated.byteLength - bytes);
        chunks = [inflated];
      }
    }
    // Also after a whole reply, if the upstream did not read the rest of the command.
    if (error || !stream.writableFinished) stream.destroy();
    if (error) {
      share.hold(-bytes);
      [chunks, bytes] = [[], 0];
    }
    endAttempt(command, error ? { error: error.details.detail } : { status });
    const isStale = stream.reusedSocket === true && !stream.response;
    return { status, chunks, bytes, retryAfter: headers['retry-after'], error, isStale };
  }

  /** Returns the pause before the next attempt in milliseconds, or undefined if the command must not be retried. */
  function pauseBeforeRetry(
    { write }: Command,
    { status, error, retryAfter, isStale }: Outcome,
    count: number,
    { endsAt }: Session,
  ): number | undefined {
    if (isRefusal(status) || error?.details.inconclusive || (write && error?.details.sent !== false)) return undefined;
    // A retry would probably take as long, even if the head of a 503 arrived.
    if (error?.reason === 'timeout') return undefined;
    if (!TRANSIENT.includes(status) && !TRANSIENT.includes(error?.details.detail)) return undefined;
    // After an idle time, all kept connections may be closed. That is no outage and costs no budget.
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

/** Returns whether a status refuses the token or the caller, even if its body did not arrive. */
function isRefusal(status: number): boolean {
  return status === 401 || status === 403;
}

/** Returns whether a status decides the outcome although its body did not arrive. */
function decidesAlone(status: number, { reason }: CommandApiError): boolean {
  const hasStoppedWaiting = reason === 'timeout' || reason === 'gone';
  return isRefusal(status) || (!hasStoppedWaiting && (status === 429 || status >= 500));
}

/** Parses `Retry-After`, which is a number of seconds or a date. Returns 0 for a past or invalid value. */
function toMilliseconds(retryAfter = '0'): number {
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Math.max(0, ms || 0);
}

/** Returns Node's error code, which got wraps if the error happened while reading the body. */
function findCode({ cause, code }: RequestError): string {
  const inner = (cause as NodeJS.ErrnoException | undefined)?.code;
  return typeof inner === 'string' ? inner : code;
}

/** Returns whether the bytes are not HTTP or not in the claimed encoding. A truncated gzip counts as cut off. */
function isNonsense(code: string): boolean {
  return code === UNKNOWN_CODING || (/^(HPE_|Z_)/.test(code) && code !== 'Z_BUF_ERROR');
}
