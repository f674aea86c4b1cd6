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
import type { Config } from '../config.ts';
import type { Share } from '../memory.ts';
import { currentTraceparent } from '../tracing.ts';
import { type Command, startAttempt } from './command.ts';
import { isUnavailable } from './decoder.ts';
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

export type Transport = ReturnType<typeof createTransport>;

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
/** A timeout that is this late shows a blocked event loop. It does not count for the breaker. */
const LATE_MS = 100;
const inflate = promisify(gunzip);
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
  const endpoint = {
    'http.request.method': 'POST',
    'server.address': url.hostname,
    'server.port': Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
    'url.full': url.href,
  };
  let budget = BUDGET.start;

  const client = got.extend({
    method: 'POST',
    // got would decompress as often as the reply's header says, even thousands of times.
    decompress: false,
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
    timeout: { request: ATTEMPT_TIMEOUT_MS },
  });

  /**
   * Sends a command. Retries a read after a failure that may pass, and a write only if it was certainly not sent.
   * Returns the last reply, also if only the status of a 401, 403, 429 or 5xx arrived. Throws if no usable reply
   * arrived. The caller must release the reply's memory. A probe is retried only after a stale connection, without a
   * pause.
   */
  async function send(command: Command, param: object, session: Session, signal: AbortSignal, isProbe: boolean) {
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
    // Start Node's request ourselves: got would copy headers, body and agent, and write the body a turn later.
    const request = () => {
      const started = startRequest({ ...target, headers, agent });
      started.write(body);
      return started;
    };
    for (let count = 1; ; count++) {
      const outcome = await attempt(command, request, session.share, signal);
      const mayRetry = count < MAX_ATTEMPTS && (!isProbe || outcome.isStale);
      const pauseMs = mayRetry ? pauseBeforeRetry(command, outcome, count, session.endsAt) : undefined;
      if (pauseMs === undefined) {
        if (outcome.error) throw outcome.error;
        return outcome;
      }
      session.share.hold(-outcome.bytes);
      await delay(pauseMs, undefined, { signal }).catch(() => {
        throw abandoned(signal, { sent: !command.write });
      });
      agent = single;
    }
  }

  /**
   * Sends a command once and records the attempt. Returns a whole reply, or an error and the status and `Retry-After` of
   * the reply, if they arrived.
   */
  async function attempt(command: Command, request: () => http.ClientRequest, share: Share, signal: AbortSignal) {
    const endAttempt = startAttempt(command);
    const dueAt = performance.now() + ATTEMPT_TIMEOUT_MS;
    const stream = client.stream(url, { request });
    // An error may also come after the end of the reply.
    stream.on('error', () => {});
    // Node leaves the socket of a 101 to its listeners, and got has one.
    stream.once('upgrade', (_, socket) => {
      socket.destroy();
      stream.destroy(Object.assign(new Error('upgrade'), { code: 'HPE_UPGRADE' }));
    });
    using _ = addAbortListener(signal, () => stream.destroy());
    stream.end();
    let chunks: Uint8Array[] = [];
    let bytes = 0;
    let error: CommandApiError | undefined;

    /**
     * Counts bytes of a reply. A reply to a write is never refused for lack of memory, because it tells the outcome.
     */
    function countBytes(more: number): void {
      if (bytes + more > MAX_REPLY_BYTES) throw tooLarge();
      if (command.write || more <= 0) share.hold(more);
      else if (!share.reserve(more, 'reply')) throw refused('no memory for the reply', { sent: true });
      bytes += more;
    }

    try {
      for await (const chunk of stream) {
        chunks.push(chunk);
        countBytes(chunk.byteLength);
      }
      // Another coding than gzip fails too.
      if (bytes > 0 && (stream.response?.headers['content-encoding'] ?? 'identity') !== 'identity') {
        const inflated = await inflate(Buffer.concat(chunks), { maxOutputLength: MAX_REPLY_BYTES });
        countBytes(inflated.byteLength - bytes);
        chunks = [inflated];
      }
    } catch (thrown) {
      // Whether bytes of the command may have left: the connection was established.
      const sent = stream.timings?.[url.protocol === 'https:' ? 'secureConnect' : 'connect'] !== undefined;
      if (thrown instanceof CommandApiError) error = thrown;
      else error = signal.aborted ? abandoned(signal, { sent }) : explain(thrown as RequestError, sent, dueAt);
      share.hold(-bytes);
      [chunks, bytes] = [[], 0];
    }
    // Also after a whole reply, if the upstream did not read the rest of the command.
    if (error || !stream.writableFinished) stream.destroy();
    const { statusCode: status = 0, headers = {} } = stream.response ?? {};
    endAttempt(error ? { error: error.details.detail } : { status });
    let isCutOff = false;
    if (error && decidesAlone(status, error)) {
      isCutOff = status >= 500 && error.reason === 'unavailable';
      error = undefined;
    }
    // Failed on a kept connection before the head of a reply. Together with a reset, the upstream had probably closed it.
    const isStale = stream.reusedSocket === true && !stream.response;
    return { status, chunks, bytes, retryAfter: headers['retry-after'], error, isStale, isCutOff };
  }

  function explain({ name, cause, code: own = name }: RequestError, sent: boolean, dueAt: number): CommandApiError {
    // got wraps an error that happened while reading the body.
    const code = String((cause as NodeJS.ErrnoException | undefined)?.code ?? own);
    if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge();
    // Bytes that are not HTTP or not gzip. A truncated gzip counts as cut off.
    if (/^(HPE_|Z_)/.test(code) && code !== 'Z_BUF_ERROR')
      return new CommandApiError('invalid', { detail: code, flaw: 'bytes' });
    if (name === 'TimeoutError') {
      // The event loop was blocked, so the reply may already have arrived.
      const inconclusive = performance.now() - dueAt > LATE_MS;
      return new CommandApiError('timeout', { detail: code, sent, inconclusive });
    }
    // A fault in our own code has no code of Node or got.
    const isOurs = code === name || EXHAUSTED.includes(code);
    return new CommandApiError(isOurs ? 'internal' : 'unavailable', { detail: code, sent, inconclusive: isOurs });
  }

  type Outcome = Awaited<ReturnType<typeof attempt>>;

  /** Returns the pause before the next attempt in milliseconds, or undefined if the command must not be retried. */
  function pauseBeforeRetry(command: Command, outcome: Outcome, count: number, endsAt: number): number | undefined {
    const { status, error, retryAfter, isStale } = outcome;
    // A timeout is not transient, even if the head of a 503 arrived: a retry would probably take as long.
    if (!TRANSIENT.includes(error ? error.details.detail : status)) return undefined;
    if (command.write && error?.details.sent !== false) return undefined;
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
      kept.destroy();
    },
  };
}

/** Returns whether a status decides the outcome although its body did not arrive. */
function decidesAlone(status: number, { reason, details }: CommandApiError): boolean {
  if (status === 401 || status === 403) return true;
  return isUnavailable(status) && reason !== 'timeout' && !details.inconclusive;
}

/** Parses `Retry-After`, which is a number of seconds or a date. Returns 0 for a past or invalid value. */
function toMilliseconds(retryAfter = '0'): number {
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Math.max(0, ms || 0);
}
