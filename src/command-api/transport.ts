/**
 * Sends a command by HTTP, once. The only file that uses got.
 */
import { addAbortListener } from 'node:events';
import http, { type Agent } from 'node:http';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import { urlToHttpOptions } from 'node:url';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import got, { RequestError, type Request as Stream } from 'got';
import type { Config } from '../config.ts';
import { SERVICE } from '../version.ts';
import { createConnections } from './connections.ts';
import { CommandApiError, endedBy, invalid, tooLarge } from './failures.ts';

/** The headers of a command that depend on its caller. */
export interface CallerHeaders {
  /** The caller's token, which the command API gets as `Authorization: Bearer <token>`. */
  readonly token: string;
  /** Of the command's span; without spans, the caller's, if it is valid. */
  readonly traceparent: string | undefined;
}

const HEADERS = {
  'user-agent': SERVICE,
  'content-type': 'application/json',
  accept: 'application/json',
  'accept-encoding': 'gzip',
};
const PATH = '/api/v1.0/invoke/open-ability/method/user-commands';
/** got's code for an error without one of Node: probably a bug. */
const NO_CODE = 'ERR_GOT_REQUEST_ERROR';
/** Our fault, which says nothing about the command API: no more sockets, files, ports or buffers. */
const INTERNAL = /^(EMFILE|ENFILE|ENOBUFS|ENOMEM|EADDRNOTAVAIL)$/;
/** An address does not accept a connection: it may belong to another host by now. */
const REFUSED = /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/;
/** Other failures that may pass: also an incomplete body, and refusals of a proxy. */
const TRANSIENT = /^(ENOTFOUND|EAI_AGAIN|ECONNRESET|EPIPE|ERR_HTTP_CONTENT_LENGTH_MISMATCH|Z_BUF_ERROR|50[234])$/;
/** No HTTP, or no gzip. */
const UNREADABLE = /^(HPE_|Z_)/;
/** The messages of hpagent, whose errors have no code, for a proxy that opens no tunnel. */
const PROXY_REFUSAL = /^(?:Bad response: |Proxy )(\d{3}|timeout)$/;
const inflate = promisify(gunzip);

/** Ends an attempt that has taken its time. */
const TIMED_OUT = Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
/** A timeout that is this late shows a blocked event loop: the reply may already have arrived. */
const LATE_MS = 100;

/** The documented replies to writes have 100 bytes. The largest create, with its whole input in escapes, has 97 KB. */
const MAX_WRITE_REPLY_BYTES = 128 * 1024;

interface AttemptOptions {
  readonly isWrite: boolean;
  /** Whether it needs a fresh connection. */
  readonly isFresh: boolean;
  /** Aborts the attempt. */
  readonly signal: AbortSignal;
  /** Holds further bytes of the reply. May throw. */
  readonly hold: (bytes: number) => void;
}

/** What arrived of an HTTP response. */
export interface Reply {
  /** 0 without a head. */
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Inflated. Empty if it did not arrive whole. */
  readonly body: Uint8Array;
  /** Why the body did not arrive whole. */
  readonly broken: CommandApiError | undefined;
}

/** Creates the transport. Connects when the first command is sent. `close` ends the kept connections. */
export function createTransport(config: Config) {
  const { COMMAND_API_URL, ATTEMPT_TIMEOUT_MS, MAX_REPLY_BYTES } = config;
  const url = new URL(PATH, COMMAND_API_URL);
  const isSecure = url.protocol === 'https:';
  const startRequest = isSecure ? https.request : http.request;
  const target = { ...urlToHttpOptions(url), method: 'POST' };
  const { kept, fresh, forgetAddress } = createConnections(config);

  // got would decompress as often as the reply's header says, even thousands of times. It never retries a POST.
  const client = got.extend({ method: 'POST', decompress: false, followRedirect: false, throwHttpErrors: false });

  /**
   * Opens got's stream. Its option `request` starts Node's request with our options: got's own way copies headers, body
   * and agent.
   */
  function open(command: string, { token, traceparent }: CallerHeaders, agent: Agent): Stream {
    const headers = {
      ...HEADERS,
      authorization: `Bearer ${token}`,
      'content-length': Buffer.byteLength(command),
      ...(traceparent && { traceparent }),
    };
    const request = () => startRequest({ ...target, headers, agent });
    return client.stream(url, { request }).end(command);
  }

  /** Returns whether the command can have left: only on an established connection. */
  function isSent({ socket, timings }: Stream): boolean {
    // In a tunnel through a proxy, got does not see that TLS is established.
    return isSecure ? (socket as TLSSocket | undefined)?.authorized === true : timings?.connect !== undefined;
  }

  /** Sends a command on a kept or a fresh connection. Returns what arrived, also after a failure. */
  async function attempt(
    command: string,
    headers: CallerHeaders,
    { isWrite, isFresh, signal, hold }: AttemptOptions,
  ): Promise<Reply> {
    const stream = open(command, headers, isFresh ? fresh : kept);
    // An error may also come after the end of the reply.
    stream.on('error', () => undefined);
    using _ = addAbortListener(signal, () => stream.destroy());
    const dueAt = performance.now() + ATTEMPT_TIMEOUT_MS;
    // Not got's own time limit, which does not end a request that waits for its tunnel.
    using _timer = setTimeout(() => stream.destroy(TIMED_OUT), ATTEMPT_TIMEOUT_MS);
    let body: Uint8Array = Buffer.alloc(0);
    let broken: CommandApiError | undefined;
    try {
      body = await receive(stream, isWrite ? Math.min(MAX_REPLY_BYTES, MAX_WRITE_REPLY_BYTES) : MAX_REPLY_BYTES, hold);
    } catch (error) {
      broken = explain(error, stream, signal, dueAt);
    } finally {
      // Also after a whole reply, if the upstream did not read the rest of the command.
      if (!stream.writableFinished) stream.destroy();
    }
    const { statusCode: status = 0, headers: replyHeaders = {} } = stream.response ?? {};
    return { status, retryAfter: replyHeaders['retry-after'], body, broken };
  }

  /** Receives and inflates a whole body. */
  async function receive(stream: Stream, most: number, hold: (bytes: number) => void): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      bytes += chunk.byteLength;
      if (bytes > most) throw tooLarge();
      hold(chunk.byteLength);
    }
    const received = Buffer.concat(chunks);
    const coding = stream.response?.headers['content-encoding']?.toLowerCase() || 'identity';
    if (bytes === 0 || coding === 'identity') return received;
    if (coding !== 'gzip') throw invalid('bytes', 'unknown coding');
    const inflated = await inflate(received, { maxOutputLength: most });
    hold(Math.max(0, inflated.byteLength - bytes));
    return inflated;
  }

  /** Returns the failure that an error of an attempt means. `dueAt` is when the attempt had to end. */
  function explain(error: unknown, stream: Stream, signal: AbortSignal, dueAt: number): CommandApiError {
    if (error instanceof CommandApiError) return error;
    if (signal.aborted) return endedBy(signal, isSent(stream));
    // got wraps errors.
    const cause = (error instanceof RequestError ? error.cause : error) as NodeJS.ErrnoException | undefined;
    const [, refusal] = PROXY_REFUSAL.exec(cause?.message ?? '') ?? [];
    const code = refusal ?? cause?.code ?? (error as NodeJS.ErrnoException).code ?? NO_CODE;
    // A request gets its socket when the tunnel is established.
    const isOfProxy = config.COMMAND_API_PROXY && !stream.socket;
    const detail = isOfProxy ? `proxy ${code}` : code;
    const details = { detail, isSent: isSent(stream) };
    const health = performance.now() - dueAt > LATE_MS ? 'unknown' : 'down';
    if (cause === TIMED_OUT || code === 'timeout') return new CommandApiError('timeout', { ...details, health });
    if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge();
    if (code === NO_CODE || INTERNAL.test(code)) return new CommandApiError('internal', { ...details, cause });
    if (REFUSED.test(code)) forgetAddress();
    else if (!TRANSIENT.test(code)) {
      if (UNREADABLE.test(code) && !isOfProxy) return invalid('bytes', detail);
      return new CommandApiError('unreachable', { ...details, retry: 'never' });
    }
    // After an idle time, all kept connections may be closed, so this spends no budget.
    const isStale = stream.reusedSocket && !stream.response;
    return new CommandApiError('unreachable', { ...details, ...(isStale && { retry: 'at once' }) });
  }

  return {
    attempt,
    /** Attributes of the command API, by OpenTelemetry's conventions for HTTP client spans. */
    endpoint: {
      'http.request.method': 'POST',
      'server.address': url.hostname,
      'server.port': Number(url.port) || (isSecure ? 443 : 80),
      'url.full': url.href,
    },
    close: () => kept.destroy(),
  };
}
