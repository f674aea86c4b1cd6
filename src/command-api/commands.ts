/**
 * The table of commands: one row has everything that distinguishes a command. docs/command-api.md is the contract.
 */
import type { Id, MaintenanceKey, Moment, NewMaintenance } from '../maintenance.ts';
import { type DecodedReply, decodeId, decodeInfo, decodeList, decodeVoid } from './decoder.ts';

/** A command that takes an `I` and returns a `T`. */
export interface Command<I, T> {
  /** The vendor's name. */
  readonly name: string;
  /**
   * Whether it changes something. A write is sent once, on a fresh connection: if the command API had just closed a kept one, the
   * outcome would be unknown. It is sent again only if it certainly was not sent. It joins no exchange, and later reads join none
   * from before it. Its operation continues without its caller, and its reply is never refused for lack of memory.
   */
  readonly isWrite: boolean;
  /** Returns the parameters as the vendor names and writes them. Those that are undefined are not sent. */
  serialize(input: I): object;
  /** Decodes the result of a success. Throws a `CommandApiError`. */
  decode(result: unknown, input: I): DecodedReply<T>;
}

const serializeResidence = ({ residenceId }: { residenceId: Id }) => ({ residence_id: residenceId });

const serializeKey = ({ residenceId, maintenanceId }: MaintenanceKey) => ({
  residence_id: residenceId,
  maintenance_id: maintenanceId,
});

const serializeBatch = ({ residenceId, maintenanceIds }: { residenceId: Id; maintenanceIds: readonly Id[] }) => ({
  residence_id: residenceId,
  maintenances: maintenanceIds.map((maintenance_id) => ({ maintenance_id })),
});

/** `2024-01-16T13:32:45Z` becomes `2024-01-16 13:32:45`. */
const serializeTime = (moment: Moment) => moment.replace('T', ' ').replace('Z', '');

const serializeNew = (input: NewMaintenance) => ({
  residence_id: input.residenceId,
  start_time: serializeTime(input.startTime),
  finish_time: serializeTime(input.finishTime),
  description: input.description,
  contact: input.contact,
  filename: input.pictureFilenames,
});

/** The commands, by our names. */
export const COMMANDS = {
  /** Returns all repair requests of a residence, in the command API's order. */
  getMaintenanceList: {
    name: 'get_maintenance_list',
    isWrite: false,
    serialize: serializeResidence,
    decode: decodeList,
  },
  /** Returns one repair request. The vendor documents no reply for an unknown id: see loaders.ts. */
  getMaintenanceInfo: { name: 'get_maintenance_info', isWrite: false, serialize: serializeKey, decode: decodeInfo },
  /** Returns the id of the new repair request. */
  createMaintenanceInfo: { name: 'create_maintenance_info', isWrite: true, serialize: serializeNew, decode: decodeId },
  deleteMaintenanceInfo: {
    name: 'delete_maintenance_info',
    isWrite: true,
    serialize: serializeKey,
    decode: decodeVoid,
  },
  /** The reply has no result for each id: after a failure, any of them may be deleted. */
  batchDeleteMaintenanceInfo: {
    name: 'batch_delete_maintenance_info',
    isWrite: true,
    serialize: serializeBatch,
    decode: decodeVoid,
  },
};
