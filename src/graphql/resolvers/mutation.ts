import type { MutationResolvers } from '../../__generated__/types.ts';
import { COMMANDS } from '../../command-api/commands.ts';
import { formatMaintenanceId, type MaintenanceKey } from '../../maintenance.ts';
import { parseInput, parseKey, parseKeys } from '../arguments.ts';
import { deleteMaintenances } from '../batch-delete.ts';
import type { Context } from '../context.ts';

// The wrapper of these resolvers also clears the loaders: see `guardMutation` in guard.ts.
export const Mutation: Required<MutationResolvers> = {
  createMaintenance: async (_, { input }, { authenticated }) => {
    const { client } = authenticated();
    const parsed = parseInput('CreateMaintenanceInput', input);
    const maintenanceId = await client.send(COMMANDS.createMaintenanceInfo, parsed);
    const key = { residenceId: parsed.residenceId, maintenanceId };
    return { ...key, id: formatMaintenanceId(key) };
  },

  deleteMaintenance: async (_, { id }, { authenticated }) => {
    const { client } = authenticated();
    const key = parseKey(id);
    await client.send(COMMANDS.deleteMaintenanceInfo, key);
    return { id: formatMaintenanceId(key), residence: { id: key.residenceId } };
  },

  deleteMaintenances: (_, { ids }, context) => {
    const { client } = context.authenticated();
    return deleteMaintenances(client, parseKeys(ids), context);
  },
};

/** The payloads with resolvers. */
export const Payloads = { CreateMaintenancePayload: { maintenance: readBack } };

/** Reads the written request back. The payload holds its key. */
function readBack(key: MaintenanceKey, _: object, { authenticated }: Context) {
  return authenticated().loaders.maintenanceByKey.load(key);
}
