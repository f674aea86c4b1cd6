/**
 * Decodes tickets: maintenances as the vendor sends them. docs/command-api.md is the contract.
 */
import type { DecodedReply } from '../command-api/command.ts';
import {
  decodeId,
  decodeOneOf,
  decodeText,
  decodeTexts,
  decodeTime,
  isObject,
  requireList,
  requireObject,
} from '../command-api/decoding.ts';
import { CommandFailure, type Flaw } from '../command-api/failures.ts';
import { type Id, parseId } from '../values.ts';
import { formatMaintenanceId, type Maintenance, type MaintenanceKey, type MaintenanceState } from './model.ts';

/** The vendor's states, in their order. */
export const STATES: ReadonlyMap<unknown, MaintenanceState> = new Map([
  ['wait for confirmation', 'WAIT_FOR_CONFIRMATION'],
  ['in progress', 'IN_PROGRESS'],
  ['completed', 'COMPLETED'],
  ['closed', 'CLOSED'],
]);

const NO_ID = { kind: 'ticket', member: 'maintenance_id' };
const TIMES = ['start_time', 'finish_time', 'created_time'] as const;
const FIELDS = [...TIMES, 'description', 'contact', 'feedback', 'maintenance_picture_url', 'state'] as const;
type Field = (typeof FIELDS)[number];
const flawOf = (member: Field): Flaw => ({ kind: 'member', member });
/** The flaws of a ticket, for logs and metrics: no usable id, or an undecodable field. */
export const FLAWS: readonly Flaw[] = [NO_ID, ...FIELDS.map(flawOf)];

/**
 * Decodes `get_maintenance_list`: an array of tickets. Drops and counts those without a usable id. All undecodable
 * fields are one and the same error.
 */
export function decodeList(result: unknown, { residenceId }: { residenceId: Id }): DecodedReply<Maintenance[]> {
  const tickets = requireList(result);
  const residence = { id: residenceId };
  const undecodable = new Set<Field>();
  let fieldError: CommandFailure | undefined;

  /** Returns a decoded value, or the error if there is none. */
  function check<T>(field: Field, value: T | undefined): T | CommandFailure {
    if (value !== undefined) return value;
    undecodable.add(field);
    fieldError ??= new CommandFailure('invalid', { detail: 'undecodable field' });
    return fieldError;
  }

  const value: Maintenance[] = [];
  for (const ticket of tickets) {
    const maintenanceId = isObject(ticket) ? parseId(ticket.maintenance_id) : undefined;
    if (!isObject(ticket) || !maintenanceId) continue;
    value.push({
      __typename: 'Maintenance',
      id: formatMaintenanceId({ residenceId, maintenanceId }),
      maintenanceId,
      residence,
      startTime: check('start_time', decodeTime(ticket.start_time)),
      finishTime: check('finish_time', decodeTime(ticket.finish_time)),
      createdTime: check('created_time', decodeTime(ticket.created_time)),
      description: check('description', decodeText(ticket.description)),
      contact: check('contact', decodeText(ticket.contact)),
      feedback: check('feedback', decodeText(ticket.feedback)),
      pictureUrls: check('maintenance_picture_url', decodeTexts(ticket.maintenance_picture_url)),
      state: check('state', decodeOneOf(ticket.state, STATES)),
    });
  }
  const dropped = tickets.length - value.length;
  const flaws = [...(dropped > 0 ? [NO_ID] : []), ...Array.from(undecodable, flawOf)];
  return { value, entries: value.length, flaws, dropped, fieldError };
}

/** Decodes `get_maintenance_info`: one ticket, which does not repeat its id. */
export function decodeInfo(result: unknown, { residenceId, maintenanceId }: MaintenanceKey): DecodedReply<Maintenance> {
  const ticket = { ...requireObject(result), maintenance_id: maintenanceId };
  const { value, ...rest } = decodeList([ticket], { residenceId });
  return { ...rest, value: value[0] as Maintenance };
}

/** Decodes a result with the id of the written ticket. */
export const decodeTicketId = (result: unknown) => decodeId(result, NO_ID.member);
