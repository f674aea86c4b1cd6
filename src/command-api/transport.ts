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
import type { ReplyAccount } from '../memory.ts';
import { createConnections } from './connections.ts';
import { CommandApiError, ended, invalid, noRoom, tooLarge } from './failures.ts';
import { untilAborted } from './until-aborted.ts';

/** The headers of a command that depend on its caller. */
interface CallerHeaders {
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
const NO_CODE = 'ERR_GOT_REQUEST_ERROR';
const INTERNAL = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', NO_CODE];
/** The address may belong to another host by now. */
const REFUSED = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'];
/** Other failures that may pass. The last two are got's and zlib's codes for an incomplete body. */
const TRANSIENT = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNRESET', 'EPIPE', 'ERR_HTTP_CONTENT_LENGTH_MISMATCH', 'Z_BUF_ERROR'];
/** The messages of hpagent, whose errors have no code, for a proxy that opens no tunnel. */
const PROXY_REFUSAL = /^(?:Bad response: |Proxy )(\d{3}|timeout)$/;
const inflate = promisify(gunzip);

/** Ends an attempt that has taken its time. */
const TIMED_OUT = Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
/** A timeout that is this late shows a blocked event loop: the reply may already have arrived. */
const LATE_MS = 100;

/** What arrived of an HTTP response. */
export interface Reply {
  /** 0 without a head. */
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The inflated body, and its length. */
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
  /** Why the body did not arrive whole. */
  readonly broken?: CommandApiError;
}

type Body = Pick<Reply, 'chunks' | 'bytes'>;

/** Creates the transport. Connects when the first command is sent. `close` ends the kept connections. */
export function createTransport(config: Config) {
  const { COMMAND_API_URL, ATTEMPT_TIMEOUT_MS, MAX_REPLY_BYTES } = config;
  const url = new URL(PATH, COMMAND_API_URL);
  const isSecure = url.protocol === 'https:';
  const startRequest = isSecure ? https.request : http.request;
  // Without the other parts of the URL, which Node would copy four times per request.
  const { protocol, hostname, port } = urlToHttpOptions(url);
  // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED cannot disable the verification of certificates.
  const target = { protocol, hostname, port, path: PATH, method: 'POST', rejectUnauthorized: true };
  const { kept, fresh, forgetAddress } = createConnections(config);

  const client = got.extend({
    method: 'POST',
    // got would decompress as often as the reply's header says, even thousands of times.
    decompress: false,
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
  });

  /**
   * Opens got's stream. Its option `request` starts Node's request with our options: got's way from its own options to
   * Node's costs a third of an attempt.
   */
  function open(body: string, { token, traceparent }: CallerHeaders, agent: Agent): Stream {
    const headers = {
      ...HEADERS,
      authorization: `Bearer ${token}`,
      'content-length': Buffer.byteLength(body),
      ...(traceparent && { traceparent }),
    };
    const request = () => startRequest({ ...target, headers, agent });
    return client.stream(url, { request }).end(body);
  }

  /** Returns whether the command can have left: only on an established connection. */
  function isSent({ socket, timings }: Stream): boolean {
    // In a tunnel through a proxy, got does not see that TLS is established.
    return isSecure ? (socket as TLSSocket | undefined)?.authorized === true : timings?.connect !== undefined;
  }

  /** Sends a command on a kept or a fresh connection. Returns what arrived. */
  async function attempt(
    body: string,
    headers: CallerHeaders,
    { isFresh, signal, replyMemory }: { isFresh: boolean; signal: AbortSignal; replyMemory: ReplyAccount },
  ): Promise<Reply> {
    const stream = open(body, headers, isFresh ? fresh : kept);
    // An error may also come after the end of the reply.
    stream.on('error', ignore);
    using _ = addAbortListener(signal, () => stream.destroy());
    const dueAt = performance.now() + ATTEMPT_TIMEOUT_MS;
    // Not got's own time limit, which does not end a request that waits for its tunnel.
    using _timer = setTimeout(() => stream.destroy(TIMED_OUT), ATTEMPT_TIMEOUT_MS);
    let received: Body = { chunks: [], bytes: 0 };
    let broken: CommandApiError | undefined;
    try {
      received = await receive(stream, signal, replyMemory);
    } catch (error) {
      if (error instanceof CommandApiError) broken = error;
      else broken = signal.aborted ? ended(signal, isSent(stream)) : explain(error as Error, stream, dueAt);
    } finally {
      // Also after a whole reply, if the upstream did not read the rest of the command.
      if (broken || !stream.writableFinished) stream.destroy();
    }
    const { statusCode: status = 0, headers: replyHeaders = {} } = stream.response ?? {};
    return { ...received, status, retryAfter: replyHeaders['retry-after'], ...(broken && { broken }) };
  }

  /** Receives and inflates a whole body. */
  async function receive(stream: Stream, signal: AbortSignal, memory: ReplyAccount): Promise<Body> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    /** Counts bytes of the body, which has `total` so far. */
    const count = (more: number, total: number) => {
      if (total > MAX_REPLY_BYTES) throw tooLarge();
      if (!memory.receive(more)) throw noRoom('no memory for the reply');
    };
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      bytes += chunk.byteLength;
      count(chunk.byteLength, bytes);
    }
    const coding = stream.response?.headers['content-encoding']?.toLowerCase() ?? 'identity';
    if (bytes === 0 || coding === 'identity') return { chunks, bytes };
    if (coding !== 'gzip') throw invalid('bytes', 'unknown coding');
    const inflating = inflate(Buffer.concat(chunks), { maxOutputLength: MAX_REPLY_BYTES });
    // In Node's pool of threads, it may wait behind slow lookups of names.
    const inflated = await untilAborted(inflating, signal);
    count(Math.max(0, inflated.byteLength - bytes), inflated.byteLength);
    return { chunks: [inflated], bytes: inflated.byteLength };
  }

  /** Returns the failure that an error of got, Node, zlib or hpagent means. `dueAt` is when the attempt had to end. */
  function explain(error: Error, stream: Stream, dueAt: number): CommandApiError {
    // got wraps errors. If several addresses failed, the last one decides.
    const cause = error instanceof RequestError ? error.cause : error;
    const reason = ((cause as AggregateError | undefined)?.errors?.at(-1) ?? cause) as
      | NodeJS.ErrnoException
      | undefined;
    const code = reason?.code ?? (error as NodeJS.ErrnoException).code ?? NO_CODE;
    const [, refusal] = PROXY_REFUSAL.exec(reason?.message ?? '') ?? [];
    // A request gets its socket when the tunnel is established.
    const isOfProxy = config.COMMAND_API_PROXY !== undefined && !stream.socket;
    const detail = isOfProxy ? `proxy ${refusal ?? code}` : code;
    const details = { detail, isSent: isSent(stream), cause: reason };
    if (reason === TIMED_OUT)
      return new CommandApiError('timeout', {
        ...details,
        ...(performance.now() - dueAt > LATE_MS && { health: 'unknown' }),
      });
    if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge();
    if (isOfProxy && refusal)
      return new CommandApiError('unreachable', { ...details, ...(!/^50[234]$/.test(refusal) && { retry: 'never' }) });
    if (INTERNAL.includes(code)) return new CommandApiError('internal', details);
    if (REFUSED.includes(code)) forgetAddress();
    else if (/^(HPE_|Z_)/.test(code) && code !== 'Z_BUF_ERROR') return invalid('bytes', detail, reason);
    else if (!TRANSIENT.includes(code)) return new CommandApiError('unreachable', { ...details, retry: 'never' });
    // After an idle time, all kept connections may be closed, so this costs no retry.
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
    close() {
      kept.destroy();
    },
  };
}

function ignore(): void {}
