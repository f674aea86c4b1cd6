/**
 * The exchange of a command for its reply: slot, permit, attempts, turn, decoding, pauses.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { DecodedReply } from './command.ts';
import type { CommandApi } from './command-api.ts';
import { resultOf } from './diagnosis.ts';
import { CommandApiError, noRoom, throwIfEnded, untilAborted } from './failures.ts';
import type { Grant } from './grant.ts';
import { detailOf, NO_MEMORY } from './interruptions.ts';
import type { Attempt, CommandRecord } from './record.ts';
import type { Credentials } from './transport.ts';

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
 * Sends a command until an attempt succeeds or no other may follow. Returns the decoded reply. Throws as `client.read`
 * does.
 */
export async function runExchange<T>(commandApi: CommandApi, task: Task<T>, grant: Grant): Promise<DecodedReply<T>> {
  const { breaker, events, retries, slots, transport } = commandApi;
  const { record, param, credentials, decode } = task;
  const { exchange, isWrite, name } = record;
  const { bytes, signal } = grant;
  // Kept until the reply is decoded, which limits the replies in memory.
  using _slot = await slots.take(signal);
  using permit = breaker.permit();
  retries.earn();
  const json = JSON.stringify({ command: name, id: exchange.id, param });
  const outgoing = { json, credentials, traceparent: record.traceparent };
  let last: Attempt | undefined;

  for (;;) {
    const { decoded, error } = await tryOnce();
    const pauseMs = error && retries.plan(error, record, permit.isProbe, grant);
    if (pauseMs === undefined) {
      permit.report(error);
      events.emit('flawsFound', record, error?.flaws ?? decoded?.flaws ?? []);
      if (error) throw error;
      return decoded;
    }
    await untilAborted(delay(pauseMs, undefined, { signal }), signal);
  }

  /** Sends the command and decodes the reply. Returns a foreseen failure. Throws an unforeseen one. */
  async function tryOnce() {
    const startedAt = performance.now();
    exchange.attempts++;
    // After a failure, other kept connections may be closed too.
    const isFresh = isWrite || exchange.attempts > 1;
    const reply = await transport.attempt(outgoing, isFresh, grant);
    const { body, interruption, status } = reply;
    const seconds = (performance.now() - startedAt) / 1000;
    last = { startedAt, seconds, previous: last, ...(interruption ? { error: detailOf(interruption) } : { status }) };
    events.emit('attemptEnded', record, last);
    try {
      if (body.byteLength > 0) await grant.turn(body.byteLength * BYTE_WORK);
      // Replies that no one waits for would hold up others. That of a write tells its outcome.
      if (!isWrite) throwIfEnded(signal);
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
