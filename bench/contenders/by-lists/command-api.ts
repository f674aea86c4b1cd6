/**
 * Sends commands to the vendor: at most 32 at once for an operation, and none while the circuit breaker is open. Reads are
 * retried, and shared by callers who ask at the same time. Writes are sent once, and their errors have an outcome.
 */
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import got, { AbortError, HTTPError, RequestError, type Response, TimeoutError } from 'got';
import { GraphQLError } from 'graphql';
import pLimit, { type LimitFunction } from 'p-limit';
import { Histogram } from 'prom-client';
import { env } from './env.ts';

const COMMANDS_URL = new URL('/api/v1.0/invoke/open-ability/method/user-commands', env.COMMAND_API_URL);
const MAX_REPLY_BYTES = 2 * 1024 * 1024;
/** A write in another process detaches no read of this one, so no one joins an older read. */
const JOINABLE_MS = 50;

/** The operation that sends commands. */
export interface Caller {
  readonly token: string | undefined;
  /** By `performance.now()`. */
  readonly startedAt: number;
  readonly slots: LimitFunction;
  /** For the log. */
  readonly commands: { command: string; commandId: string; code?: string; outcome?: string }[];
}
/** Returns what a result means. Throws `invalid` if it should not be so. */
type Decode<T> = (result: unknown) => T;

const failure = (code: string, outcome: 'NOT_SENT' | 'REJECTED' | 'UNKNOWN', further: object = {}) =>
  new GraphQLError(`The command failed: ${code}.`, { extensions: { code, outcome, ...further } });
export const invalid = (detail: string) => failure('UPSTREAM_INVALID_RESPONSE', 'UNKNOWN', { detail });

const client = got.extend({
  method: 'POST',
  headers: { accept: 'application/json' },
  timeout: { request: env.ATTEMPT_TIMEOUT_MS },
  followRedirect: false,
  throwHttpErrors: false,
});
/** On a kept connection, a write could arrive while the command API closes it. After one that broke, others may be broken. */
const FRESH = { agent: { http: new http.Agent(), https: new https.Agent() } };
const RETRIED = {
  retry: {
    limit: 2,
    methods: ['POST' as const],
    statusCodes: [429, 502, 503, 504],
    // No time-out: the next attempt would probably take as long.
    errorCodes: ['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
    backoffLimit: 200,
  },
  hooks: { beforeRetry: [({ options }: RequestError) => void Object.assign(options, FRESH)] },
};

const slots = pLimit(256);
/** Not down: any other reply. Unknown: the operation has no time left. */
const isDown = (error: unknown) => error instanceof RequestError && !(error instanceof AbortError);
const consecutive = { breaker: new ConsecutiveBreaker(20), halfOpenAfter: env.BREAKER_OPEN_MS };
const breaker = circuitBreaker(handleWhen(isDown), consecutive);
const durations = new Histogram({
  name: 'command_duration_seconds',
  help: 'By code.',
  labelNames: ['command', 'code'],
});
const reads = new Map<string, { commandId: string; askedAt: number; startedAt: number; reply: Promise<unknown> }>();

/** Sends a command, or joins an identical read. Throws a `GraphQLError` with code, command, and outcome of a write. */
export async function run<T>(command: string, param: object, caller: Caller, decode: Decode<T>): Promise<T> {
  const isWrite = !command.startsWith('get_');
  const record: Caller['commands'][number] = { command, commandId: `c${randomBytes(16).toString('hex')}` };
  const end = durations.startTimer({ command });
  try {
    if (!caller.token) throw failure('UNAUTHENTICATED', 'NOT_SENT');
    if (caller.commands.push(record) > 1000) throw failure('BAD_USER_INPUT', 'NOT_SENT');
    return await caller.slots(() => {
      const send = () => exchange(record, param, caller, decode);
      if (!isWrite) return join(JSON.stringify([caller.token, command, param]), record, caller, send);
      // A read after the begin or the end of a write joins none from before it.
      reads.clear();
      return send().finally(() => reads.clear());
    });
  } catch (error) {
    const { message, extensions } = error as GraphQLError;
    const { detail, outcome, ...known } = extensions;
    Object.assign(record, known, { detail }, isWrite && { outcome });
    throw new GraphQLError(message, { extensions: { ...known, ...record, detail: undefined } });
  } finally {
    end({ code: record.code ?? 'OK' });
  }
}

/** Joins a read that has just begun for an operation as old as this one, whose time is over at the same time. */
function join<T>(
  key: string,
  record: { commandId: string },
  { startedAt }: Caller,
  send: () => Promise<T>,
): Promise<T> {
  const askedAt = performance.now();
  const found = reads.get(key);
  if (found && askedAt - found.askedAt < JOINABLE_MS && Math.abs(startedAt - found.startedAt) < JOINABLE_MS) {
    record.commandId = found.commandId;
    return found.reply as Promise<T>;
  }
  const read = { commandId: record.commandId, askedAt, startedAt, reply: send() };
  const forget = () => reads.get(key) === read && reads.delete(key);
  read.reply.then(forget, forget);
  reads.set(key, read);
  return read.reply;
}

async function exchange<T>(
  { command, commandId: id }: Caller['commands'][number],
  param: object,
  { token, startedAt }: Caller,
  decode: Decode<T>,
): Promise<T> {
  const ending = new AbortController();
  const { signal } = ending;
  const ms = startedAt + env.OPERATION_TIMEOUT_MS - performance.now();
  const timer = setTimeout(() => ending.abort('UPSTREAM_TIMEOUT'), ms);
  const options = { json: { command, id, param }, headers: { authorization: `Bearer ${token}` }, signal };
  const send = async () => {
    const sent = client(COMMANDS_URL, { ...options, ...(command.startsWith('get_') ? RETRIED : FRESH) });
    sent.on('downloadProgress', ({ transferred }) => {
      if (transferred > MAX_REPLY_BYTES) ending.abort('UPSTREAM_INVALID_RESPONSE');
    });
    const reply = await sent;
    if ([502, 503, 504].includes(reply.statusCode)) throw new HTTPError(reply);
    return reply;
  };
  try {
    return decode(resultOf(await slots(() => breaker.execute(send))));
  } catch (error) {
    throw failureOf(error as Error, signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the result of a success. */
function resultOf({ statusCode, ok, body }: Response<string>): unknown {
  const detail = `status ${statusCode}`;
  if (statusCode === 401) throw failure('UNAUTHENTICATED', 'REJECTED', { detail });
  if (statusCode === 403) throw failure('FORBIDDEN', 'REJECTED', { detail });
  if (statusCode === 429 || statusCode >= 500) throw failure('UPSTREAM_UNAVAILABLE', 'UNKNOWN', { detail });
  const reply = JSON.parse(body);
  if (ok && reply?.success === true) return reply.result;
  if (reply?.success !== false) throw invalid(detail);
  const [upstreamCode] = /^[\w-]{1,32}$/.exec(String(reply.code ?? reply.errorCode ?? '')) ?? [];
  throw failure('COMMAND_REJECTED', 'REJECTED', { detail, upstreamCode });
}

function failureOf(error: Error, { aborted, reason }: AbortSignal): GraphQLError {
  if (error instanceof GraphQLError) return error;
  if (error instanceof SyntaxError) return invalid('no JSON');
  if (error instanceof BrokenCircuitError)
    return failure('UPSTREAM_UNAVAILABLE', 'NOT_SENT', { detail: 'breaker open' });
  if (!(error instanceof RequestError)) return failure('INTERNAL_SERVER_ERROR', 'UNKNOWN', { detail: error.stack });
  const { code: detail, timings } = error;
  const connectedAt = COMMANDS_URL.protocol === 'https:' ? timings?.secureConnect : timings?.connect;
  const outcome = connectedAt === undefined ? 'NOT_SENT' : 'UNKNOWN';
  if (aborted) return failure(reason, outcome, { detail });
  if (/^HPE_/.test(detail)) return failure('UPSTREAM_INVALID_RESPONSE', outcome, { detail });
  const isLate = error instanceof TimeoutError;
  return failure(isLate ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_UNAVAILABLE', outcome, { detail });
}
