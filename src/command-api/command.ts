/**
 * A command and the record of what became of it.
 */
import { randomUUID } from 'node:crypto';

export const COMMANDS = [
  'get_maintenance_list',
  'get_maintenance_info',
  'create_maintenance_info',
  'delete_maintenance_info',
  'batch_delete_maintenance_info',
] as const;
export type CommandName = (typeof COMMANDS)[number];

/**
 * What of a reply is not as promised: its form or status as a whole, its result, that there is none, a member of a ticket, a
 * ticket without an id, its size, or bytes that are no HTTP or no encoding.
 */
export const FLAWS = ['envelope', 'result', 'empty', 'member', 'ticket', 'size', 'bytes'] as const;
export type Flaw = (typeof FLAWS)[number];

/** One time that a command was sent. Once it ended, how long it took and its status, or a code where no answer came whole. */
export interface Attempt {
  readonly start: number;
  seconds?: number;
  status?: number;
  error?: string;
}

/** Not its parameters, which hold what a resident wrote. */
export interface Command {
  readonly name: string;
  /** Whether it changes something at the command API. */
  readonly write: boolean;
  readonly residenceId: string;
  id: string;
  attempts: Attempt[];
  /** It shared another operation's exchange, whose id and attempts these are then. */
  coalesced: boolean;
  /** What is wrong with a reply of which the rest can be used. */
  readonly flaws: Set<Flaw>;
  /** How many tickets of a list had no usable id. */
  dropped?: number;
  durationMs: number;
  /** Why it failed, if it did. */
  error?: unknown;
}

export function createCommand(name: string, write: boolean, residenceId: string): Command {
  const id = `c${randomUUID().replaceAll('-', '')}`;
  return { name, write, residenceId, id, attempts: [], coalesced: false, flaws: new Set(), durationMs: 0 };
}
