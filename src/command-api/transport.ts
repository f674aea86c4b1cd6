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
import { SERVICE } from '../constants.ts';
import type { Credentials } from './command.ts';
import { createConnections, proxyErrorCode } from './connections.ts';
import { CommandFailure, type Details, endedBy, type FailureKind, invalid, tooLarge } from './failures.ts';
import { failureOfStatus, type Reply } from './reply.ts';

/** A command as it leaves. */
export interface Message {
  /** The envelope, as JSON. */
  readonly body: string;
  readonly credentials: Credentials;
  readonly traceparent: string | undefined;
  /** Whether it gets a new connection, which nothing else uses. */
  readonly isFresh: boolean;
}

/** A kept connection had been closed before the command came, as it may be when it was idle. Nothing else is wrong. */
export class StaleConnection extends Error {
  /** An error code of Node, or a status that tells it. */
  readonly detail: string;
  readonly status: number | undefined;

  constructor(detail: string, status?: number) {
    super(detail);
    this.detail = detail;
    this.status = status;
  }
}

/** What an attempt may take, and what ends it. */
export interface AttemptOptions {
  /** Of the body as it arrives. */
  readonly maxReplyBytes: number;
  /** Reserves memory for bytes that have arrived, or throws the failure of a command that has no room for them. */
  readonly reserve: (bytes: number) => void;
  /** Its abort, with an `OperationEnded`, ends an attempt of which a byte may have left. */
  readonly sentSignal: AbortSignal;
  /** Its abort, before that of `sentSignal` or with it, ends an attempt of which no byte has left. */
  readonly unsentSignal: AbortSignal;
}

const HEADERS = {
  'user-agent': SERVICE,
  'content-type': 'application/json',
  accept: 'application/json',
  'accept-encoding': 'gzip',
};
const PATH = '/api/v1.0/invoke/open-ability/method/user-commands';

/** Ends an attempt that has taken its time. */
const TIMED_OUT = Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
/** A timeout that is this late shows a blocked event loop: the reply may already have arrived. */
const LATE_MS = 100;

/** An address accepts no connection, so it may belong to another host by now. */
const NO_CONNECTION = /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/;
/** How long the rest of a command may take to leave after its whole reply. Over TLS its end is told after the reply. */
const UNREAD_MS = 1000;
/** got's code for an error without one of Node: probably a bug. */
const NO_CODE = 'ERR_GOT_REQUEST_ERROR';
type FailureByCode = readonly [codes: RegExp, kind: FailureKind, further?: Partial<Details>];
/**
 * The failure that a code of Node or got means. The code follows `proxy ` if the proxy failed. The first row that fits
 * decides.
 */
const FAILURES_BY_CODE: readonly FailureByCode[] = [
  // No sockets, files, ports or buffers are left, or a bug.
  [/^(proxy )?(EMFILE|ENFILE|ENOBUFS|ENOMEM|EADDRNOTAVAIL|ERR_GOT_REQUEST_ERROR|ERR_INVALID_\w+)$/, 'internal'],
  // What may pass: no connection or name, a broken connection, half a body, a proxy that opens no tunnel.
  [/^(proxy )?(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/, 'unreachable'],
  [/^(proxy )?(ECONNRESET|EPIPE|ERR_HTTP_CONTENT_LENGTH_MISMATCH|50[234])$/, 'unreachable'],
  // No HTTP. The part that arrived shows that the command was sent.
  [/^HPE_/, 'invalid', { flaw: 'bytes', isSent: true }],
  [/^/, 'unreachable', { retry: 'never' }],
];

const headOf = ({ response }: Stream) => ({
  status: response?.statusCode ?? 0,
  retryAfter: response?.headers['retry-after'],
});
const codingOf = ({ response }: Stream) => response?.headers['content-encoding']?.toLowerCase() || 'identity';

/** Ends the connection of a command that the command API answered without reading it to its end. */
function endCommand(stream: Stream): void {
  if (stream.writableFinished || stream.destroyed) return;
  const timer = setTimeout(() => stream.destroy(), UNREAD_MS).unref();
  stream.once('finish', () => clearTimeout(timer));
}

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
  function open({ body, credentials, traceparent, isFresh }: Message): Stream {
    const headers = {
      ...HEADERS,
      ...credentials,
      'content-length': Buffer.byteLength(body),
      ...(traceparent && { traceparent }),
    };
    const request = () => startRequest({ ...target, headers, agent: isFresh ? fresh : kept });
    return posting.stream(url, { request }).end(body);
  }

  /** Returns whether the command can have left: only on an established connection. */
  function mayBeSent({ socket, timings }: Stream): boolean {
    // In a tunnel through a proxy, got does not see that TLS is established.
    return isSecure ? (socket as TLSSocket | undefined)?.authorized === true : timings?.connect !== undefined;
  }

  /** Sends a command. Returns the whole reply, or throws a `CommandFailure` or a `StaleConnection`. */
  async function post(message: Message, options: AttemptOptions): Promise<Reply> {
    const stream = open(message);
    // An error may also come after the end of the reply.
    stream.on('error', () => undefined);
    using _sent = addAbortListener(options.sentSignal, () => stream.destroy());
    using _unsent = addAbortListener(options.unsentSignal, () => mayBeSent(stream) || stream.destroy());
    const dueAt = performance.now() + ATTEMPT_TIMEOUT_MS;
    // Not got's own time limit, which does not end a request that waits for its tunnel.
    using _timer = setTimeout(() => stream.destroy(TIMED_OUT), ATTEMPT_TIMEOUT_MS);
    try {
      const body = await receive(stream, options);
      return { ...headOf(stream), isGzip: codingOf(stream) === 'gzip', body };
    } catch (error) {
      throw failureOfStatus(headOf(stream)) ?? failureOfError(error, stream, options, dueAt);
    } finally {
      endCommand(stream);
    }
  }

  /** Receives a whole body. Throws a `CommandFailure` if it cannot be used, or got's error. */
  async function receive(stream: Stream, { reserve, maxReplyBytes }: AttemptOptions): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.byteLength;
      if (length > maxReplyBytes) throw tooLarge();
      reserve(chunk.byteLength);
    }
    // Sent by a proxy when an idle connection has taken its time.
    if (stream.reusedSocket && stream.response?.statusCode === 408) throw new StaleConnection('status 408', 408);
    if (length > 0 && !/^(gzip|identity)$/.test(codingOf(stream))) throw invalid('bytes', 'unknown coding');
    return Buffer.concat(chunks);
  }

  /** Returns why an attempt failed that had to end at `dueAt`. */
  function failureOfError(error: unknown, stream: Stream, options: AttemptOptions, dueAt: number): Error {
    const isSent = mayBeSent(stream);
    const ended = options.sentSignal.reason ?? (isSent ? undefined : options.unsentSignal.reason);
    if (ended) return endedBy(ended, isSent);
    if (error instanceof CommandFailure || error instanceof StaleConnection) return error;
    // got wraps errors.
    const cause = (error instanceof RequestError ? error.cause : error) as NodeJS.ErrnoException | undefined;
    const code = proxyErrorCode(cause) ?? cause?.code ?? (error as NodeJS.ErrnoException).code ?? NO_CODE;
    // A request gets its socket when the tunnel is established.
    const isOfProxy = config.COMMAND_API_PROXY && !stream.socket;
    const details = { detail: isOfProxy ? `proxy ${code}` : code, isSent };
    if (NO_CONNECTION.test(code) && !isSent) expireAddresses();
    if (cause === TIMED_OUT || code === 'timeout') {
      const isLate = performance.now() - dueAt > LATE_MS;
      return new CommandFailure('timeout', isLate ? { ...details, health: 'unknown' } : details);
    }
    const [, kind, further] = FAILURES_BY_CODE.find(([codes]) => codes.test(details.detail)) as FailureByCode;
    // A kept connection broke before a reply: after an idle time, all of them may be closed.
    const isStale = kind === 'unreachable' && !further && stream.reusedSocket && !stream.response;
    if (isStale) return new StaleConnection(code);
    return new CommandFailure(kind, { ...details, ...(kind === 'internal' && { cause }), ...further });
  }

  return {
    post,
    /** Where commands are sent, with its port. */
    url,
    port: Number(url.port) || (isSecure ? 443 : 80),
    close: () => kept.destroy(),
  };
}
