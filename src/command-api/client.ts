/**
 * The client of the command API: the path of every command, from an operation to the decoded reply.
 */
import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { waitForEventLoop } from '../event-loop.ts';
import type { Id } from '../maintenance.ts';
import { hasMemoryForCommand, type OperationAccount, ReplyAccount } from '../memory.ts';
import { PRICES } from '../prices.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import { createCoalescing } from './coalescing.ts';
import { type Command, serializeInput } from './commands.ts';
import { type DecodedReply, decodeEnvelope } from './decoder.ts';
import { CommandApiError, ended, noRoom } from './failures.ts';
import { type Attempt, type CommandEvents, CommandRecord } from './record.ts';
import { createRetries } from './retries.ts';
import { createSlots } from './slots.ts';
import { type CallerHeaders, createTransport } from './transport.ts';
import { untilAborted } from './until-aborted.ts';

/** Commands of one operation at once, so that it cannot fill the queue of all operations. */
const COMMANDS_AT_ONCE = 32;

/** Creates what the commands of all operations share. */
export function createCommandApi(config: Config) {
  return {
    breaker: createCircuitBreaker(config),
    coalescing: createCoalescing(),
    events: new EventEmitter<CommandEvents>(),
    retries: createRetries(config.MAX_ATTEMPTS),
    slots: createSlots(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED),
    transport: createTransport(config),
  };
}

export type CommandApi = ReturnType<typeof createCommandApi>;

/** The operation for which commands are sent, with its caller's headers. */
interface Operation extends CallerHeaders {
  readonly memory: OperationAccount;
  /** Aborts when the operation times out or is cancelled. */
  readonly signal: AbortSignal;
  /** Its deadline, on the clock of `performance.now()`. */
  readonly endsAt: number;
  /** Keeps the record of a command. Throws if the operation may send no further command of its kind. */
  addCommand(record: CommandRecord): void;
}

/** A command to send. */
interface Task<T> {
  readonly record: CommandRecord;
  /** The input as the vendor names and writes it. */
  readonly param: Readonly<Record<string, unknown>>;
  decode(result: unknown): DecodedReply<T>;
}

export type CommandApiClient = ReturnType<typeof createClient>;

/** Creates the client of one operation. */
export function createClient(commandApi: CommandApi, operation: Operation) {
  const { breaker, coalescing, events, retries, transport } = commandApi;
  const { memory, signal, token, traceparent, endsAt } = operation;
  const slots = createSlots(COMMANDS_AT_ONCE, Number.POSITIVE_INFINITY);

  return {
    /** Sends a command. Returns its decoded result. Throws a `CommandApiError` or an unforeseen error. */
    async send<I extends { readonly residenceId: Id }, T>(command: Command<I, T>, input: I): Promise<T> {
      const record = new CommandRecord(command, input.residenceId);
      operation.addCommand(record);
      record.traceparent = traceparent;
      events.emit('commandBegan', record);
      try {
        if (!memory.reserve(PRICES.command.bytes, 'command')) throw noRoom('no memory for the command');
        using _slot = await slots.take(signal);
        const decode = (result: unknown) => command.decode(result, input);
        const task = { record, param: serializeInput(command, input), decode };
        const reply = await (command.rules.isShared ? sendShared(task) : sendAlone(task));
        record.end(reply);
        return reply.value;
      } catch (error) {
        record.end({}, error);
        throw error;
      } finally {
        events.emit('commandEnded', record);
      }
    },
  };

  /** Sends a command, or joins the exchange of an identical one. */
  async function sendShared<T>(task: Task<T>): Promise<DecodedReply<T>> {
    const { record, param } = task;
    const key = JSON.stringify([token, record.name, param]);
    let shared = coalescing.find(key);
    if (shared) record.join(shared.record);
    else {
      const controller = new AbortController();
      const replyMemory = new ReplyAccount(record.rules.tellsOutcome);
      const reply = exchange(task, replyMemory, controller.signal);
      shared = coalescing.add(key, { record, memory: replyMemory, reply, controller });
    }
    using replyMemory = shared.memory.join();
    const reply = (await coalescing.wait(shared, signal)) as DecodedReply<T>;
    if (!memory.share(replyMemory)) throw noRoom('no memory for the reply');
    return reply;
  }

  /** Sends a command by itself. A read after it was sent or answered joins no exchange from before that. */
  async function sendAlone<T>(task: Task<T>): Promise<DecodedReply<T>> {
    coalescing.clear();
    using replyMemory = new ReplyAccount(task.record.rules.tellsOutcome).join();
    try {
      return await exchange(task, replyMemory, signal);
    } finally {
      coalescing.clear();
    }
  }

  /**
   * Sends a command until an attempt succeeds or no other may follow, and decodes the reply. Keeps its slot of the process
   * until then, which limits the replies in memory. Several operations may wait for it: only `signal` ends it.
   */
  async function exchange<T>(task: Task<T>, replyMemory: ReplyAccount, signal: AbortSignal): Promise<DecodedReply<T>> {
    const { record, param } = task;
    const { name, rules } = record;
    using _slot = await commandApi.slots.take(signal);
    if (!hasMemoryForCommand()) throw noRoom('no memory for the command');
    using permit = breaker.permit();
    retries.earn();
    const json = JSON.stringify({ command: name, id: record.exchange.id, param });
    const headers = { token, traceparent: record.traceparent };
    let last: Attempt | undefined;
    for (let attempts = 1; ; attempts++) {
      const start = performance.now();
      record.exchange.attempts = attempts;
      // After a failure, other kept connections may be closed too.
      const isFresh = rules.needsFreshConnection || attempts > 1;
      const reply = await transport.attempt(json, headers, { isFresh, signal, replyMemory });
      const { body, broken, status } = reply;
      const seconds = (performance.now() - start) / 1000;
      last = { start, seconds, before: last, ...(broken ? { error: broken.message } : { status }) };
      events.emit('attemptEnded', record, last);
      try {
        await waitForEventLoop('reply', body.byteLength * PRICES.replyByte.work);
        // Skip decoding if no one waits, except for a reply that tells an outcome, and a status without a body.
        if (signal.aborted && !rules.tellsOutcome && body.byteLength > 0) throw ended(signal);
        const decoded = task.decode(decodeEnvelope(reply));
        permit.end();
        events.emit('flawsFound', record, decoded.flaws ?? []);
        const tickets = Array.isArray(decoded.value) ? decoded.value.length : 1;
        if (replyMemory.receive(tickets * PRICES.ticket.bytes)) return decoded;
        throw noRoom('no memory for the reply');
      } catch (error) {
        replyMemory.release();
        if (!(error instanceof CommandApiError)) throw error;
        const msLeft = endsAt - performance.now();
        const pauseMs = retries.plan({ error, rules, isProbe: permit.isProbe, attempts, msLeft });
        if (pauseMs === undefined) {
          permit.end(error);
          events.emit('flawsFound', record, error.flaws);
          throw error;
        }
        // Only what has no outcome, or was not sent, is sent again.
        await untilAborted(delay(pauseMs, undefined, { signal }), signal, false);
      }
    }
  }
}
