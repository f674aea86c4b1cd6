/**
 * The client of one operation: it counts, sends and records its commands.
 *
 * A command first waits for one of the 32 slots of its operation, so that one operation cannot take all slots of the
 * process. Then a read joins the exchange of an identical read, or begins one, which others may join. A write always
 * begins an exchange. No read that begins after the start of a write, or after its end, joins an exchange from before.
 *
 * What is refused: a command beyond those of its operation, and a command for which the account has no room. Once a
 * reply had no room there, every further read is refused too.
 */
import type { Scope } from '../resources/scope.ts';
import type { Coalescing } from './coalescing.ts';
import { type Command, CommandRecord, type Credentials, type DecodedReply, type Read, type Write } from './command.ts';
import { Exchange, type ExchangeDependencies, type OutgoingCommand } from './exchange.ts';
import { CommandApiError, noRoom, throwIfEnded } from './failures.ts';
import { createSlots } from './slots.ts';

/** Commands of one operation at once; the process has by default 256. */
const COMMANDS_AT_ONCE = 32;
/** Bytes that a command holds. Its record was measured as 500; the rest, for what is sent, was not. */
const COMMAND_BYTES = 4096;

/** What the clients of all operations share. */
export interface ClientDependencies extends ExchangeDependencies {
  readonly coalescing: Coalescing;
}

/** For whom a client sends commands. */
interface ClientOptions {
  readonly scope: Scope;
  readonly credentials: Credentials;
  /** The caller's, if it is valid. Spans replace it by their own. */
  readonly traceparent: string | undefined;
  /** How many commands the operation may send. */
  readonly limits: { readonly reads: number; readonly writes: number };
}

/** Sends commands: each method returns the decoded result, and throws a `CommandApiError` or an unforeseen error. */
export interface Client {
  /** The records of all commands that the operation was allowed, in order. */
  readonly records: readonly CommandRecord[];
  read<I, T>(command: Read<I, T>, input: NoInfer<I>): Promise<T>;
  write<I, T>(command: Write<I, T>, input: NoInfer<I>): Promise<T>;
}

export function createClient(dependencies: ClientDependencies, options: ClientOptions): Client {
  const { coalescing, observer } = dependencies;
  const { scope, credentials, limits } = options;
  const { account } = scope;
  const slots = createSlots(COMMANDS_AT_ONCE, Number.POSITIVE_INFINITY);
  const records: CommandRecord[] = [];
  const counts = { reads: 0, writes: 0 };

  return { records, read: send, write: send };

  async function send<I, T>(command: Command<I, T>, input: I): Promise<T> {
    const { isWrite } = command;
    countOrRefuse(isWrite ? 'writes' : 'reads');
    if (isWrite) scope.continueWithoutCaller();
    const record = new CommandRecord(command);
    records.push(record);
    const traceparent = observer.commandBegan(record) ?? options.traceparent;
    try {
      // Reads go on without their caller after a write was asked for, because the log tells all of the operation.
      const signal = isWrite ? scope.unsentSignal : scope.signal;
      throwIfEnded(signal);
      if (!account.tryReserve(COMMAND_BYTES, 'command')) throw noRoom('no memory for the command');
      using _slot = await slots.take(signal);
      if (account.isFull && !isWrite) throw noRoom('no memory for further replies');

      const outgoing = { command, input, param: command.serialize(input), credentials, traceparent };
      const reply = await (isWrite ? sendAlone(record, outgoing) : joinOrSend(record, outgoing));
      record.succeed(reply);
      return reply.value;
    } catch (error) {
      record.fail(error);
      throw error;
    } finally {
      observer.commandEnded(record);
    }
  }

  /** Begins the exchange of a write. */
  async function sendAlone<I, T>(record: CommandRecord, outgoing: OutgoingCommand<I, T>): Promise<DecodedReply<T>> {
    coalescing.stopJoining();
    const exchange = new Exchange(dependencies, record, scope, outgoing);
    record.setExchange(exchange, false);
    return await exchange.awaitReplyFor(scope).finally(coalescing.stopJoining);
  }

  /** Joins the exchange of an identical read, or begins one. Not async: it only passes the reply on. */
  function joinOrSend<I, T>(record: CommandRecord, outgoing: OutgoingCommand<I, T>): Promise<DecodedReply<T>> {
    const key = JSON.stringify([record.name, outgoing.param]);
    // The key has the command, and so the type of its reply.
    const joined = coalescing.find(credentials.key, key) as Exchange<T> | undefined;
    const exchange = joined ?? new Exchange<T>(dependencies, record, scope, outgoing);
    if (!joined) coalescing.add(credentials.key, key, exchange);
    record.setExchange(exchange, joined !== undefined);
    return exchange.awaitReplyFor(scope);
  }

  function countOrRefuse(kind: keyof typeof counts): void {
    if (counts[kind] >= limits[kind]) {
      const publicMessage = `Too many ${kind} in one operation: at most ${limits[kind]} commands.`;
      throw new CommandApiError('too_many', { detail: 'too many commands', publicMessage });
    }
    counts[kind]++;
  }
}
