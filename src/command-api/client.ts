/**
 * The client of the command API: the path of every command, from an operation to the decoded reply.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Attributes, Span } from '@opentelemetry/api';
import type { Config } from '../config.ts';
import { waitForEventLoop } from '../event-loop.ts';
import { BYTES, type Memory, type MemoryAccount } from '../memory.ts';
import { failSpan, startCommandSpan, traceparentOf } from '../tracing.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import { createCoalescing } from './coalescing.ts';
import { type Command, writeParameters } from './commands.ts';
import { createConcurrencyLimit } from './concurrency-limit.ts';
import { type DecodedReply, decodeEnvelope } from './decoder.ts';
import { CommandApiError, ended, overloaded } from './errors.ts';
import { CommandRecord } from './record.ts';
import { createRetries } from './retries.ts';
import { type CallerHeaders, createTransport } from './transport.ts';

/** Commands of one operation at once, so that it cannot fill the queue of all operations. */
const COMMANDS_AT_ONCE = 32;

/** Creates what the commands of all operations share. */
export function createCommandApi(config: Config, memory: Memory) {
  const breaker = createCircuitBreaker(config);
  const limit = createConcurrencyLimit(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED);
  const transport = createTransport(config);
  return {
    breaker,
    limit,
    memory,
    transport,
    coalescing: createCoalescing(),
    retries: createRetries(config.MAX_ATTEMPTS),
    state: () => ({ ...limit.count(), breaker: breaker.state() }),
  };
}

export type CommandApi = ReturnType<typeof createCommandApi>;

/** The operation for which commands are sent. */
interface Operation extends CallerHeaders {
  readonly memory: MemoryAccount;
  /** Aborts when the operation times out or is cancelled. */
  readonly signal: AbortSignal;
  /** Its deadline, on the clock of `performance.now()`. */
  readonly endsAt: number;
  /** Takes the record of a command before anything else. Throws if the operation may not send the command. */
  addCommand(record: CommandRecord): void;
}

/** A decoded reply, and what it holds in memory. */
type Held<T> = DecodedReply<T> & { readonly bytes: number };

export type CommandApiClient = ReturnType<typeof createClient>;

/** Creates the client of one operation. Its functions throw a `CommandApiError`, or the error of `addCommand`. */
export function createClient(commandApi: CommandApi, operation: Operation) {
  const { breaker, coalescing, limit, memory, retries, transport } = commandApi;
  const places = createConcurrencyLimit(COMMANDS_AT_ONCE, Number.POSITIVE_INFINITY);

  /** Sends a read, or joins the exchange of an identical read. Returns its decoded result. */
  async function read<I extends { readonly residenceId: string }, T>(command: Command<I, T>, input: I): Promise<T> {
    const record = new CommandRecord(command, input.residenceId);
    operation.addCommand(record);
    const span = startCommandSpan(command.name);
    try {
      using _place = await enterOperation();
      const key = JSON.stringify([operation.authorization, command.name, input]);
      let shared = coalescing.find(key);
      if (shared) record.join(shared.record);
      else {
        const controller = new AbortController();
        const started = exchange(command, input, record, span, controller.signal);
        shared = coalescing.add(key, record, started, controller);
      }
      const reply = (await coalescing.wait(key, shared, operation.signal)) as Held<T>;
      if (!operation.memory.reserve(reply.bytes, 'reply')) throw overloaded('no memory for the reply', true);
      record.succeed(reply);
      return reply.value;
    } catch (error) {
      record.fail(error);
      throw error;
    } finally {
      if (span) endSpan(span, record, transport.endpoint);
    }
  }

  /** Sends a write. Returns its decoded result. */
  async function write<I extends { readonly residenceId: string }, T>(command: Command<I, T>, input: I): Promise<T> {
    const record = new CommandRecord(command, input.residenceId);
    operation.addCommand(record);
    const span = startCommandSpan(command.name);
    try {
      using _place = await enterOperation();
      // A read after this moment must not join an older exchange.
      coalescing.detach(input.residenceId);
      // Not refused for lack of memory: the reply tells the outcome.
      const reply = await exchange(command, input, record, span, operation.signal);
      record.succeed(reply);
      return reply.value;
    } catch (error) {
      record.fail(error);
      throw error;
    } finally {
      coalescing.detach(input.residenceId);
      if (span) endSpan(span, record, transport.endpoint);
    }
  }

  /** Takes the memory and the place of a command in its operation. */
  async function enterOperation(): Promise<Disposable> {
    if (!operation.memory.reserve(BYTES.command, 'command')) throw overloaded('no memory for the command');
    return places.enter(operation.signal);
  }

  /**
   * Sends a command until an attempt succeeds or no other may follow, and decodes the reply. Keeps its place in the
   * process until then, which limits the replies in memory.
   */
  async function exchange<I extends object, T>(
    command: Command<I, T>,
    input: I,
    record: CommandRecord,
    span: Span | undefined,
    signal: AbortSignal,
  ): Promise<Held<T>> {
    using _place = await limit.enter(signal);
    using replyMemory = memory.openReply();
    if (!replyMemory) throw overloaded('no memory for the command');
    using trial = breaker.enter();
    retries.earn();
    const param = writeParameters(command, input);
    const body = JSON.stringify({ command: command.name, id: record.sent.id, param });
    const { authorization, traceparent } = operation;
    const headers = { authorization, traceparent: traceparentOf(span) ?? traceparent };
    for (let attempts = 1; ; attempts++) {
      // Writes need a fresh connection: if the upstream had just closed a kept one, the outcome would be unknown. Retries
      // need one too, because other kept connections may also be closed.
      const isFresh = command.isWrite || attempts > 1;
      try {
        const reply = await transport.attempt(record, body, headers, { isFresh, signal, replyMemory });
        await waitForEventLoop('reply', reply.bytes);
        // Skip decoding if no one waits, except for a write, whose reply tells the outcome, and a status without a body.
        if (signal.aborted && !command.isWrite && reply.bytes > 0) throw ended(signal);
        const decoded = command.decode(decodeEnvelope(reply), input);
        trial.end();
        const tickets = Array.isArray(decoded.value) ? decoded.value.length : 1;
        return { ...decoded, bytes: reply.bytes + tickets * BYTES.ticket };
      } catch (error) {
        if (!(error instanceof CommandApiError)) throw error;
        const { isWrite } = command;
        const msLeft = operation.endsAt - performance.now();
        const pauseMs = retries.plan({ error, isWrite, isProbe: trial.isProbe, attempts, msLeft });
        if (pauseMs === undefined) {
          trial.end(error);
          throw error;
        }
        replyMemory.release();
        await delay(pauseMs, undefined, { signal }).catch(() => {
          throw ended(signal);
        });
      }
    }
  }

  return { read, write };
}

/**
 * Ends the span of a command, with an event per attempt. A coalesced command only has the attempts of another command,
 * and a refused command has none.
 */
function endSpan(span: Span, record: CommandRecord, endpoint: Attributes): void {
  const { coalesced, outcome, error: failure } = record;
  const { id, attempts } = record.sent;
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
