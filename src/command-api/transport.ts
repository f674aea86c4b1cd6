/**
 * Sends a command by HTTP, once. The only file that uses got.
 */
import { addAbortListener } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import { urlToHttpOptions } from 'node:url';
import got, { RequestError, type Request as Stream } from 'got';
import type { Config } from '../config.ts';
import { SERVICE } from '../config.ts';
import type { ReplyBytes } from '../resources/memory.ts';
import type { Credentials } from './command.ts';
import { createConnections } from './connections.ts';
import { CommandApiError, type Details, endedBy, type FailureKind, invalid, NO_MEMORY, noRoom } from './failures.ts';
import { type Reply, tooLarge } from './reply.ts';

/** A command as it leaves. */
interface Message {
  /** The body. Undefined parameters are not sent. */
  readonly envelope: { readonly command: string; readonly id: string; readonly param: object };
  readonly credentials: Credentials;
  readonly traceparent: string | undefined;
  /** Whether it gets a new connection, which nothing else uses. */
  readonly isFresh: boolean;
}

/** The resources of an attempt, and the signals that end it. */
export interface AttemptContext {
  /** What the reply holds. */
  readonly bytes: ReplyBytes;
  /** Of the body as it arrives, and inflated. */
  readonly maxReplyBytes: number;
  /** Aborts with an `EndReason`: no one waits any more. */
  readonly signal: AbortSignal;
  /** Aborts with it or before it: ends an attempt of which no byte has left. */
  readonly unsentSignal: AbortSignal;
}

const HEADERS = {
  'user-agent': SERVICE,
  'content-type': 'application/json',
  accept: 'application/json',
  'accept-encoding': 'gzip',
};
const PATH = '/api/v1.0/invoke/open-ability/method/user-commands';
/** The messages of hpagent, whose errors have no code, for a proxy that opens no tunnel. */
const PROXY_ERROR = /^(?:Bad response: |Proxy )(\d{3}|timeout)$/;

/** Ends an attempt that has taken its time. */
const TIMED_OUT = Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
/** A timeout that is this late shows a blocked event loop: the reply may already have arrived. */
const LATE_MS = 100;

/** An address does not accept a connection, so it may belong to another host by now. */
const NO_CONNECTION = /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/;
/** got's code for an error without one of Node: probably a bug. */
const NO_CODE = 'ERR_GOT_REQUEST_ERROR';
type FailureByCode = readonly [codes: RegExp, kind: FailureKind, further?: Partial<Details>];
/**
 * The failure that a code of Node or got means. The code follows `proxy ` if the proxy failed. The first row that fits
 * decides.
 */
const FAILURES_BY_CODE: readonly FailureByCode[] = [
  // No sockets, files, ports or buffers are left, or a bug.
  [/^(proxy )?(EMFILE|ENFILE|ENOBUFS|ENOMEM|EADDRNOTAVAIL|ERR_GOT_REQUEST_ERROR)$/, 'internal'],
  // What may pass: no connection or name, a broken connection, half a body, a proxy that opens no tunnel.
  [/^(proxy )?(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/, 'unreachable'],
  [/^(proxy )?(ECONNRESET|EPIPE|ERR_HTTP_CONTENT_LENGTH_MISMATCH|50[234])$/, 'unreachable'],
  // No HTTP. The part that arrived shows that the command was sent.
  [/^HPE_/, 'invalid', { flaw: 'bytes', isSent: true }],
  [/^/, 'unreachable', { retry: 'never' }],
];

const codingOf = ({ response }: Stream) => response?.headers['content-encoding']?.toLowerCase() || 'identity';

export type Transport = ReturnType<typeof createTransport>;

/** Creates the transport. Connects when the first command is sent. `close` ends the kept connections. */
export function createTransport(config: Config) {
  const { COMMAND_API_URL, ATTEMPT_TIMEOUT_MS } = config;
  const url = new URL(PATH, COMMAND_API_URL);
  const isSecure = url.protocol === 'https:';
  const startRequest = isSecure ? https.request : http.request;
  const target = { ...urlToHttpOptions(url), method: 'POST' };
  const { kept, fresh, expireAddresses } = createConnections(config);

  // got would decompress as often as the reply's header says, even thousands of times. It never retries a POST.
  const posting = got.extend({ method: 'POST', decompress: false, followRedirect: false, throwHttpErrors: false });

  /**
   * Opens got's stream. Its option `request` starts Node's request with our options: got's own way copies headers, body
   * and agent.
   */
  function open({ envelope, credentials, traceparent, isFresh }: Message): Stream {
    const json = JSON.stringify(envelope);
    const headers = {
      ...HEADERS,
      ...credentials.headers,
      'content-length': Buffer.byteLength(json),
      ...(traceparent && { traceparent }),
    };
    const request = () => startRequest({ ...target, headers, agent: isFresh ? fresh : kept });
    return posting.stream(url, { request }).end(json);
  }

  /** Returns whether the command can have left: only on an established connection. */
  function isSent({ socket, timings }: Stream): boolean {
    // In a tunnel through a proxy, got does not see that TLS is established.
    return isSecure ? (socket as TLSSocket | undefined)?.authorized === true : timings?.connect !== undefined;
  }

  /** Sends a command. Returns what arrived, also after a failure. */
  async function attempt(message: Message, context: AttemptContext): Promise<Reply> {
    const stream = open(message);
    // An error may also come after the end of the reply.
    stream.on('error', () => undefined);
    using _ = addAbortListener(context.signal, () => stream.destroy());
    using _unsent = addAbortListener(context.unsentSignal, () => isSent(stream) || stream.destroy());
    const dueAt = performance.now() + ATTEMPT_TIMEOUT_MS;
    // Not got's own time limit, which does not end a request that waits for its tunnel.
    using _timer = setTimeout(() => stream.destroy(TIMED_OUT), ATTEMPT_TIMEOUT_MS);
    let body = Buffer.alloc(0);
    let failure: CommandApiError | undefined;
    try {
      body = await receive(stream, context);
    } catch (error) {
      failure = explain(error, stream, context, dueAt);
    } finally {
      // Also after a whole reply, if the command API did not read the rest of the command.
      if (!stream.writableFinished) stream.destroy();
    }
    const { statusCode: status = 0, headers = {} } = stream.response ?? {};
    const isGzip = codingOf(stream) === 'gzip';
    return {
      status,
      retryAfter: headers['retry-after'],
      isReused: stream.reusedSocket === true,
      isGzip,
      body,
      failure,
    };
  }

  /** Receives a whole body. Throws a `CommandApiError` if it cannot be used, or got's error. */
  async function receive(stream: Stream, { bytes, maxReplyBytes }: AttemptContext): Promise<Buffer<ArrayBuffer>> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.byteLength;
      if (length > maxReplyBytes) throw tooLarge(maxReplyBytes);
      if (!bytes.tryReserve(chunk.byteLength)) throw noRoom(NO_MEMORY);
    }
    if (length > 0 && !/^(gzip|identity)$/.test(codingOf(stream))) throw invalid('bytes', 'unknown coding');
    return Buffer.concat(chunks);
  }

  /** Returns the failure of an attempt that had to end at `dueAt`. */
  function explain(error: unknown, stream: Stream, context: AttemptContext, dueAt: number): CommandApiError {
    const isCommandSent = isSent(stream);
    const endReason = context.signal.reason ?? (isCommandSent ? undefined : context.unsentSignal.reason);
    if (endReason) return endedBy(endReason, isCommandSent);
    if (error instanceof CommandApiError) return error;
    // got wraps errors.
    const cause = (error instanceof RequestError ? error.cause : error) as NodeJS.ErrnoException | undefined;
    const [, proxyCode] = PROXY_ERROR.exec(cause?.message ?? '') ?? [];
    const code = proxyCode ?? cause?.code ?? (error as NodeJS.ErrnoException).code ?? NO_CODE;
    // A request gets its socket when the tunnel is established.
    const isOfProxy = config.COMMAND_API_PROXY && !stream.socket;
    const details = { detail: isOfProxy ? `proxy ${code}` : code, isSent: isCommandSent };
    if (NO_CONNECTION.test(code) && !isCommandSent) expireAddresses();
    if (cause === TIMED_OUT || code === 'timeout') {
      const isLate = performance.now() - dueAt > LATE_MS;
      return new CommandApiError('timeout', isLate ? { ...details, health: 'unknown' } : details);
    }
    const [, kind, further] = FAILURES_BY_CODE.find(([codes]) => codes.test(details.detail)) as FailureByCode;
    // A kept connection broke before a reply: after an idle time, all of them may be closed.
    const isStale = kind === 'unreachable' && stream.reusedSocket === true && !stream.response;
    return new CommandApiError(kind, {
      ...details,
      ...(isStale && { retry: 'at once' }),
      ...(kind === 'internal' && { cause }),
      ...further,
    });
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
