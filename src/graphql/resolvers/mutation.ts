import type { MutationResolvers } from '../../__generated__/types.ts';
import { COMMANDS } from '../../command-api/commands.ts';
import { formatMaintenanceId, type MaintenanceKey } from '../../maintenance.ts';
import { checkNewMaintenance, toKey, toKeys } from '../arguments.ts';
import { deleteMaintenances } from '../batch-delete.ts';
import type { Context } from '../context.ts';

// Sending a write also clears the loaders: see `addCommand` in context.ts.
export const Mutation: MutationResolvers = {
  createMaintenance: async (_, { input }, { authenticated }) => {
    const { client } = authenticated();
    const maintenanceId = await client.write(COMMANDS.createMaintenanceInfo, checkNewMaintenance(input));
    return toPayload({ residenceId: input.residenceId, maintenanceId });
  },

  deleteMaintenance: async (_, { id }, { authenticated }) => {
    const { client } = authenticated();
    const key = toKey(id);
    await client.write(COMMANDS.deleteMaintenanceInfo, key);
    return { id: formatMaintenanceId(key), residence: { id: key.residenceId } };
  },

  deleteMaintenances: (_, { ids }, { authenticated, unforeseen }) => {
    const { client } = authenticated();
    return deleteMaintenances(client, toKeys(ids), unforeseen);
  },
};

export const CreateMaintenancePayload = { maintenance: readBack };

/** Reads the written request of a payload back. */
function readBack(key: MaintenanceKey, _: object, { authenticated }: Context) {
  return authenticated().loaders.maintenanceByKey.load(key);
}

/** Returns a payload with `id` and `maintenance`. It holds the key, which `readBack` needs. */
function toPayload(key: MaintenanceKey) {
  return { ...key, id: formatMaintenanceId(key) };
}
