/**
 * Decodes replies of the command API into the domain. docs/command-api.md is the contract. Only this file checks it.
 */
import type { Id, Maintenance, MaintenanceKey, MaintenanceState, Moment } from '../maintenance.ts';
import { formatMaintenanceId, parseId, parseMoment } from '../maintenance.ts';
import { CommandApiError, type Flaw, invalid, judgeStatus, type MemberName } from './failures.ts';
import type { Reply } from './transport.ts';

/** A decoded reply that can be used. */
export interface DecodedReply<T> {
  readonly value: T;
  readonly flaws?: readonly Flaw[];
  /** The number of tickets without a usable id. */
  readonly dropped?: number;
  /** One error for all undecodable members, so that a long list does not cost a stack trace for each. */
  readonly memberError?: CommandApiError;
}

type Json = Record<string, unknown>;
type Ticket = Json & { readonly maintenance_id: Id };

const UTF8 = new TextDecoder();
/** The vendor's states, in the order of a repair. */
export const STATES: ReadonlyMap<unknown, MaintenanceState> = new Map([
  ['wait for confirmation', 'WAIT_FOR_CONFIRMATION'],
  ['in progress', 'IN_PROGRESS'],
  ['completed', 'COMPLETED'],
  ['closed', 'CLOSED'],
]);

/**
 * Returns the `result` of a successful reply, otherwise throws. The status decides before the body: a gateway or a Dapr
 * sidecar may have written the body of a 401, 403, 429 or 5xx.
 */
export function decodeEnvelope({ status, body: bytes, retryAfter, broken }: Reply): unknown {
  const kind = judgeStatus(status, broken);
  if (broken && !kind) throw broken;
  const body = parseObject(UTF8.decode(bytes));
  if (status >= 200 && status < 300 && body?.success === true) return body.result;
  const details = { detail: `status ${status}`, retryAfter, upstreamCode: findCode(body) };
  // A single command may cause a 500, but not that its body is cut off.
  const isOutage = kind === 'failed' && broken?.kind === 'unreachable';
  if (kind) throw new CommandApiError(kind, isOutage ? { ...details, health: 'down' } : details);
  if (body?.success === false) throw new CommandApiError('rejected', details);
  throw new CommandApiError('invalid', { ...details, flaw: 'envelope' });
}

/** Decodes `get_maintenance_list`: an array of tickets. Drops and counts tickets without a usable id. */
export function decodeList(result: unknown, { residenceId }: { residenceId: Id }): DecodedReply<Maintenance[]> {
  if (!Array.isArray(result)) throw unexpectedResult(result);
  const tickets = result.filter(hasUsableId);
  return decodeTickets(tickets, residenceId, result.length - tickets.length);
}

/** Decodes `get_maintenance_info`: one ticket, which does not repeat its id. */
export function decodeInfo(result: unknown, { residenceId, maintenanceId }: MaintenanceKey): DecodedReply<Maintenance> {
  if (!isObject(result) || Object.keys(result).length === 0) throw unexpectedResult(result);
  const { value, ...rest } = decodeTickets([{ ...result, maintenance_id: maintenanceId }], residenceId, 0);
  return { ...rest, value: value[0] as Maintenance };
}

/** Decodes a result with the id of the written ticket. */
export function decodeId(result: unknown): DecodedReply<Id> {
  if (!hasUsableId(result)) throw unexpectedResult(result);
  return { value: result.maintenance_id };
}

/** Decodes a result without a value: an object whose members do not matter. */
export function decodeVoid(result: unknown): DecodedReply<void> {
  if (!isObject(result)) throw unexpectedResult(result);
  return { value: undefined };
}

/** Decodes the tickets of one reply. Its undecodable members are one and the same error. */
function decodeTickets(tickets: readonly Ticket[], residenceId: Id, dropped: number): DecodedReply<Maintenance[]> {
  const residence = { id: residenceId };
  const flaws = new Set<Flaw>(dropped > 0 ? ['maintenance_id'] : []);
  let memberError: CommandApiError | undefined;

  function check<T>(member: MemberName, value: T | undefined): T | CommandApiError {
    if (value !== undefined) return value;
    flaws.add(member);
    memberError ??= new CommandApiError('invalid', { detail: 'undecodable member' });
    return memberError;
  }

  const value = tickets.map((ticket) => {
    const decoded = {
      id: formatMaintenanceId({ residenceId, maintenanceId: ticket.maintenance_id }),
      maintenanceId: ticket.maintenance_id,
      residence,
      startTime: check('start_time', decodeTime(ticket.start_time)),
      finishTime: check('finish_time', decodeTime(ticket.finish_time)),
      createdTime: check('created_time', decodeTime(ticket.created_time)),
      description: check('description', decodeText(ticket.description)),
      contact: check('contact', decodeText(ticket.contact)),
      feedback: check('feedback', decodeText(ticket.feedback)),
      pictureUrls: check('maintenance_picture_url', decodeTexts(ticket.maintenance_picture_url)),
      state: check('state', isAbsent(ticket.state) ? null : STATES.get(ticket.state)),
      size: 0,
    };
    decoded.size = sizeOf(decoded);
    return decoded;
  });
  return { value, flaws: [...flaws], dropped, ...(memberError && { memberError }) };
}

/** Counts characters, as `Maintenance.size` says. */
function sizeOf({ id, maintenanceId, description, contact, feedback, pictureUrls }: Maintenance): number {
  let size = id.length + maintenanceId.length;
  for (const text of [description, contact, feedback]) if (typeof text === 'string') size += text.length;
  if (Array.isArray(pictureUrls)) for (const url of pictureUrls) size += 16 + url.length;
  return size;
}

/** An empty time or state means null. */
function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

// The next three functions return undefined for an undecodable value.

/** Makes texts well-formed: Apollo Router rejects a whole response for half a surrogate pair. */
function decodeText(value: unknown): string | null | undefined {
  if (typeof value === 'string') return value.toWellFormed();
  return isAbsent(value) ? null : undefined;
}

function decodeTexts(value: unknown): string[] | null | undefined {
  if (!Array.isArray(value)) return (value ?? null) === null ? null : undefined;
  return value.every((text) => typeof text === 'string') ? value.map((text) => text.toWellFormed()) : undefined;
}

/** Decodes `2024-01-16 13:32:45`, which is UTC. */
function decodeTime(value: unknown): Moment | null | undefined {
  if (isAbsent(value)) return null;
  if (typeof value !== 'string' || value[10] !== ' ') return undefined;
  return parseMoment(`${value.slice(0, 10)}T${value.slice(11)}Z`);
}

function unexpectedResult(result: unknown): CommandApiError {
  const empty = result === '' || (typeof (result ?? {}) === 'object' && Object.keys(result ?? {}).length === 0);
  return empty ? invalid('empty', 'empty result') : invalid('result', 'unexpected result');
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasUsableId(value: unknown): value is Ticket {
  return isObject(value) && parseId(value.maintenance_id) !== undefined;
}

function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the error code of a failed reply, in either place that docs/command-api.md has a source for. */
function findCode(body: Json | undefined): string | undefined {
  return [body?.code, body?.errorCode].find(isCode)?.toString();
}

/** No prose, and shorter or with fewer digits than the vendor's ids, tokens and telephone numbers. */
function isCode(value: unknown): value is string | number {
  if (typeof value !== 'string' && !Number.isInteger(value)) return false;
  return /^[\w-]{1,32}$/.test(String(value)) && !/(\d\D*){10}/.test(String(value));
}
