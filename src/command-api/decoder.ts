/**
 * What the command API answers, from `unknown` to the domain. The contract is docs/command-api.md; this is the one
 * boundary where it is held against what came.
 */
import type { Decoded, Maintenance, MaintenanceKey, MaintenanceState } from '../maintenance.ts';
import { formatIdsOf, formatMaintenanceId, isMoment, isUsableId } from '../maintenance.ts';
import type { Command } from './command.ts';
import { CommandApiError } from './errors.ts';

/** An HTTP answer, as it came. */
export interface Reply {
  readonly status: number;
  readonly text: string;
}

type Json = Record<string, unknown>;

const STATES: ReadonlyMap<unknown, MaintenanceState> = new Map([
  ['wait for confirmation', 'WAIT_FOR_CONFIRMATION'],
  ['in progress', 'IN_PROGRESS'],
  ['completed', 'COMPLETED'],
  ['closed', 'CLOSED'],
]);

/**
 * The `result` of a reply, if the command succeeded; throws the failure otherwise. The status decides before the body:
 * a gateway or a Dapr sidecar may have written the body of a 401, 403, 429 or 5xx.
 */
export function decodeReply({ status, text }: Reply, command: Command): unknown {
  const body = parseObject(text);
  if (status >= 200 && status < 300 && body?.success === true) return body.result;
  const details = { detail: `status ${status}`, upstreamCode: findCode(body) };
  if (status === 401) throw new CommandApiError(command, 'unauthenticated', details);
  if (status === 403) throw new CommandApiError(command, 'forbidden', details);
  if (status === 429 || status >= 500) throw new CommandApiError(command, 'unavailable', details);
  if (body?.success === false) throw new CommandApiError(command, 'rejected', details);
  throw new CommandApiError(command, 'invalid', { ...details, flaw: 'envelope' });
}

/** `get_maintenance_list`: an array of tickets. A ticket without a usable id is left out and counted, and is a flaw. */
export function decodeList(result: unknown, residenceId: string, command: Command): Maintenance[] {
  if (!Array.isArray(result)) throw unexpectedResult(command, result);
  const unusable = unusableMember(command);
  const formatId = formatIdsOf(residenceId);
  const maintenances = result.filter(hasUsableId).map((ticket) => {
    const maintenanceId = ticket.maintenance_id;
    return decodeTicket(ticket, { id: formatId(maintenanceId), residenceId, maintenanceId }, unusable);
  });
  if (maintenances.length < result.length) {
    command.dropped = result.length - maintenances.length;
    command.flaws.add('ticket');
  }
  return maintenances;
}

/** `get_maintenance_info`: one ticket, which does not repeat its id. */
export function decodeInfo(result: unknown, key: MaintenanceKey, command: Command): Maintenance {
  if (!isObject(result) || Object.keys(result).length === 0) throw unexpectedResult(command, result);
  return decodeTicket(result, { id: formatMaintenanceId(key), ...key }, unusableMember(command));
}

/** `create_maintenance_info`: the command API's id of the new ticket. */
export function decodeCreated(result: unknown, command: Command): string {
  if (!hasUsableId(result)) throw unexpectedResult(command, result);
  return result.maintenance_id;
}

/** Both delete commands: an object with nothing in it that matters. */
export function decodeDeleted(result: unknown, command: Command): void {
  if (!isObject(result)) throw unexpectedResult(command, result);
}

function decodeTicket(ticket: Json, identity: MaintenanceKey & { id: string }, unusable: () => Error): Maintenance {
  const member = <T>(name: string, decode: (value: unknown) => T | null | undefined): Decoded<T> => {
    const value = ticket[name] ?? null;
    const decoded = value === null ? null : decode(value);
    return decoded === undefined ? unusable() : decoded;
  };
  return {
    ...identity,
    startTime: member('start_time', decodeTime),
    finishTime: member('finish_time', decodeTime),
    createdTime: member('created_time', decodeTime),
    description: member('description', decodeText),
    contact: member('contact', decodeText),
    feedback: member('feedback', decodeText),
    pictureUrls: member('maintenance_picture_url', decodeTexts),
    state: member('state', (value) => (value === '' ? null : STATES.get(value))),
  };
}

/** One error for all members of a reply that cannot be read: a long list of them must not cost a stack trace each. */
function unusableMember(command: Command): () => Error {
  let error: Error | undefined;
  return () => {
    command.flaws.add('member');
    error ??= new CommandApiError(command, 'invalid', { detail: 'unusable member' });
    return error;
  };
}

// A decoder answers undefined for what it cannot read.

/** Well-formed, since Apollo Router refuses a whole answer for half a surrogate pair. */
function decodeText(value: unknown): string | undefined {
  return typeof value === 'string' ? value.toWellFormed() : undefined;
}

function decodeTexts(value: unknown): string[] | undefined {
  if (!Array.isArray(value) || !value.every((text) => typeof text === 'string')) return undefined;
  return value.map((text) => text.toWellFormed());
}

/** `2024-01-16 13:32:45`, which is UTC. */
function decodeTime(value: unknown): string | null | undefined {
  if (value === '') return null;
  if (typeof value !== 'string' || value[10] !== ' ') return undefined;
  const time = `${value.slice(0, 10)}T${value.slice(11)}Z`;
  return isMoment(time) ? time : undefined;
}

function unexpectedResult(command: Command, result: unknown): CommandApiError {
  const empty = result === '' || (typeof (result ?? {}) === 'object' && Object.keys(result ?? {}).length === 0);
  const flaw = empty ? 'empty' : 'result';
  return new CommandApiError(command, 'invalid', { detail: empty ? 'empty result' : 'unexpected result', flaw });
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasUsableId(value: unknown): value is Json & { maintenance_id: string } {
  return isObject(value) && typeof value.maintenance_id === 'string' && isUsableId(value.maintenance_id);
}

function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The reason that a failed reply gives, under any of the names seen, where it can only be a code. */
function findCode(body: Json | undefined): string | undefined {
  const places = [body, body?.result, body?.error].filter(isObject);
  const values = places.flatMap(({ code, error_code, errorCode, error }) => [code, error_code, errorCode, error]);
  return values.find(isCode)?.toString();
}

/** No text, and shorter and with fewer digits than the vendor's ids and tokens or a telephone number. */
function isCode(value: unknown): value is string | number {
  if (typeof value !== 'string' && !Number.isInteger(value)) return false;
  return /^[\w-]{1,32}$/.test(String(value)) && !/(\d\D*){10}/.test(String(value));
}
