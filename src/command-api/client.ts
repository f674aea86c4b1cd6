/**
 * The client of the command API: the path of every command, from an operation to the decoded reply.
 */
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
import { type Attempt, CommandRecord, flawsOf, type Observer } from './record.ts';
import { createRetries } from './retries.ts';
import { createSlots } from './slots.ts';
import { createTransport, type Reply } from './transport.ts';
import { untilAborted } from './until-aborted.ts';

/** Commands of one operation at once, so that it cannot fill the queue of all operations. */
const COMMANDS_AT_ONCE = 32;

/** Creates what the commands of all operations share. */
export function createCommandApi(config: Config) {
  const observers: Observer[] = [];
  const breaker = createCircuitBreaker(config);
  const slots = createSlots(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED);
  const transport = createTransport(config);
  return {
    breaker,
    slots,
    transport,
    coalescing: createCoalescing(),
    retries: createRetries(config.MAX_ATTEMPTS),
    observers,
    endpoint: transport.endpoint,
    state: () => ({ ...slots.count(), breaker: breaker.state() }),
  };
}

export type CommandApi = ReturnType<typeof createCommandApi>;

/** The operation for which commands are sent. */
interface Operation {
  /** The caller's token. */
  readonly token: string;
  /** Of the caller, if it is valid. */
  readonly traceparent: string | undefined;
  readonly memory: OperationAccount;
  /** Aborts when the operation times out or is cancelled. */
  readonly signal: AbortSignal;
  /** Its deadline, on the clock of `performance.now()`. */
  readonly endsAt: number;
  /** Keeps the record of a command. Throws if the operation may send no further command of its kind. */
  addCommand(record: CommandRecord): void;
}

/** A command to send. */
interface PreparedCommand<I, T> {
  readonly command: Command<I, T>;
  readonly input: I;
  /** The input as the vendor names and writes it. */
  readonly param: Readonly<Record<string, unknown>>;
  readonly record: CommandRecord;
  readonly token: string;
  readonly endsAt: number;
}

type OfResidence = { readonly residenceId: Id };

export type CommandApiClient = ReturnType<typeof createClient>;

/** Creates the client of one operation. */
export function createClient(commandApi: CommandApi, operation: Operation) {
  const { coalescing, observers } = commandApi;
  const { memory, signal, token, endsAt } = operation;
  const slots = createSlots(COMMANDS_AT_ONCE, Number.POSITIVE_INFINITY);

  return {
    /** Sends a command. Returns its decoded result. Throws a `CommandApiError` or an unforeseen error. */
    async send<I extends OfResidence, T>(command: Command<I, T>, input: I): Promise<T> {
      const record = new CommandRecord(command, input.residenceId, observers);
      operation.addCommand(record);
      record.traceparent = operation.traceparent;
      record.begin();
      try {
        if (!memory.reserve(PRICES.command.bytes, 'command')) throw noRoom('no memory for the command');
        using _slot = await slots.take(signal);
        const prepared = { command, input, param: serializeInput(command, input), record, token, endsAt };
        const reply = await (command.rules.isShared ? sendShared(prepared) : sendAlone(prepared));
        record.end(reply);
        return reply.value;
      } catch (error) {
        record.end({}, error);
        throw error;
      }
    },
  };

  /** Sends a command, or joins the exchange of an identical one. */
  async function sendShared<I, T>(prepared: PreparedCommand<I, T>): Promise<DecodedReply<T>> {
    const { command, param, record } = prepared;
    const key = JSON.stringify([token, command.name, param]);
    let shared = coalescing.find(key);
    if (shared) record.join(shared.record);
    else {
      const controller = new AbortController();
      const replyMemory = new ReplyAccount(command.rules.tellsOutcome);
      const reply = exchange(commandApi, prepared, replyMemory, controller.signal);
      shared = coalescing.add(key, { record, memory: replyMemory, reply, controller });
    }
    using replyMemory = shared.memory.join();
    const reply = (await coalescing.wait(shared, signal)) as DecodedReply<T>;
    if (!memory.share(replyMemory)) throw noRoom('no memory for the reply');
    return reply;
  }

  /** Sends a command by itself. A read after it was sent or answered joins no exchange from before that. */
  async function sendAlone<I, T>(prepared: PreparedCommand<I, T>): Promise<DecodedReply<T>> {
    coalescing.clear();
    using replyMemory = new ReplyAccount(prepared.command.rules.tellsOutcome).join();
    try {
      return await exchange(commandApi, prepared, replyMemory, signal);
    } finally {
      coalescing.clear();
    }
  }
}

/**
 * Sends a command until an attempt succeeds or no other may follow, and decodes the reply. Keeps its slot of the process
 * until then, which limits the replies in memory. Several operations may wait for it: only `signal` ends it.
 */
async function exchange<I, T>(
  { breaker, retries, slots, transport }: CommandApi,
  prepared: PreparedCommand<I, T>,
  replyMemory: ReplyAccount,
  signal: AbortSignal,
): Promise<DecodedReply<T>> {
  const { command, param, record, token, endsAt } = prepared;
  const { name, rules } = command;
  using _slot = await slots.take(signal);
  if (!hasMemoryForCommand()) throw noRoom('no memory for the command');
  using permit = breaker.permit();
  retries.earn();
  const body = JSON.stringify({ command: name, id: record.exchange.id, param });
  const headers = { token, traceparent: record.traceparent };
  let last: Attempt | undefined;
  for (let attempts = 1; ; attempts++) {
    const endAttempt = record.startAttempt(last);
    // After a failure, other kept connections may be closed too.
    const isFresh = rules.needsFreshConnection || attempts > 1;
    const reply = await transport.attempt(body, headers, { isFresh, signal, replyMemory });
    last = endAttempt(reply.broken ? { error: reply.broken.message } : { status: reply.status });
    try {
      const decoded = await decode(prepared, reply, signal);
      permit.end();
      record.findFlaws(decoded.flaws);
      const tickets = Array.isArray(decoded.value) ? decoded.value.length : 1;
      if (replyMemory.receive(tickets * PRICES.ticket.bytes)) return decoded;
      throw noRoom('no memory for the reply');
    } catch (error) {
      replyMemory.release();
      if (!(error instanceof CommandApiError)) throw error;
      const msLeft = endsAt - performance.now();
      const pauseMs = retries.plan({ error, rules, isProbe: permit.isProbe, attempts, msLeft });
      record.findFlaws(flawsOf(error));
      if (pauseMs === undefined) {
        permit.end(error);
        throw error;
      }
      // Only what has no outcome, or was not sent, is sent again.
      await untilAborted(delay(pauseMs, undefined, { signal }), signal, false);
    }
  }
}

/** Decodes a reply when the event loop has time. */
async function decode<I, T>(
  { command, input }: PreparedCommand<I, T>,
  reply: Reply,
  signal: AbortSignal,
): Promise<DecodedReply<T>> {
  await waitForEventLoop('reply', reply.bytes * PRICES.replyByte.work);
  // Skip decoding if no one waits, except for a reply that tells an outcome, and a status without a body.
  if (signal.aborted && !command.rules.tellsOutcome && reply.bytes > 0) throw ended(signal);
  return command.decode(decodeEnvelope(reply), input);
}
