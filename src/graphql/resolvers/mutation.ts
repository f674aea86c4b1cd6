import type { MutationResolvers } from '../../__generated__/types.ts';
import { COMMANDS } from '../../command-api/commands.ts';
import { formatMaintenanceId, type MaintenanceKey } from '../../maintenance.ts';
import { checkNewMaintenance, toKey, toKeys } from '../arguments.ts';
import { deleteMaintenances } from '../batch-delete.ts';
import type { Context } from '../context.ts';
import { describeFailures } from '../errors.ts';

// Sending a write also clears the loaders: see `addCommand` in context.ts.
export const Mutation: MutationResolvers = {
  createMaintenance: async (_, { input }, { caller }) => {
    const { client } = caller();
    const maintenanceId = await client.send(COMMANDS.createMaintenanceInfo, checkNewMaintenance(input));
    return toPayload({ residenceId: input.residenceId, maintenanceId });
  },

  deleteMaintenance: async (_, { id }, { caller }) => {
    const { client } = caller();
    const key = toKey(id);
    await client.send(COMMANDS.deleteMaintenanceInfo, key);
    return { id: formatMaintenanceId(key), residence: { id: key.residenceId } };
  },

  deleteMaintenances: async (_, { ids }, { caller, unforeseen }) => {
    const deletions = await deleteMaintenances(caller().client, toKeys(ids));
    const [failed, deleted] = [deletions.filter(({ error }) => error), deletions.filter(({ error }) => !error)];
    return { deletedIds: deleted.map(({ id }) => id), failures: describeFailures(failed, unforeseen) };
  },
};

/** Resolves `maintenance` in every payload that has it: reads the written request back. The payload holds its key. */
export const readBack = (key: MaintenanceKey, _: object, { caller }: Context) => caller().maintenanceByKey.load(key);

/** Returns a payload with `id` and `maintenance`. */
function toPayload(key: MaintenanceKey) {
  return { ...key, id: formatMaintenanceId(key) };
}
