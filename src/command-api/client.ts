/**
 * The client of one operation: it counts, sends and records its commands.
 *
 * A command first waits for one of the 32 slots of its operation, so that one operation cannot take all slots of the
 * process. Then a read joins the exchange of an identical read, or begins one, which others may join. A write begins an
 * exchange of its own, and no read that begins after its start, or after its end, joins an exchange from before that.
 *
 * What is refused: a command beyond those of its operation, one for which the account has no room, and, once a reply had
 * no room there, every further read.
 */
import type { Scope } from '../resources/scope.ts';
import type { Coalescing } from './coalescing.ts';
import {
  type Command,
  type CommandObserver,
  CommandRecord,
  type DecodedReply,
  type Read,
  type Write,
} from './command.ts';
import { Exchange, type Sending, type Upstream } from './exchange.ts';
import { CommandApiError, noRoom, throwIfEnded } from './failures.ts';
import { createSlots } from './slots.ts';
import { createCredentials } from './transport.ts';

/** Commands of one operation at once; the process has by default 256. */
const COMMANDS_AT_ONCE = 32;
/** Bytes that a command holds. Its record was measured as 500; the rest, for what is sent, was not. */
const COMMAND_BYTES = 4096;

/** What the clients of all operations share. */
export interface CommandApi {
  readonly upstream: Upstream;
  readonly coalescing: Coalescing;
  readonly observer: CommandObserver;
}

/** Whose commands are sent. */
interface Sender {
  readonly scope: Scope;
  readonly token: string;
  /** The caller's, if it is valid. Spans replace it by their own. */
  readonly traceparent: string | undefined;
  /** How many commands the operation may send. */
  readonly limits: { readonly reads: number; readonly writes: number };
}

export function createClient({ upstream, coalescing, observer }: CommandApi, sender: Sender) {
  const { scope, token, limits } = sender;
  const { account } = scope;
  const credentials = createCredentials(token);
  const slots = createSlots(COMMANDS_AT_ONCE, Number.POSITIVE_INFINITY);
  const commands: CommandRecord[] = [];
  const counts = { reads: 0, writes: 0 };

  return {
    /** The records of all commands that the operation was allowed, in order. */
    commands,

    /** Sends a read. Returns its decoded result. Throws a `CommandApiError` or an unforeseen error. */
    read: send as <I, T>(command: Read<I, T>, input: NoInfer<I>) => Promise<T>,

    /** Sends a write, likewise. */
    write: send as <I, T>(command: Write<I, T>, input: NoInfer<I>) => Promise<T>,
  };

  async function send<I, T>(command: Command<I, T>, input: NoInfer<I>): Promise<T> {
    const { isWrite } = command;
    count(isWrite ? 'writes' : 'reads');
    if (isWrite) scope.continueWithoutCaller();
    const record = new CommandRecord(command);
    commands.push(record);
    const traceparent = observer.began(record) ?? sender.traceparent;
    try {
      // A caller who has left still gets what it reads after a write that was sent: the log tells all of it.
      const signal = isWrite ? scope.unsentSignal : scope.signal;
      throwIfEnded(signal);
      if (!account.tryReserve(COMMAND_BYTES, 'command')) throw noRoom('no memory for the command');
      using _slot = await slots.take(signal);
      if (account.isFull && !isWrite) throw noRoom('no memory for further replies');

      const param = command.serialize(input);
      const decode = (result: unknown) => command.decode(result, input);
      const sending = { param, credentials, traceparent, decode };
      const reply = await (isWrite ? sendAlone(record, sending) : joinOrSend(record, sending));
      record.succeed(reply);
      return reply.value;
    } catch (error) {
      record.fail(error);
      throw error;
    } finally {
      observer.ended(record);
    }
  }

  /** Begins the exchange of a write. */
  async function sendAlone<T>(record: CommandRecord, sending: Sending<T>): Promise<DecodedReply<T>> {
    coalescing.stopJoining();
    const exchange = new Exchange<T>(upstream, observer, record, scope);
    record.sendIn(exchange, false);
    exchange.begin(sending);
    return await exchange.replyTo(scope).finally(coalescing.stopJoining);
  }

  /** Joins the exchange of an identical read, or begins one. Not async: it only passes the reply on. */
  function joinOrSend<T>(record: CommandRecord, sending: Sending<T>): Promise<DecodedReply<T>> {
    const key = JSON.stringify([record.name, sending.param]);
    // The key has the command, and so the type of its reply.
    const joined = coalescing.find(credentials.key, key) as Exchange<T> | undefined;
    const exchange = joined ?? new Exchange<T>(upstream, observer, record, scope);
    record.sendIn(exchange, joined !== undefined);
    if (!joined) coalescing.add(credentials.key, key, exchange, exchange.begin(sending));
    return exchange.replyTo(scope);
  }

  function count(kind: keyof typeof counts): void {
    if (counts[kind] >= limits[kind]) {
      const message = `Too many ${kind} in one operation: at most ${limits[kind]} commands.`;
      throw new CommandApiError('too_many', { detail: 'too many commands', message });
    }
    counts[kind]++;
  }
}
