/**
 * Sends a command by HTTP, once. The only file that uses got.
 */
import { addAbortListener } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { urlToHttpOptions } from 'node:url';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import got, { type RequestError } from 'got';
import type { Config } from '../config.ts';
import type { MemoryAccount } from '../memory.ts';
import { currentTraceparent } from '../tracing.ts';
import { isUnavailable, type Reply } from './decoder.ts';
import { CommandApiError, ended, unavailable } from './errors.ts';
import type { CommandRecord } from './record.ts';

/** The caller's headers that are forwarded. */
export interface CallerHeaders {
  /** `Authorization`, unchanged. */
  readonly authorization: string;
  /** `traceparent`, if it is valid. */
  readonly traceparent: string | undefined;
}

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

/** Creates the transport. Connects when the first command is sent. `close` ends the kept connections. */
export function createTransport({ COMMAND_API_URL, ATTEMPT_TIMEOUT_MS, MAX_REPLY_BYTES }: Config) {
  const url = new URL(PATH, COMMAND_API_URL);
  const { Agent, request: startRequest } = url.protocol === 'https:' ? https : http;
  const [kept, single] = [new Agent({ keepAlive: true }), new Agent()];
  // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED cannot disable the verification of certificates.
  const target = { ...urlToHttpOptions(url), method: 'POST', rejectUnauthorized: true };

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
   * Sends a command on a kept or a fresh connection, and records the attempt. Returns the reply, also if only the status
   * of a 401, 403, 429 or 5xx arrived. Throws a `CommandApiError` if no usable reply arrived. `replyMemory` counts the reply's
   * bytes; a reply to a write is never refused for lack of memory, because it tells the outcome.
   */
  async function attempt(
    record: CommandRecord,
    body: string,
    caller: CallerHeaders,
    { isFresh, signal, replyMemory }: { isFresh: boolean; signal: AbortSignal; replyMemory: MemoryAccount },
  ): Promise<Reply> {
    const endAttempt = record.startAttempt();
    const dueAt = performance.now() + ATTEMPT_TIMEOUT_MS;
    // Start Node's request ourselves: got would copy headers, body and agent, and write the body a turn later.
    const request = () => {
      // Without a span of our own, forward the router's, so that the trace does not end here.
      const traceparent = currentTraceparent() ?? caller.traceparent;
      const headers = {
        ...HEADERS,
        authorization: caller.authorization,
        'content-length': Buffer.byteLength(body),
        ...(traceparent && { traceparent }),
      };
      const started = startRequest({ ...target, headers, agent: isFresh ? single : kept });
      started.write(body);
      return started;
    };
    const stream = client.stream(url, { request });
    let chunks: Uint8Array[] = [];
    let bytes = 0;
    let error: CommandApiError | undefined;
    const { promise: end, resolve, reject } = Promise.withResolvers<void>();

    /** Adds bytes of the reply. Returns the error of a reply that is too large or has no room. */
    function refuseBytes(more: number): CommandApiError | undefined {
      if (bytes + more > MAX_REPLY_BYTES) return tooLarge();
      if (record.isWrite || more < 0) replyMemory.hold(more);
      else if (!replyMemory.reserve(more, 'reply')) return unavailable('no memory for the reply');
      bytes += more;
      return undefined;
    }

    // Not `for await`, which takes a twentieth of the whole attempt.
    stream.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk);
      const refusal = refuseBytes(chunk.byteLength);
      if (refusal) reject(refusal);
    });
    // An error may also come after the end of the reply.
    stream.on('end', resolve).on('error', reject).end();
    using _ = addAbortListener(signal, reject);

    try {
      await end;
      const coding = stream.response?.headers['content-encoding'];
      // Another coding than gzip fails too.
      if (bytes > 0 && coding && coding.toLowerCase() !== 'identity') {
        const inflated = await inflate(Buffer.concat(chunks), { maxOutputLength: MAX_REPLY_BYTES });
        const refusal = refuseBytes(inflated.byteLength - bytes);
        if (refusal) throw refusal;
        chunks = [inflated];
      }
    } catch (thrown) {
      // Whether bytes of the command may have left: the connection was established.
      const sent = stream.timings?.[url.protocol === 'https:' ? 'secureConnect' : 'connect'] !== undefined;
      // Failed on a kept connection before the head of a reply.
      const isStale = stream.reusedSocket === true && !stream.response;
      if (thrown instanceof CommandApiError) error = thrown;
      else error = signal.aborted ? ended(signal, sent) : explain(thrown as RequestError, { sent, isStale }, dueAt);
      [chunks, bytes] = [[], 0];
    }
    // Also after a whole reply, if the upstream did not read the rest of the command.
    if (error || !stream.writableFinished) stream.destroy();
    const { statusCode: status = 0, headers = {} } = stream.response ?? {};
    endAttempt(error ? { error: error.details.detail } : { status });
    if (error && !decidesAlone(status, error)) throw error;
    const isCutOff = status >= 500 && error?.reason === 'unavailable';
    return { status, chunks, bytes, retryAfter: headers['retry-after'], isCutOff };
  }

  /** Maps an error of got, Node or zlib. `dueAt` is when the attempt had to end. */
  function explain(
    { name, cause, code: own = name }: RequestError,
    connection: { sent: boolean; isStale: boolean },
    dueAt: number,
  ): CommandApiError {
    // got wraps an error that happened while reading the body.
    const detail = String((cause as NodeJS.ErrnoException | undefined)?.code ?? own);
    if (detail === 'ERR_BUFFER_TOO_LARGE') return tooLarge();
    // Bytes that are not HTTP or not gzip. A truncated gzip counts as cut off.
    if (/^(HPE_|Z_)/.test(detail) && detail !== 'Z_BUF_ERROR')
      return new CommandApiError('invalid', { detail, flaw: 'bytes' });
    if (name === 'TimeoutError') {
      // If the event loop was blocked, the reply may already have arrived.
      const isLate = performance.now() - dueAt > LATE_MS;
      return new CommandApiError('timeout', { detail, ...connection, health: isLate ? 'unknown' : 'down' });
    }
    // A fault in our own code has no code of Node or got.
    if (detail === name || EXHAUSTED.includes(detail))
      return new CommandApiError('internal', { detail, ...connection, health: 'unknown' });
    return new CommandApiError('unavailable', { detail, ...connection, health: 'down' });
  }

  function tooLarge(): CommandApiError {
    return new CommandApiError('invalid', { detail: 'reply too large', flaw: 'size', limit: MAX_REPLY_BYTES });
  }

  return {
    attempt,
    /** Attributes of the command API, by OpenTelemetry's conventions for HTTP client spans. */
    endpoint: {
      'http.request.method': 'POST',
      'server.address': url.hostname,
      'server.port': Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
      'url.full': url.href,
    },
    close() {
      kept.destroy();
    },
  };
}

/** Returns whether a status decides the outcome although its body did not arrive. */
function decidesAlone(status: number, { reason, health }: CommandApiError): boolean {
  if (status === 401 || status === 403) return true;
  return isUnavailable(status) && reason !== 'timeout' && health !== 'unknown';
}
