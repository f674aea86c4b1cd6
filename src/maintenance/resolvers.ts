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
import { deleteMaintenances, type WriteAccess } from './batch-delete.ts';
import { COMMANDS } from './commands.ts';
import type { Loaders } from './loaders.ts';
import { formatMaintenanceId, type MaintenanceKey, selectMaintenances } from './model.ts';

/** The context of resolvers that read: they cannot write. */
export interface ReadContext {
  /** Throws `UNAUTHENTICATED` if the caller has sent no usable token. */
  requireAccess(): { readonly loaders: Loaders };
}

/** The context of resolvers that write. Nothing is read beside a write, and it clears the loaders. */
export interface WriteContext {
  requireAccess(): WriteAccess;
}

const Query: Required<QueryResolvers<ReadContext>> = {
  maintenances: (_, args, { requireAccess }) => listMaintenances(requireAccess().loaders, args),

  maintenance: (_, { id }, { requireAccess }) => requireAccess().loaders.maintenanceByKey.load(parseKey(id)),
};

/** A payload that holds the key of the written request, and reads the request back. */
const CreateMaintenancePayload = {
  maintenance: (key: MaintenanceKey, _: object, { requireAccess }: ReadContext) =>
    requireAccess().loaders.maintenanceByKey.load(key),
};

const Residence = {
  maintenances: ({ id }, args, { requireAccess }) =>
    listMaintenances(requireAccess().loaders, { residenceId: id, ...args }),
} satisfies ResidenceResolvers<ReadContext>;

/** The resolvers that read, by type. */
export const reads = { Query, CreateMaintenancePayload, Residence };

/** The resolvers of `Mutation`. */
export const writes: Required<MutationResolvers<WriteContext>> = {
  createMaintenance: async (_, { input }, { requireAccess }) => {
    const { write } = requireAccess();
    const parsed = parseNewMaintenance(input);
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
  Maintenance: (representation: unknown, { requireAccess }: ReadContext) =>
    requireAccess().loaders.maintenanceByKey.load(parseRepresentedKey(representation)),

  // Another subgraph owns Residence and knows whether it exists. Returning its id needs no command and no token.
  Residence(representation: unknown) {
    const id = parseRepresentedResidenceId(representation);
    return { __typename: 'Residence', id };
  },
};

/** Loads the list of a residence, for one of the two fields that return it. */
async function listMaintenances({ loadList }: Loaders, args: QueryMaintenancesArgs) {
  const { residenceId, ...selection } = parseListArguments(args);
  return selectMaintenances(await loadList(residenceId), selection);
}
