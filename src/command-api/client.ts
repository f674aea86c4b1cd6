/**
 * The client of the command API: the path of every command, from an operation to the decoded reply.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Attributes, Span } from '@opentelemetry/api';
import type { Config } from '../config.ts';
import { waitForEventLoop } from '../event-loop.ts';
import { BYTES, type Memory, type MemoryAccount } from '../memory.ts';
import { inSpan } from '../tracing.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import { createCoalescing, type Lifetime } from './coalescing.ts';
import { type Command, writeParameters } from './commands.ts';
import { createConcurrencyLimit } from './concurrency-limit.ts';
import { type DecodedReply, decodeEnvelope, type Reply } from './decoder.ts';
import { CommandApiError, ended, unavailable } from './errors.ts';
import { CommandRecord } from './record.ts';
import { createRetryBudget, planRetry } from './retries.ts';
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
    retryBudget: createRetryBudget(),
    maxAttempts: config.MAX_ATTEMPTS,
    state: () => ({ ...limit.count(), breaker: breaker.state() }),
  };
}

export type CommandApi = ReturnType<typeof createCommandApi>;

/** The operation for which commands are sent. */
interface Operation extends CallerHeaders, Lifetime {
  readonly memory: MemoryAccount;
  /** Takes the record of a command before anything else. Throws if the operation may not send the command. */
  addCommand(record: CommandRecord): void;
}

type Decode<T> = (reply: Reply) => DecodedReply<T>;

export type CommandApiClient = ReturnType<typeof createClient>;

/** Creates the client of one operation. */
export function createClient(commandApi: CommandApi, operation: Operation) {
  const { breaker, coalescing, limit, maxAttempts, memory, retryBudget, transport } = commandApi;
  const places = createConcurrencyLimit(COMMANDS_AT_ONCE, Number.POSITIVE_INFINITY);

  /**
   * Sends a command of the table and returns its decoded result. Throws a `CommandApiError`, or the error of `addCommand`.
   * This is the path of every command; `exchange` is its part that several operations may share.
   */
  async function send<I extends { readonly residenceId: string }, T>(command: Command<I, T>, input: I): Promise<T> {
    const { name, isWrite } = command;
    const record = new CommandRecord(name, isWrite, input.residenceId);
    operation.addCommand(record);
    // When a write is sent and when it is answered: a read after either must not join an older exchange.
    const detach = () => isWrite && coalescing.detach(record.residenceId);
    return inSpan(name, { kind: 'CLIENT' }, async (span) => {
      try {
        if (!operation.memory.reserve(BYTES.command, 'command')) throw unavailable('no memory for the command');
        using _place = await places.enter(operation.signal);
        detach();
        const param = writeParameters(command, input);
        const decode = (reply: Reply) => command.decode(decodeEnvelope(reply), input);
        const run = (lifetime: Lifetime) => exchange(record, param, decode, lifetime);
        const key = () => JSON.stringify([operation.authorization, name, param]);
        const decoded = await (isWrite ? run(operation) : coalescing.joinOrStart(key(), record, operation, run));
        // The reply to a write is never refused, because it tells the outcome.
        if (!isWrite && !operation.memory.reserve(bytesOf(decoded), 'reply'))
          throw unavailable('no memory for the reply');
        record.end(decoded);
        return decoded.value;
      } catch (error) {
        record.end({ error });
        throw error;
      } finally {
        detach();
        if (span) describeOnSpan(span, record, transport.endpoint);
      }
    });
  }

  /**
   * Sends a command until an attempt succeeds or no other may follow, and decodes the reply. Keeps its place in the
   * process until then, which limits the replies in memory.
   */
  async function exchange<T>(record: CommandRecord, param: object, decode: Decode<T>, lifetime: Lifetime) {
    const { isWrite } = record;
    const { signal } = lifetime;
    using _place = await limit.enter(signal);
    using replyMemory = memory.openReply();
    // Replies to writes may exceed the limit of memory. Meanwhile, nothing is sent.
    if (!replyMemory.reserve(0, 'command')) throw unavailable('no memory for the command');
    using trial = breaker.enter();
    retryBudget.earn();
    const body = JSON.stringify({ command: record.name, id: record.id, param });
    for (let attempts = 1; ; attempts++) {
      // Writes need a fresh connection: if the upstream had just closed a kept one, the outcome would be unknown. Retries
      // need one too, because other kept connections may also be closed.
      const isFresh = isWrite || attempts > 1;
      try {
        const reply = await transport.attempt(record, body, operation, { isFresh, signal, replyMemory });
        await waitForEventLoop('reply', reply.bytes);
        // Skip decoding if no one waits, except for a write, whose reply tells the outcome, and a status without a body.
        if (signal.aborted && !isWrite && reply.bytes > 0) throw ended(signal);
        const decoded = decode(reply);
        trial.health = 'up';
        return { ...decoded, bytes: reply.bytes };
      } catch (error) {
        if (!(error instanceof CommandApiError)) throw error;
        const retry = planRetry({
          error,
          isWrite,
          isProbe: trial.isProbe,
          attempts,
          attemptsLeft: maxAttempts - attempts,
          msLeft: lifetime.endsAt - performance.now(),
          retriesLeft: retryBudget.left(),
        });
        if (!retry) {
          trial.health = error.health;
          throw error;
        }
        retryBudget.spend(retry.cost);
        replyMemory.release();
        await delay(retry.pauseMs, undefined, { signal }).catch(() => {
          throw ended(signal);
        });
      }
    }
  }

  return { send };
}

/** Returns what a decoded reply holds, in bytes. */
function bytesOf({ bytes, value }: { bytes: number; value: unknown }): number {
  return bytes + (Array.isArray(value) ? value.length : 1) * BYTES.ticket;
}

/**
 * Writes the record of a command to its span, with an event per attempt. A coalesced command only has the attempts of
 * another command, and a refused command has none.
 */
function describeOnSpan(span: Span, { id, coalesced, attempts, outcome }: CommandRecord, endpoint: Attributes): void {
  span.setAttributes({ 'command.id': id, 'command.coalesced': coalesced, 'command.attempts': attempts.length });
  if (outcome) span.setAttribute('command.outcome', outcome);
  if (coalesced || attempts.length === 0) return;
  span.setAttributes(endpoint);
  for (const [index, { start, seconds, status, error }] of attempts.entries()) {
    const next = attempts[index + 1];
    const pause = next && seconds !== undefined ? (next.start - start) / 1000 - seconds : undefined;
    const result = { 'http.response.status_code': status, 'error.type': error };
    span.addEvent('attempt', { ...result, 'attempt.duration_seconds': seconds, 'attempt.pause_seconds': pause }, start);
    if (index > 0) span.setAttribute('http.request.resend_count', index);
    if (!next && status) span.setAttribute('http.response.status_code', status);
  }
}
