/**
 * The client of the command API: the path of every command, from an operation to the decoded reply.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Attributes, Span } from '@opentelemetry/api';
import type { Config } from '../config.ts';
import { waitForEventLoop } from '../event-loop.ts';
import type { Id } from '../maintenance.ts';
import { hasMemoryForCommand, type OperationAccount, ReplyAccount } from '../memory.ts';
import { PRICES } from '../prices.ts';
import { failSpan, startCommandSpan, traceparentOf } from '../tracing.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import { createCoalescing } from './coalescing.ts';
import { type Command, serializeInput } from './commands.ts';
import { type DecodedReply, decodeEnvelope } from './decoder.ts';
import { CommandApiError, ended, noMemoryFor } from './errors.ts';
import { CommandRecord } from './record.ts';
import { createRetries } from './retries.ts';
import { createSlots } from './slots.ts';
import { type CallerHeaders, createTransport } from './transport.ts';

/** Commands of one operation at once, so that it cannot fill the queue of all operations. */
const COMMANDS_AT_ONCE = 32;

/** Creates what the commands of all operations share. */
export function createCommandApi(config: Config) {
  const breaker = createCircuitBreaker(config);
  const slots = createSlots(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED);
  const transport = createTransport(config);
  return {
    breaker,
    slots,
    transport,
    coalescing: createCoalescing(),
    retries: createRetries(config.MAX_ATTEMPTS),
    state: () => ({ ...slots.count(), breaker: breaker.state() }),
  };
}

export type CommandApi = ReturnType<typeof createCommandApi>;

/** The operation for which commands are sent. */
interface Operation extends CallerHeaders {
  readonly memory: OperationAccount;
  /** Aborts when the operation times out or is cancelled. */
  readonly signal: AbortSignal;
  /** Its deadline, on the clock of `performance.now()`. */
  readonly endsAt: number;
  /** Keeps the record of a command. Returns false if the operation may send no further command of its kind. */
  addCommand(record: CommandRecord): boolean;
}

/** A command to send, with the headers and the deadline of its operation. */
interface PreparedCommand<I, T> extends CallerHeaders {
  readonly command: Command<I, T>;
  readonly input: I;
  /** The input as the vendor names and writes it. */
  readonly param: Readonly<Record<string, unknown>>;
  readonly record: CommandRecord;
  readonly endsAt: number;
}

type OfResidence = { readonly residenceId: Id };

export type CommandApiClient = ReturnType<typeof createClient>;

/** Creates the client of one operation. */
export function createClient(commandApi: CommandApi, operation: Operation) {
  const { coalescing, transport } = commandApi;
  const slots = createSlots(COMMANDS_AT_ONCE, Number.POSITIVE_INFINITY);

  return {
    /** Sends a command. Returns its decoded result. Throws a `CommandApiError` or an unforeseen error. */
    async send<I extends OfResidence, T>(command: Command<I, T>, input: I): Promise<T> {
      const { name, isWrite } = command;
      const record = new CommandRecord(command, input.residenceId);
      if (!operation.addCommand(record))
        throw new CommandApiError(isWrite ? 'too_many_writes' : 'too_many_reads', { detail: 'too many commands' });
      const span = startCommandSpan(name);
      try {
        if (!operation.memory.reserve(PRICES.command.bytes, 'command')) throw noMemoryFor('command');
        using _slot = await slots.take(operation.signal);
        const { token, endsAt } = operation;
        const traceparent = traceparentOf(span) ?? operation.traceparent;
        const param = serializeInput(command, input);
        const prepared = { command, input, param, record, token, traceparent, endsAt };
        const reply = await (isWrite ? write(prepared) : read(prepared));
        record.succeed(reply);
        return reply.value;
      } catch (error) {
        record.fail(error);
        throw error;
      } finally {
        if (span) endSpan(span, record, transport.endpoint);
      }
    },
  };

  /** Sends a read, or joins the exchange of an identical read. */
  async function read<I, T>(prepared: PreparedCommand<I, T>): Promise<DecodedReply<T>> {
    const { token, command, param, record } = prepared;
    const key = JSON.stringify([token, command.name, param]);
    let shared = coalescing.find(key);
    if (shared) record.join(shared.record);
    else {
      const controller = new AbortController();
      const replyMemory = new ReplyAccount(false);
      const reply = runExchange(commandApi, prepared, replyMemory, controller.signal);
      shared = coalescing.add(key, { record, memory: replyMemory, reply, controller });
    }
    using replyMemory = shared.memory.join();
    const reply = (await coalescing.wait(shared, operation.signal)) as DecodedReply<T>;
    if (!operation.memory.share(replyMemory)) throw noMemoryFor('reply');
    return reply;
  }

  /** Sends a write. Its reply is never refused for lack of memory: it tells the outcome. */
  async function write<I, T>(prepared: PreparedCommand<I, T>): Promise<DecodedReply<T>> {
    const { residenceId } = prepared.record;
    // A read after this moment must not join an older exchange.
    coalescing.detach(residenceId);
    using replyMemory = new ReplyAccount(true).join();
    try {
      return await runExchange(commandApi, prepared, replyMemory, operation.signal);
    } finally {
      coalescing.detach(residenceId);
    }
  }
}

/**
 * Sends a command until an attempt succeeds or no other may follow, and decodes the reply. Keeps its slot of the process
 * until then, which limits the replies in memory. Several operations may wait for it: only `signal` ends it.
 */
async function runExchange<I, T>(
  { breaker, retries, slots, transport }: CommandApi,
  { command, input, param, record, token, traceparent, endsAt }: PreparedCommand<I, T>,
  replyMemory: ReplyAccount,
  signal: AbortSignal,
): Promise<DecodedReply<T>> {
  const { isWrite } = command;
  const headers = { token, traceparent };
  using _slot = await slots.take(signal);
  if (!hasMemoryForCommand()) throw noMemoryFor('command');
  using permit = breaker.permit();
  retries.earn();
  const body = JSON.stringify({ command: command.name, id: record.exchange.id, param });
  for (let attempts = 1; ; attempts++) {
    // Writes need a fresh connection: if the upstream had just closed a kept one, the outcome would be unknown. Retries
    // need one too, because other kept connections may also be closed.
    const isFresh = isWrite || attempts > 1;
    try {
      const reply = await transport.attempt(record, body, headers, { isFresh, signal, replyMemory });
      await waitForEventLoop('reply', reply.bytes * PRICES.replyByte.work);
      // Skip decoding if no one waits, except for a write, whose reply tells the outcome, and a status without a body.
      if (signal.aborted && !isWrite && reply.bytes > 0) throw ended(signal);
      const decoded = command.decode(decodeEnvelope(reply), input);
      permit.end();
      const tickets = Array.isArray(decoded.value) ? decoded.value.length : 1;
      if (replyMemory.receive(tickets * PRICES.ticket.bytes)) return decoded;
      throw noMemoryFor('reply');
    } catch (error) {
      replyMemory.release();
      if (!(error instanceof CommandApiError)) throw error;
      const msLeft = endsAt - performance.now();
      const pauseMs = retries.plan({ error, isWrite, isProbe: permit.isProbe, attempts, msLeft });
      if (pauseMs === undefined) {
        permit.end(error);
        throw error;
      }
      await delay(pauseMs, undefined, { signal }).catch(() => {
        throw ended(signal, error.details.isSent);
      });
    }
  }
}

/**
 * Ends the span of a command, with an event per attempt. A coalesced command only has the attempts of another command,
 * and a refused command has none.
 */
function endSpan(span: Span, record: CommandRecord, endpoint: Attributes): void {
  const { coalesced, outcome, error: failure } = record;
  const { id, attempts } = record.exchange;
  span.setAttributes({ 'command.id': id, 'command.coalesced': coalesced, 'command.attempts': attempts.length });
  if (outcome) span.setAttribute('command.outcome', outcome);
  // Not the error itself: its message may quote anything.
  if (failure) failSpan(span, (failure as Error).name);
  if (!coalesced && attempts.length > 0) {
    span.setAttributes(endpoint);
    for (const [index, { start, seconds, status, error }] of attempts.entries()) {
      const next = attempts[index + 1];
      const pause = next && seconds !== undefined ? (next.start - start) / 1000 - seconds : undefined;
      const times = { 'attempt.duration_seconds': seconds, 'attempt.pause_seconds': pause };
      span.addEvent('attempt', { 'http.response.status_code': status, 'error.type': error, ...times }, start);
      if (index > 0) span.setAttribute('http.request.resend_count', index);
      if (!next && status) span.setAttribute('http.response.status_code', status);
    }
  }
  span.end();
}
