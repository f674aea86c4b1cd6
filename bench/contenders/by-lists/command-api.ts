/**
 * Sends commands to the vendor: 32 at once for an operation, and none while the circuit breaker is open. Reads are retried, and
 * callers who ask at the same time share them. Writes are sent once, and their errors have an outcome.
 */
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import got, { AbortError, HTTPError, RequestError, type Response, TimeoutError } from 'got';
import { GraphQLError } from 'graphql';
import pLimit from 'p-limit';
import { Histogram } from 'prom-client';
import { ZodError } from 'zod';

const { COMMAND_API_URL, BREAKER_OPEN_MS = 2000 } = process.env;
const { ATTEMPT_TIMEOUT_MS = 3000, OPERATION_TIMEOUT_MS = 10_000 } = process.env;
const COMMANDS_URL = new URL('/api/v1.0/invoke/open-ability/method/user-commands', COMMAND_API_URL);
const MAX_REPLY_BYTES = 2 * 1024 * 1024;
/** Of an operation, which keeps what it has read. */
const MAX_RECEIVED_BYTES = 16 * 1024 * 1024;
const TOO_LARGE = 'UPSTREAM_INVALID_RESPONSE';
/** A write in another process detaches no read of this one, so no one joins an older read. */
const JOINABLE_MS = 50;

/** Returns the error of a command. Only the log has the detail. */
const failure = (code: string, outcome: 'NOT_SENT' | 'REJECTED' | 'UNKNOWN', detail?: string, upstreamCode?: string) =>
  Object.assign(new GraphQLError(`Failed: ${code}`, { extensions: { code, outcome, upstreamCode } }), { detail });
type Failure = ReturnType<typeof failure>;
const invalid = (detail: string) => failure('UPSTREAM_INVALID_RESPONSE', 'UNKNOWN', detail);

/** On a kept connection, a write could arrive while the command API closes it. After one that broke, others may be broken. */
const FRESH = { agent: { http: new http.Agent(), https: new https.Agent() } };
const ONCE = { ...FRESH, retry: { limit: 0 } };
// No time-out: the next attempt would probably take as long. The last: the reply broke off.
const CODES = ['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'ERR_HTTP_CONTENT_LENGTH_MISMATCH'];
const client = got.extend({
  method: 'POST',
  headers: { accept: 'application/json' },
  timeout: { request: Number(ATTEMPT_TIMEOUT_MS) },
  retry: { limit: 2, methods: ['POST'], statusCodes: [429, 502, 503, 504], errorCodes: CODES, backoffLimit: 200 },
  hooks: { beforeRetry: [({ options }) => void Object.assign(options, FRESH)] },
  followRedirect: false,
  throwHttpErrors: false,
});

/** Commands of all operations. */
const slots = pLimit(256);
/** Any other reply closes the breaker. That an operation has no time left does neither. */
const isDown = (error: unknown) => error instanceof RequestError && !(error instanceof AbortError);
const consecutive = { breaker: new ConsecutiveBreaker(20), halfOpenAfter: Number(BREAKER_OPEN_MS) };
const breaker = circuitBreaker(handleWhen(isDown), consecutive);
const durations = new Histogram({ name: 'command_seconds', help: 'By code.', labelNames: ['command', 'code'] });
const reads = new Map<string, { id: string; askedAt: number; startedAt: number; reply: Promise<unknown> }>();

/** Creates the client of an operation. `commands` are for its log. */
export function createClient(token: string | undefined) {
  const startedAt = performance.now();
  const ownSlots = pLimit(32);
  const commands: { command: string; id: string; code?: string; outcome?: string }[] = [];
  let received = 0;
  return { startedAt, commands, run };

  /** Sends a command, or joins an identical read. Throws a `GraphQLError` that has the outcome of a write. */
  async function run<T>(command: string, param: object, decode: (result: unknown) => T): Promise<T> {
    const record: (typeof commands)[number] = { command, id: `c${randomBytes(16).toString('hex')}` };
    const isWrite = !command.startsWith('get_');
    const end = durations.startTimer({ command });
    try {
      if (!token) throw failure('UNAUTHENTICATED', 'NOT_SENT');
      if (commands.push(record) > 1000) throw failure(isWrite ? 'UPSTREAM_UNAVAILABLE' : 'BAD_USER_INPUT', 'NOT_SENT');
      return await ownSlots(async () => {
        const send = () => exchange({ command, id: record.id, param }, isWrite, decode);
        if (received > MAX_RECEIVED_BYTES && !isWrite) throw failure('BAD_USER_INPUT', 'NOT_SENT');
        if (!isWrite) return await join(JSON.stringify([token, command, param]), record, send);
        // A read after the begin or the end of a write joins none from before it.
        reads.clear();
        return await send().finally(() => reads.clear());
      });
    } catch (error) {
      const { extensions, detail } = error as Failure;
      Object.assign(extensions, { command, commandId: record.id }, isWrite ? {} : { outcome: undefined });
      Object.assign(record, extensions, { detail });
      throw error;
    } finally {
      end({ code: record.code ?? 'OK' });
    }
  }

  /** Joins a read that has just begun for an operation as old as this one, whose time is over at the same time. */
  function join<T>(key: string, record: { id: string }, send: () => Promise<T>): Promise<T> {
    const askedAt = performance.now();
    const found = reads.get(key);
    if (found && askedAt - found.askedAt < JOINABLE_MS && Math.abs(startedAt - found.startedAt) < JOINABLE_MS) {
      record.id = found.id;
      return found.reply as Promise<T>;
    }
    const read = { id: record.id, askedAt, startedAt, reply: send() };
    const forget = () => reads.get(key) === read && reads.delete(key);
    read.reply.then(forget, forget);
    reads.set(key, read);
    return read.reply;
  }

  async function exchange<T>(json: object, isWrite: boolean, decode: (result: unknown) => T): Promise<T> {
    const ending = new AbortController();
    const ms = startedAt + Number(OPERATION_TIMEOUT_MS) - performance.now();
    if (ms <= 0) throw failure('UPSTREAM_TIMEOUT', 'NOT_SENT');
    using _timer = setTimeout(() => ending.abort('UPSTREAM_TIMEOUT'), ms);
    const options = { json, headers: { authorization: `Bearer ${token}` }, signal: ending.signal };
    const attempt = async () => {
      const sent = client(COMMANDS_URL, { ...options, ...(isWrite && ONCE) });
      sent.on('downloadProgress', ({ transferred }) => transferred > MAX_REPLY_BYTES && ending.abort(TOO_LARGE));
      const reply = await sent;
      if ([502, 503, 504].includes(reply.statusCode)) throw new HTTPError(reply);
      return reply;
    };
    try {
      const reply = await slots(() => breaker.execute(attempt));
      received += reply.body.length;
      if (received > MAX_RECEIVED_BYTES && !isWrite) throw failure('BAD_USER_INPUT', 'UNKNOWN');
      return decode(resultOf(reply));
    } catch (error) {
      throw failureOf(error as Error, ending.signal.reason);
    }
  }
}

/** Returns the result of a success. */
function resultOf({ statusCode, ok, body }: Response<string>): unknown {
  const detail = `status ${statusCode}`;
  if (statusCode === 401) throw failure('UNAUTHENTICATED', 'REJECTED', detail);
  if (statusCode === 403) throw failure('FORBIDDEN', 'REJECTED', detail);
  if (statusCode === 429 || statusCode >= 500) throw failure('UPSTREAM_UNAVAILABLE', 'UNKNOWN', detail);
  const reply = JSON.parse(body);
  if (ok && reply?.success === true) return reply.result;
  if (reply?.success !== false) throw invalid(detail);
  const [upstreamCode] = /^[\w-]{1,32}$/.exec(String(reply.code ?? reply.errorCode ?? '')) ?? [];
  throw failure('COMMAND_REJECTED', 'REJECTED', detail, upstreamCode);
}

/** Before a connection with TLS is established, nothing is sent. */
function failureOf(error: Error, reason?: string): Failure {
  if (error instanceof GraphQLError) return error as Failure;
  if (error instanceof SyntaxError || error instanceof ZodError) return invalid(error.name);
  if (error instanceof BrokenCircuitError) return failure('UPSTREAM_UNAVAILABLE', 'NOT_SENT', error.message);
  if (!(error instanceof RequestError)) return failure('INTERNAL_SERVER_ERROR', 'UNKNOWN', error.stack);
  const { code: detail, timings } = error;
  const connectedAt = COMMANDS_URL.protocol === 'https:' ? timings?.secureConnect : timings?.connect;
  const code = error instanceof TimeoutError ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_UNAVAILABLE';
  return failure(reason ?? code, connectedAt ? 'UNKNOWN' : 'NOT_SENT', detail);
}
