/**
 * The resolvers: each parses its arguments, then calls a loader or sends a write. A field without a resolver is read by
 * `resolveField` in graphql/guard.ts.
 */
import type { WriteContext } from '../graphql/operation.ts';
import type {
  MutationResolvers,
  QueryMaintenancesArgs,
  QueryResolvers,
  ResidenceResolvers,
} from './__generated__/types.ts';
import {
  compareTimes,
  parseInput,
  parseKey,
  parseKeys,
  parseListArguments,
  parseRepresentedKey,
  parseRepresentedResidenceId,
} from './arguments.ts';
import { deleteMaintenances } from './batch-delete.ts';
import { COMMANDS } from './commands.ts';
import type { Context, Loaders } from './loaders.ts';
import { formatMaintenanceId, type MaintenanceKey, selectMaintenances } from './model.ts';

const Query: Required<QueryResolvers<Context>> = {
  maintenances: (_, args, { requireAccess }) => listMaintenances(requireAccess().loaders, args),

  maintenance: (_, { id }, { requireAccess }) => requireAccess().loaders.maintenanceByKey.load(parseKey(id)),
};

/** A payload that holds the key of the written request, and reads the request back. */
const ReadBack = {
  maintenance: (key: MaintenanceKey, _: object, { requireAccess }: Context) =>
    requireAccess().loaders.maintenanceByKey.load(key),
};

const Residence = {
  maintenances: ({ id }, args, { requireAccess }) =>
    listMaintenances(requireAccess().loaders, { residenceId: id, ...args }),
} satisfies ResidenceResolvers<Context>;

/** The resolvers that read, by type. */
export const reads = { Query, CreateMaintenancePayload: ReadBack, Residence };

/** The resolvers of `Mutation`. Their guard also clears the loaders: see `guardMutation` in graphql/guard.ts. */
export const writes: Required<MutationResolvers<WriteContext>> = {
  createMaintenance: async (_, { input }, { requireAccess }) => {
    const { write } = requireAccess();
    const parsed = parseInput(input, compareTimes);
    const maintenanceId = await write(COMMANDS.createMaintenanceInfo, parsed);
    const key = { residenceId: parsed.residenceId, maintenanceId };
    return { ...key, createdId: formatMaintenanceId(key) };
  },

  deleteMaintenance: async (_, { id }, { requireAccess }) => {
    const { write } = requireAccess();
    const key = parseKey(id);
    await write(COMMANDS.deleteMaintenanceInfo, key);
    return { deletedId: formatMaintenanceId(key), residence: { id: key.residenceId } };
  },

  deleteMaintenances: (_, { ids }, { requireAccess }) => deleteMaintenances(requireAccess(), parseKeys(ids)),
};

/** The reference resolvers, by entity. */
export const entities = {
  Maintenance: (representation: unknown, { requireAccess }: Context) =>
    requireAccess().loaders.maintenanceByKey.load(parseRepresentedKey(representation)),

  // Another subgraph owns Residence and knows whether it exists. Returning its id needs no command and no token.
  Residence(representation: unknown) {
    const id = parseRepresentedResidenceId(representation);
    return { __typename: 'Residence', id, size: id.length };
  },
};

/** Loads the list of a residence, for one of the two fields that return it. */
async function listMaintenances({ loadList }: Loaders, args: QueryMaintenancesArgs) {
  const { residenceId, ...selection } = parseListArguments(args);
  return selectMaintenances(await loadList(residenceId), selection);
}
