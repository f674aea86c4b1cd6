/**
 * The exchange of a command for its reply: circuit breaker, slot, attempt, turn, decoding, pause.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { DecodedReply } from './command.ts';
import type { CommandApi } from './command-api.ts';
import { resultOf } from './diagnosis.ts';
import { CommandApiError, endedBy, noRoom, untilAborted } from './failures.ts';
import type { Grant } from './grant.ts';
import { detailOf, NO_MEMORY } from './interruptions.ts';
import type { Attempt, CommandRecord } from './record.ts';
import { type Credentials, inflate, inflatedLength, type Outgoing } from './transport.ts';

/** Bytes that a decoded entry holds in addition to its bytes in the reply: an estimate, see docs/decisions.md. */
const ENTRY_BYTES = 300;
/** Units of work to decode a byte: a list of 2 MB takes 200 ms. */
const BYTE_WORK = 5;

/** A command to exchange. */
export interface Task<T> {
  readonly record: CommandRecord;
  readonly credentials: Credentials;
  /** The input as the vendor names and writes it. */
  readonly param: object;
  decode(result: unknown): DecodedReply<T>;
}

/**
 * Sends a command until an attempt succeeds or no other may follow, and tells once how that ended. Returns the decoded
 * reply. Throws as `client.read` does.
 */
export async function runExchange<T>(commandApi: CommandApi, task: Task<T>, grant: Grant): Promise<DecodedReply<T>> {
  const { breaker, events, retries, slots, transport } = commandApi;
  const { record, param, credentials, decode } = task;
  const { exchange, isWrite, name } = record;
  const { bytes, signal, unsentSignal, maxReplyBytes } = grant;
  exchange.hasBegun = true;
  let slot: Disposable | undefined;
  let outgoing: Outgoing;
  let last: Attempt | undefined;

  try {
    // Asked here too, because a command would wait for its slot only to hear that the command API is down.
    breaker.throwIfOpen();
    // Kept until the reply is decoded, which limits the replies in memory, but not in a pause.
    slot = await slots.take(unsentSignal);
    using permit = breaker.permit();
    retries.earn();
    const json = JSON.stringify({ command: name, id: exchange.id, param });
    outgoing = { json, credentials, traceparent: record.traceparent };

    for (;;) {
      const { decoded, error } = await tryOnce();
      const pauseMs = error && retries.plan(error, record, permit.isProbe, grant);
      if (pauseMs) {
        slot[Symbol.dispose]();
        slot = undefined;
        slot = await pause(pauseMs);
      }
      if (pauseMs === undefined || !slot) {
        permit.report(error);
        if (error) throw error;
        events.emit('exchangeEnded', record, decoded.flaws ?? [], undefined);
        return decoded;
      }
    }
  } catch (error) {
    events.emit('exchangeEnded', record, error instanceof CommandApiError ? error.flaws : [], error);
    throw error;
  } finally {
    slot?.[Symbol.dispose]();
  }

  /** Returns a slot for another attempt, or undefined if the queue is full or the circuit breaker has opened. */
  async function pause(ms: number): Promise<Disposable | undefined> {
    await untilAborted(delay(ms, undefined, { signal: unsentSignal }), unsentSignal);
    if (breaker.state() !== 'closed' || slots.isFull()) return undefined;
    const next = await slots.take(unsentSignal);
    if (breaker.state() === 'closed') return next;
    next[Symbol.dispose]();
    return undefined;
  }

  /** Replies that no one waits for would hold up others. That of a write tells its outcome. */
  function isWanted(): boolean {
    return isWrite || !signal.aborted;
  }

  /** Sends the command and decodes the reply. Returns a foreseen failure. Throws an unforeseen one. */
  async function tryOnce() {
    const startedAt = performance.now();
    exchange.attempts++;
    // After a failure, other kept connections may be closed too.
    const isFresh = isWrite || exchange.attempts > 1;
    const arrived = await transport.attempt(outgoing, isFresh, grant);
    const seconds = (performance.now() - startedAt) / 1000;
    const length = inflatedLength(arrived, maxReplyBytes);
    if (length > 0) await grant.turn(length * BYTE_WORK);
    // In its turn, because what waits in gzip takes little memory.
    const reply = isWanted() ? inflate(arrived, grant) : arrived;
    const rest = reply.body.length - length;
    if (rest > 0) await grant.turn(rest * BYTE_WORK);
    const { interruption, status } = reply;
    last = { startedAt, seconds, previous: last, ...(interruption ? { error: detailOf(interruption) } : { status }) };
    events.emit('attemptEnded', record, last);
    try {
      if (!isWanted()) throw endedBy(signal.reason);
      const decoded = decode(resultOf(reply));
      const entries = Array.isArray(decoded.value) ? decoded.value.length : 1;
      if (!bytes.reserve(ENTRY_BYTES * entries, 'reply')) throw noRoom(NO_MEMORY);
      return { decoded };
    } catch (error) {
      bytes.release();
      if (error instanceof CommandApiError) return { error };
      throw error;
    }
  }
}
