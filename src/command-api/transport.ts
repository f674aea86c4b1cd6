/**
 * Sends a command by HTTP, once. The only file that uses got.
 */
import { addAbortListener } from 'node:events';
import http, { type Agent } from 'node:http';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import { urlToHttpOptions } from 'node:url';
import { gunzipSync } from 'node:zlib';
import got, { RequestError, type Request as Stream } from 'got';
import type { Config } from '../config.ts';
import { SERVICE } from '../version.ts';
import { createConnections } from './connections.ts';
import type { Reply } from './diagnosis.ts';
import type { Grant } from './grant.ts';
import { type Interruption, isAddressGone, NO_CODE, NO_MEMORY, type Unusable } from './interruptions.ts';

/** The values of a caller in the headers of its commands. A reply may depend on each, so coalescing compares them. */
export interface Credentials {
  /** The command API gets it as `Authorization: Bearer <token>`. */
  readonly token: string;
}

/** A command as it leaves. */
export interface Outgoing {
  readonly json: string;
  readonly credentials: Credentials;
  readonly traceparent: string | undefined;
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

const EMPTY = Buffer.alloc(0);

/** The error of a reply that we do not take. */
const unusable = (code: Unusable) => Object.assign(new Error(), { code });

const codingOf = ({ response }: Stream) => response?.headers['content-encoding']?.toLowerCase() || 'identity';
const isGzip = (stream: Stream) => codingOf(stream) === 'gzip';

/**
 * Returns how long a body says that it will be when it is inflated, in its last four bytes. It is longer if it has several
 * parts, or if the command API lies.
 */
export function inflatedLength({ isGzip, body }: Reply, maxReplyBytes: number): number {
  if (!isGzip || body.length < 4) return body.length;
  return Math.min(maxReplyBytes, Math.max(body.length, body.readUInt32LE(body.length - 4)));
}

/** Returns a reply with its body inflated, if there is room for it. Takes some 5 ms for 2 MB, so call it in a turn. */
export function inflate(reply: Reply, { bytes, maxReplyBytes }: Grant): Reply {
  if (!reply.isGzip || reply.body.length === 0) return reply;
  try {
    const body = gunzipSync(reply.body, { maxOutputLength: maxReplyBytes });
    if (!bytes.reserve(Math.max(0, body.length - reply.body.length), 'reply')) throw unusable(NO_MEMORY);
    return { ...reply, body };
  } catch (cause) {
    const { code = NO_CODE } = cause as NodeJS.ErrnoException;
    return { ...reply, body: EMPTY, interruption: { code, cause, isSent: true, maxReplyBytes } };
  }
}

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
  function open({ json, credentials, traceparent }: Outgoing, agent: Agent): Stream {
    const headers = {
      ...HEADERS,
      authorization: `Bearer ${credentials.token}`,
      'content-length': Buffer.byteLength(json),
      ...(traceparent && { traceparent }),
    };
    const request = () => startRequest({ ...target, headers, agent });
    return posting.stream(url, { request }).end(json);
  }

  /** Returns whether the command can have left: only on an established connection. */
  function isSent({ socket, timings }: Stream): boolean {
    // In a tunnel through a proxy, got does not see that TLS is established.
    return isSecure ? (socket as TLSSocket | undefined)?.authorized === true : timings?.connect !== undefined;
  }

  /** Sends a command on a kept or a fresh connection. Returns what arrived, also after a failure. */
  async function attempt(command: Outgoing, isFresh: boolean, grant: Grant): Promise<Reply> {
    const stream = open(command, isFresh ? fresh : kept);
    // An error may also come after the end of the reply.
    stream.on('error', () => undefined);
    using _ = addAbortListener(grant.signal, () => stream.destroy());
    using _unsent = addAbortListener(grant.unsentSignal, () => isSent(stream) || stream.destroy());
    const dueAt = performance.now() + ATTEMPT_TIMEOUT_MS;
    // Not got's own time limit, which does not end a request that waits for its tunnel.
    using _timer = setTimeout(() => stream.destroy(TIMED_OUT), ATTEMPT_TIMEOUT_MS);
    let body: Buffer = EMPTY;
    let interruption: Interruption | undefined;
    try {
      body = await receive(stream, grant);
    } catch (error) {
      interruption = factsOf(error, stream, grant, dueAt);
      if (isAddressGone(interruption)) expireAddresses();
    } finally {
      // Also after a whole reply, if the command API did not read the rest of the command.
      if (!stream.writableFinished) stream.destroy();
    }
    const { statusCode: status = 0, headers: replyHeaders = {} } = stream.response ?? {};
    const isReused = stream.reusedSocket === true;
    return { status, retryAfter: replyHeaders['retry-after'], isReused, isGzip: isGzip(stream), body, interruption };
  }

  /** Receives a whole body, if there is room for it. */
  async function receive(stream: Stream, { bytes, maxReplyBytes }: Grant): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.byteLength;
      if (length > maxReplyBytes) throw unusable('reply too large');
      if (!bytes.reserve(chunk.byteLength, 'reply')) throw unusable(NO_MEMORY);
    }
    if (length > 0 && !isGzip(stream) && codingOf(stream) !== 'identity') throw unusable('unknown coding');
    return Buffer.concat(chunks);
  }

  /** Returns the facts of an attempt that an error interrupted. `dueAt` is when it had to end. */
  function factsOf(
    error: unknown,
    stream: Stream,
    { signal, unsentSignal, maxReplyBytes }: Grant,
    dueAt: number,
  ): Interruption {
    // got wraps errors.
    const cause = (error instanceof RequestError ? error.cause : error) as NodeJS.ErrnoException | undefined;
    const [, proxyCode] = PROXY_ERROR.exec(cause?.message ?? '') ?? [];
    const code = proxyCode ?? cause?.code ?? (error as NodeJS.ErrnoException).code ?? NO_CODE;
    const isCommandSent = isSent(stream);
    return {
      code,
      cause,
      ended: signal.reason ?? (isCommandSent ? undefined : unsentSignal.reason),
      isSent: isCommandSent,
      maxReplyBytes,
      isTimeout: cause === TIMED_OUT || code === 'timeout',
      isLate: performance.now() - dueAt > LATE_MS,
      // A request gets its socket when the tunnel is established.
      isOfProxy: Boolean(config.COMMAND_API_PROXY && !stream.socket),
      isStale: stream.reusedSocket === true && !stream.response,
    };
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
