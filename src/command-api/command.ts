/**
 * A command and the record of what became of it, which only the functions here write.
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

/** One time that a command was sent. Once it ended, how long it took and its status, or a code where no answer came whole. */
export interface Attempt {
  readonly start: number;
  seconds?: number;
  status?: number;
  error?: string;
}

/** Not its parameters, which hold what a resident wrote. */
export interface Command {
  readonly name: CommandName;
  /** Whether it changes something at the command API. */
  readonly write: boolean;
  readonly residenceId: string;
  readonly start: number;
  id: string;
  attempts: Attempt[];
  /** It shared another operation's exchange, whose id and attempts these are then. */
  coalesced: boolean;
  /** What is wrong with its reply. The rest may have been used all the same. */
  flaws: readonly Flaw[];
  /** How many tickets of a list had no usable id. */
  dropped: number;
  durationMs: number;
  /** Why it failed, if it did. */
  error?: unknown;
}

export function createCommand(name: CommandName, write: boolean, residenceId: string): Command {
  const id = `c${randomUUID().replaceAll('-', '')}`;
  const start = performance.now();
  return { name, write, residenceId, start, id, attempts: [], coalesced: false, flaws: [], dropped: 0, durationMs: 0 };
}

export function startAttempt({ attempts }: Command): void {
  attempts.push({ start: performance.now() });
}

/** Ends the attempt that was started last. */
export function endAttempt({ attempts }: Command, result: Pick<Attempt, 'status' | 'error'>): void {
  const last = attempts.at(-1);
  if (last) Object.assign(last, { seconds: (performance.now() - last.start) / 1000, ...result });
}

/** Gives a command that shares an exchange the id and the attempts of the one that is really sent. */
export function joinCommand(own: Command, { id, attempts }: Command): void {
  Object.assign(own, { id, attempts, coalesced: true });
}

/** What a command's reply came to, or why it failed. `memberError` stands in each member that could not be read. */
type Ending = Partial<Pick<Command, 'flaws' | 'dropped' | 'error'>> & { readonly memberError?: CommandApiError };

/** Ends a command. Its errors are told which command they are of. */
export function endCommand(command: Command, { flaws = [], dropped = 0, error, memberError }: Ending): void {
  const { name, id, write, start } = command;
  Object.assign(command, { flaws, dropped, error, durationMs: performance.now() - start });
  for (const one of [error, memberError]) if (one instanceof CommandApiError) one.command = { name, id, write };
  if (error instanceof CommandApiError && error.details.flaw) command.flaws = [error.details.flaw];
}
