/**
 * The resolvers: each parses its arguments, then calls a loader or the client. A field without a resolver is read by
 * `readMember` in guard.ts.
 */
import { GraphQLScalarType } from 'graphql';
import type {
  MutationResolvers,
  QueryMaintenancesArgs,
  QueryResolvers,
  ResidenceResolvers,
} from '../__generated__/types.ts';
import { COMMANDS } from '../command-api/commands.ts';
import { formatMaintenanceId, type MaintenanceKey, selectMaintenances } from '../maintenance.ts';
import {
  parseCreateInput,
  parseKey,
  parseKeys,
  parseListArguments,
  parseRepresentedKey,
  parseRepresentedResidenceId,
} from './arguments.ts';
import { deleteMaintenances } from './batch-delete.ts';
import type { Loaders } from './loaders.ts';
import type { Operation } from './operation.ts';

export const Query: Required<QueryResolvers> = {
  maintenances: (_, args, { requireAccess }) => listMaintenances(requireAccess().loaders, args),

  maintenance: (_, { id }, { requireAccess }) => requireAccess().loaders.maintenanceByKey.load(parseKey(id)),
};

// The wrapper of these resolvers also clears the loaders: see `guardMutation` in guard.ts.
export const Mutation: Required<MutationResolvers> = {
  createMaintenance: async (_, { input }, { requireAccess }) => {
    const { client } = requireAccess();
    const parsed = parseCreateInput(input);
    const maintenanceId = await client.send(COMMANDS.createMaintenanceInfo, parsed);
    const key = { residenceId: parsed.residenceId, maintenanceId };
    return { ...key, createdId: formatMaintenanceId(key) };
  },

  deleteMaintenance: async (_, { id }, { requireAccess }) => {
    const { client } = requireAccess();
    const key = parseKey(id);
    await client.send(COMMANDS.deleteMaintenanceInfo, key);
    return { deletedId: formatMaintenanceId(key), residence: { id: key.residenceId } };
  },

  deleteMaintenances: (_, { ids }, operation) => {
    const { client } = operation.requireAccess();
    return deleteMaintenances(client, parseKeys(ids), operation);
  },
};

/** The payloads with resolvers. */
export const Payloads = { CreateMaintenancePayload: { maintenance: readBack } };

export const Maintenance = {
  __resolveReference: (representation: unknown, { requireAccess }: Operation) =>
    requireAccess().loaders.maintenanceByKey.load(parseRepresentedKey(representation)),
};

export const Residence = {
  // Another subgraph owns Residence and knows whether it exists. Returning its id needs no command and no token.
  __resolveReference(representation: unknown) {
    const id = parseRepresentedResidenceId(representation);
    return { id, size: id.length };
  },

  maintenances: ({ id }, args, { requireAccess }) =>
    listMaintenances(requireAccess().loaders, { residenceId: id, ...args }),
} satisfies ResidenceResolvers;

/**
 * A moment in UTC with seconds, `2024-01-16T13:32:45Z`. As input, any text: `arguments.ts` reports a malformed time with
 * the other faults of a field.
 */
export const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  parseValue: (value) => {
    if (typeof value === 'string') return value;
    throw new TypeError('not a text');
  },
});

/** Loads the list of a residence, for one of the two fields that return it. */
async function listMaintenances({ loadList }: Loaders, args: QueryMaintenancesArgs) {
  const { residenceId, ...selection } = parseListArguments(args);
  return selectMaintenances(await loadList(residenceId), selection);
}

/** Reads the written request back. The payload holds its key. */
function readBack(key: MaintenanceKey, _: object, { requireAccess }: Operation) {
  return requireAccess().loaders.maintenanceByKey.load(key);
}
