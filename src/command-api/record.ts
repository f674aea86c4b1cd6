/**
 * The record of a command. Only the functions of this file change it.
 */
import { randomUUID } from 'node:crypto';
import { CommandApiError, type Flaw } from './errors.ts';

/**
 * One transmission of a command. When it has ended: its duration, and the status or the code of an incomplete reply.
 */
export interface Attempt {
  readonly start: number;
  seconds?: number;
  status?: number;
  error?: string;
}

/** Without parameters, which contain personal data. */
export interface CommandRecord {
  readonly name: string;
  readonly isWrite: boolean;
  readonly residenceId: string;
  readonly start: number;
  id: string;
  attempts: Attempt[];
  /** Whether the command shared another operation's exchange. Then `id` and `attempts` are from that exchange. */
  coalesced: boolean;
  /** The flaws of the reply. The rest of it may have been used. */
  flaws: readonly Flaw[];
  /** The number of tickets without a usable id. */
  dropped: number;
  durationMs: number;
  /** The reason of the failure, if the command failed. */
  error?: unknown;
}

export function startRecord(name: string, isWrite: boolean, residenceId: string): CommandRecord {
  const id = `c${randomUUID().replaceAll('-', '')}`;
  const start = performance.now();
  return {
    name,
    isWrite,
    residenceId,
    start,
    id,
    attempts: [],
    coalesced: false,
    flaws: [],
    dropped: 0,
    durationMs: 0,
  };
}

/** Starts an attempt. Returns a function that ends it. */
export function startAttempt({ attempts }: CommandRecord) {
  const attempt: Attempt = { start: performance.now() };
  attempts.push(attempt);
  return (result: Pick<Attempt, 'status' | 'error'>) =>
    Object.assign(attempt, { seconds: (performance.now() - attempt.start) / 1000, ...result });
}

/** Gives a command that shares an exchange the id and attempts of the command that is really sent. */
export function joinRecord(own: CommandRecord, { id, attempts }: CommandRecord): void {
  Object.assign(own, { id, attempts, coalesced: true });
}

/** The result of a command. All undecodable members of the reply are the same `memberError`. */
type Ending = Partial<Pick<CommandRecord, 'flaws' | 'dropped' | 'error'>> & { readonly memberError?: CommandApiError };

/** Ends a command. Adds the command's name and id to its errors. */
export function endRecord(record: CommandRecord, { flaws = [], dropped = 0, error, memberError }: Ending): void {
  const { name, id, isWrite, start } = record;
  Object.assign(record, { flaws, dropped, error, durationMs: performance.now() - start });
  for (const one of [error, memberError]) if (one instanceof CommandApiError) one.command = { name, id, isWrite };
  if (error instanceof CommandApiError && error.details.flaw) record.flaws = [error.details.flaw];
}
