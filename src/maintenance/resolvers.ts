/**
 * The resolvers, which graphql/schema.ts wraps. A resolver with arguments parses them, and then calls a loader or sends
 * a write.
 */
import type {
  MutationResolvers,
  QueryMaintenancesArgs,
  QueryResolvers,
  ResidenceResolvers,
} from './__generated__/types.ts';
import {
  parseKey,
  parseKeys,
  parseListArguments,
  parseNewMaintenance,
  parseRepresentedKey,
  parseRepresentedResidenceId,
} from './arguments.ts';
import { deleteMaintenances, largestBatchPayload } from './batch-delete.ts';
import { COMMANDS } from './commands.ts';
import type { ReadContext, WriteContext } from './context.ts';
import type { Loaders } from './loaders.ts';
import { formatMaintenanceId, MAX_MAINTENANCE_ID_LENGTH, type MaintenanceKey, selectMaintenances } from './model.ts';

const Query: Required<QueryResolvers<ReadContext>> = {
  maintenances: (_, args, { requireLoaders }) => listMaintenances(requireLoaders(), args),

  maintenance: (_, { id }, { requireLoaders }) => requireLoaders().maintenanceByKey.load(parseKey(id)),
};

/** A payload that holds the key of the new maintenance, and reads the maintenance back. */
const CreateMaintenancePayload = {
  maintenance: (key: MaintenanceKey, _: object, { requireLoaders }: ReadContext) =>
    requireLoaders().maintenanceByKey.load(key),
};

const Residence = {
  maintenances: ({ id }, args, { requireLoaders }) => listMaintenances(requireLoaders(), { residenceId: id, ...args }),
} satisfies ResidenceResolvers<ReadContext>;

/** The resolvers that read, by type. */
export const readResolvers = { Query, CreateMaintenancePayload, Residence };

/** The resolvers of `Mutation`. */
export const writeResolvers: Required<MutationResolvers<WriteContext>> = {
  createMaintenance: async (_, { input }, { requireWriteAccess }) => {
    const { write } = requireWriteAccess();
    const parsed = parseNewMaintenance(input);
    const maintenanceId = await write(COMMANDS.createMaintenanceInfo, parsed);
    const key = { residenceId: parsed.residenceId, maintenanceId };
    return { ...key, createdId: formatMaintenanceId(key) };
  },

  deleteMaintenance: async (_, { id }, { requireWriteAccess }) => {
    const { write } = requireWriteAccess();
    const key = parseKey(id);
    await write(COMMANDS.deleteMaintenanceInfo, key);
    return { deletedId: formatMaintenanceId(key), residence: { id: key.residenceId } };
  },

  deleteMaintenances: (_, { ids }, { requireWriteAccess }) => deleteMaintenances(requireWriteAccess(), parseKeys(ids)),
};

/**
 * A payload of each mutation that is at least as large as any that the resolver above may return for these arguments.
 * Room for it is made before the write.
 */
export const largestPayloads = {
  createMaintenance: () => ({ createdId: 'x'.repeat(MAX_MAINTENANCE_ID_LENGTH) }),
  deleteMaintenance: ({ id }) => ({ deletedId: id, residence: { id } }),
  deleteMaintenances: ({ ids }) => largestBatchPayload(ids),
} satisfies LargestPayloads;

type LargestPayloads = {
  readonly [Name in keyof typeof writeResolvers]: (
    args: Parameters<ResolverFunction<(typeof writeResolvers)[Name]>>[1],
  ) => object;
};
type ResolverFunction<R> = Extract<R, (...args: never[]) => unknown>;

/** The reference resolvers, by entity. */
export const entities = {
  Maintenance: (representation: unknown, { requireLoaders }: ReadContext) =>
    requireLoaders().maintenanceByKey.load(parseRepresentedKey(representation)),

  // Another subgraph owns Residence and knows whether it exists. Returning its id needs no command and no token.
  Residence(representation: unknown) {
    const id = parseRepresentedResidenceId(representation);
    return { __typename: 'Residence', id };
  },
};

/** Loads the list of a residence, for one of the two fields that return it. */
async function listMaintenances({ loadList }: Loaders, args: QueryMaintenancesArgs) {
  const { residenceId, orderBy, ...options } = parseListArguments(args);
  return selectMaintenances(await loadList(residenceId, orderBy), options);
}
