/**
 * The table of commands: one row has everything that distinguishes a command. docs/command-api.md is the contract.
 */
import type { Command } from '../command-api/command.ts';
import { decodeVoid, serializeTime } from '../command-api/decoding.ts';
import { LIMITS } from '../limits.ts';
import type { Id } from '../values.ts';
import type { MaintenanceKey, NewMaintenance } from './model.ts';
import { decodeInfo, decodeList, decodeTicketId } from './tickets.ts';

const READ = { isWrite: false } as const;
const WRITE = { isWrite: true, maxReplyBytes: LIMITS.writeReplyBytes } as const;

const serializeResidence = ({ residenceId }: { readonly residenceId: Id }) => ({ residence_id: residenceId });

const serializeKey = ({ residenceId, maintenanceId }: MaintenanceKey) => ({
  residence_id: residenceId,
  maintenance_id: maintenanceId,
});

const serializeBatch = ({ residenceId, maintenanceIds }: { residenceId: Id; maintenanceIds: readonly Id[] }) => ({
  residence_id: residenceId,
  maintenances: maintenanceIds.map((maintenance_id) => ({ maintenance_id })),
});

const serializeNew = (input: NewMaintenance) => ({
  residence_id: input.residenceId,
  start_time: serializeTime(input.startTime),
  finish_time: serializeTime(input.finishTime),
  description: input.description,
  contact: input.contact,
  filename: input.pictureFilenames,
});

/** The commands, by the vendor's names in our case. */
export const COMMANDS = {
  /** Returns all maintenances of a residence, in the command API's order. */
  getMaintenanceList: { ...READ, name: 'get_maintenance_list', serialize: serializeResidence, decode: decodeList },
  /** Returns one maintenance. The vendor documents no reply for an unknown id: see loaders.ts. */
  getMaintenanceInfo: { ...READ, name: 'get_maintenance_info', serialize: serializeKey, decode: decodeInfo },
  /** Returns the id of the new maintenance. */
  createMaintenanceInfo: { ...WRITE, name: 'create_maintenance_info', serialize: serializeNew, decode: decodeTicketId },
  deleteMaintenanceInfo: { ...WRITE, name: 'delete_maintenance_info', serialize: serializeKey, decode: decodeVoid },
  /** The reply has no result for each id: after a failure, any of them may be deleted. */
  batchDeleteMaintenanceInfo: {
    ...WRITE,
    name: 'batch_delete_maintenance_info',
    serialize: serializeBatch,
    decode: decodeVoid,
  },
} satisfies Record<string, Command<never, unknown>>;
