/**
 * Sends a command by HTTP, once. The only file that uses got.
 */
import { addAbortListener } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import { urlToHttpOptions } from 'node:url';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import got, { RequestError, type Request as Stream } from 'got';
import type { Config } from '../config.ts';
import type { ReplyAccount } from '../memory.ts';
import { createAgents } from './connections.ts';
import { CommandApiError, ended, type FailureKind, noMemoryFor, statusDecides } from './errors.ts';
import type { CommandRecord } from './record.ts';

/** The headers of a command that depend on its caller. */
export interface CallerHeaders {
  /** The caller's token, which the command API gets as `Authorization: Bearer <token>`. */
  readonly token: string;
  /** Of the command's span; without spans, the caller's, if it is valid. */
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
 * Our fault, which says nothing about the command API: no more sockets, files, ports or buffers, or an error without a code of
 * Node, for which got has its own.
 */
const INTERNAL = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'ERR_GOT_REQUEST_ERROR'];
/** Failures that may pass. The last two are got's and zlib's codes for an incomplete body. */
const TRANSIENT = [
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['ECONNRESET', 'EPIPE', 'ERR_HTTP_CONTENT_LENGTH_MISMATCH', 'Z_BUF_ERROR'],
];
const inflate = promisify(gunzip);

/** Ends an attempt that has taken its time. */
const TIMED_OUT = Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
/** A timeout that is this late shows a blocked event loop. */
const LATE_MS = 100;

/** An HTTP response: status, inflated body in chunks, and the body's length in bytes. */
export interface Reply {
  readonly status: number;
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
  readonly retryAfter?: string | undefined;
  /** Whether only the head of a 5xx arrived. */
  readonly isCutOff?: boolean;
}

type Received = Pick<Reply, 'chunks' | 'bytes'>;

/** Creates the transport. Connects when the first command is sent. `close` ends the kept connections. */
export function createTransport(config: Config) {
  const { COMMAND_API_URL, ATTEMPT_TIMEOUT_MS, MAX_REPLY_BYTES } = config;
  const url = new URL(PATH, COMMAND_API_URL);
  const isSecure = url.protocol === 'https:';
  const port = Number(url.port) || (isSecure ? 443 : 80);
  const { Agent, request: startRequest } = isSecure ? https : http;
  const { kept, fresh, hasMoved, isProxied } = createAgents(Agent, { hostname: url.hostname, port }, config);
  const isTunnel = isSecure && isProxied;
  // Without the other parts of the URL, which Node would copy four times per request.
  const { protocol, hostname } = urlToHttpOptions(url);
  // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED cannot disable the verification of certificates.
  const target = { protocol, hostname, port, path: PATH, method: 'POST', rejectUnauthorized: true };

  const client = got.extend({
    method: 'POST',
    // got would decompress as often as the reply's header says, even thousands of times.
    decompress: false,
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
  });

  /** Starts Node's request. got would copy headers, body and agent, and write the body a turn later. */
  function start(body: string, { token, traceparent }: CallerHeaders, isFresh: boolean): http.ClientRequest {
    const headers = {
      ...HEADERS,
      authorization: `Bearer ${token}`,
      'content-length': Buffer.byteLength(body),
      ...(traceparent && { traceparent }),
    };
    const request = startRequest({ ...target, headers, agent: isFresh ? fresh : kept });
    // Early versions of Node 24 emit the error of a tunnel again, after got has stopped listening.
    if (isTunnel) request.on('error', ignore);
    request.write(body);
    return request;
  }

  function open(body: string, headers: CallerHeaders, isFresh: boolean): Stream {
    const stream = client.stream(url);
    // Now, before got starts the request a turn later: it would copy and check an object of options.
    stream.options.request = start.bind(undefined, body, headers, isFresh);
    return stream;
  }

  /** Returns whether the command can have left: only on an established connection. */
  function isSent({ socket, timings }: Stream): boolean {
    // In a tunnel through a proxy, got does not see that TLS is established.
    return isSecure ? (socket as TLSSocket | undefined)?.authorized === true : timings?.connect !== undefined;
  }

  /**
   * Sends a command on a kept or a fresh connection, and records the attempt. Returns the reply, also if only the status
   * of a 401, 403, 429 or 5xx arrived. Throws a `CommandApiError` if no usable reply arrived.
   */
  async function attempt(
    record: CommandRecord,
    body: string,
    headers: CallerHeaders,
    { isFresh, signal, replyMemory }: { isFresh: boolean; signal: AbortSignal; replyMemory: ReplyAccount },
  ): Promise<Reply> {
    const endAttempt = record.startAttempt();
    const startedAt = performance.now();
    const dueAt = startedAt + ATTEMPT_TIMEOUT_MS;
    let stream = open(body, headers, isFresh);
    let received: Received = { chunks: [], bytes: 0 };
    let error: CommandApiError | undefined;
    try {
      try {
        received = await receive(stream, dueAt, signal, replyMemory);
      } catch (thrown) {
        if (thrown instanceof CommandApiError) throw thrown;
        if (!(await unlessAborted(hasMoved(thrown as Error, startedAt), signal))) throw thrown;
        stream = open(body, headers, isFresh);
        received = await receive(stream, dueAt, signal, replyMemory);
      }
    } catch (thrown) {
      if (thrown instanceof CommandApiError) error = thrown;
      else error = signal.aborted ? ended(signal, isSent(stream)) : explain(thrown as RequestError, stream, dueAt);
    }
    // Also after a whole reply, if the upstream did not read the rest of the command.
    if (error || !stream.writableFinished) stream.destroy();
    const { statusCode: status = 0, headers: replyHeaders = {} } = stream.response ?? {};
    endAttempt(error ? { error: error.details.detail } : { status });
    if (error && !statusDecides(status, error)) throw error;
    const isCutOff = error?.kind === 'unreachable' || error?.kind === 'unusable';
    return { ...received, status, retryAfter: replyHeaders['retry-after'], isCutOff };
  }

  /** Receives and inflates a whole reply. */
  async function receive(stream: Stream, dueAt: number, signal: AbortSignal, memory: ReplyAccount): Promise<Received> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const { promise: end, resolve, reject } = Promise.withResolvers<void>();
    // Not `for await`, which takes a twentieth of the whole attempt.
    stream.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk);
      bytes += chunk.byteLength;
      const refusal = addBytes(chunk.byteLength, bytes, memory);
      if (refusal) reject(refusal);
    });
    // An error may also come after the end of the reply.
    stream.on('end', resolve).on('error', reject).end();
    using _ = addAbortListener(signal, reject);
    // got's own time limit does not end a request that waits for its tunnel.
    using _timer = setTimeout(reject, dueAt - performance.now(), TIMED_OUT);
    await end;
    const coding = stream.response?.headers['content-encoding'];
    if (bytes === 0 || !coding || coding.toLowerCase() === 'identity') return { chunks, bytes };
    // Another coding than gzip fails too.
    const inflating = inflate(Buffer.concat(chunks), { maxOutputLength: MAX_REPLY_BYTES });
    // In Node's pool of threads, it may wait behind slow lookups of names.
    const inflated = await unlessAborted(inflating, signal);
    const refusal = addBytes(Math.max(0, inflated.byteLength - bytes), inflated.byteLength, memory);
    if (refusal) throw refusal;
    return { chunks: [inflated], bytes: inflated.byteLength };
  }

  /**
   * Counts bytes of a reply, which has `total` bytes so far. Returns the error of a reply that is too large or has no room.
   */
  function addBytes(more: number, total: number, memory: ReplyAccount): CommandApiError | undefined {
    if (total > MAX_REPLY_BYTES) return tooLarge();
    return memory.receive(more) ? undefined : noMemoryFor('reply');
  }

  /** Returns the failure that an error of got, Node or zlib means. `dueAt` is when the attempt had to end. */
  function explain(error: RequestError | typeof TIMED_OUT, stream: Stream, dueAt: number): CommandApiError {
    const { name, cause, code: own = name } = error;
    // got wraps an error that happened while reading the body. If several addresses failed, the last one decides.
    const reason = (cause as AggregateError | undefined)?.errors?.at(-1) ?? cause;
    const code = String((reason as NodeJS.ErrnoException | undefined)?.code ?? own);
    if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge();
    if (code === 'ERR_PROXY_TUNNEL') return noTunnel(reason as { statusCode?: number });
    let kind: FailureKind = 'unusable';
    if (error === TIMED_OUT) kind = performance.now() - dueAt > LATE_MS ? 'late_timeout' : 'timeout';
    else if (TRANSIENT.includes(code)) kind = stream.reusedSocket && !stream.response ? 'stale' : 'unreachable';
    else if (/^(HPE_|Z_)/.test(code)) kind = 'bytes';
    else if (code === name || INTERNAL.includes(code)) kind = 'internal';
    // Node gives a request its socket when the tunnel is established.
    const isOfProxy = isTunnel && !stream.socket && kind !== 'internal';
    const details = { detail: isOfProxy ? `proxy ${code}` : code, isSent: isSent(stream) };
    if (kind !== 'internal') return new CommandApiError(kind, details);
    // Never got's error, which holds the token and the body.
    return new CommandApiError(kind, details, error instanceof RequestError ? reason : error);
  }

  return {
    attempt,
    /** Attributes of the command API, by OpenTelemetry's conventions for HTTP client spans. */
    endpoint: {
      'http.request.method': 'POST',
      'server.address': url.hostname,
      'server.port': port,
      'url.full': url.href,
    },
    close() {
      kept.destroy();
    },
  };
}

/** Returns the failure of a CONNECT that a proxy refused with a status, of which only 502 may pass, or closed without. */
function noTunnel({ statusCode = 0 }: { statusCode?: number }): CommandApiError {
  const detail = statusCode ? `proxy status ${statusCode}` : 'proxy closed';
  const mayPass = statusCode === 0 || statusCode === 502;
  return new CommandApiError(mayPass ? 'unreachable' : 'unusable', { detail, isSent: false });
}

function ignore(): void {}

function tooLarge(): CommandApiError {
  return new CommandApiError('size', { detail: 'reply too large' });
}

/** Settles like `promise`, or rejects when `signal` aborts. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: result, resolve, reject } = Promise.withResolvers<T>();
  promise.then(resolve, reject);
  using _ = addAbortListener(signal, reject);
  return await result;
}
