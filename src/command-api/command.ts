/**
 * The record of a command. Only the functions of this file change it.
 */
import { randomUUID } from 'node:crypto';
import { CommandApiError, type Flaw } from './errors.ts';

export const COMMANDS = [
  'get_maintenance_list',
  'get_maintenance_info',
  'create_maintenance_info',
  'delete_maintenance_info',
  'batch_delete_maintenance_info',
] as const;
export type CommandName = (typeof COMMANDS)[number];

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
export interface Command {
  readonly name: CommandName;
  /** Whether the command changes data. */
  readonly write: boolean;
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

export function createCommand(name: CommandName, write: boolean, residenceId: string): Command {
  const id = `c${randomUUID().replaceAll('-', '')}`;
  const start = performance.now();
  return { name, write, residenceId, start, id, attempts: [], coalesced: false, flaws: [], dropped: 0, durationMs: 0 };
}

/** Starts an attempt. Returns a function that ends it. */
export function startAttempt({ attempts }: Command) {
  const attempt: Attempt = { start: performance.now() };
  attempts.push(attempt);
  return (result: Pick<Attempt, 'status' | 'error'>) =>
    Object.assign(attempt, { seconds: (performance.now() - attempt.start) / 1000, ...result });
}

/** Gives a command that shares an exchange the id and attempts of the command that is really sent. */
export function joinCommand(own: Command, { id, attempts }: Command): void {
  Object.assign(own, { id, attempts, coalesced: true });
}

/** The result of a command. All undecodable members of the reply are the same `memberError`. */
type Ending = Partial<Pick<Command, 'flaws' | 'dropped' | 'error'>> & { readonly memberError?: CommandApiError };

/** Ends a command. Adds the command's name and id to its errors. */
export function endCommand(command: Command, { flaws = [], dropped = 0, error, memberError }: Ending): void {
  const { name, id, write, start } = command;
  Object.assign(command, { flaws, dropped, error, durationMs: performance.now() - start });
  for (const one of [error, memberError]) if (one instanceof CommandApiError) one.command = { name, id, write };
  if (error instanceof CommandApiError && error.details.flaw) command.flaws = [error.details.flaw];
}
