import type { GraphQLResolveInfo } from 'graphql';
import type { Maintenance as Found, MaintenanceKey } from '../../maintenance.ts';
import type { MaintenanceResolvers } from '../__generated__/types.ts';
import { COSTS, chargeTickets, costOfText } from '../answer.ts';
import { toRepresentedKey } from '../arguments.ts';
import type { Context } from '../context.ts';

// The other fields are members of the record; one that could not be decoded is an Error there, which fails that field alone.
export const Maintenance = {
  __resolveReference: (representation: unknown, context: Context, info: GraphQLResolveInfo) =>
    loadMaintenance(() => toRepresentedKey(representation), context, info),

  residence: ({ residenceId }) => ({ id: residenceId }),
} satisfies MaintenanceResolvers;

/** One repair request with what is selected of it charged, or null where it does not exist. `toKey` may refuse the arguments. */
export function loadMaintenance(
  toKey: () => MaintenanceKey,
  context: Context,
  info: GraphQLResolveInfo,
): Promise<Found | null> {
  const { loaders } = context.caller();
  context.answer.charge(COSTS.entity, info.path);
  const key = toKey();
  context.answer.charge(costOfText('id', key.residenceId + key.maintenanceId), info.path);
  return loaders.details.load(key).then((found) => (found && chargeTickets([found], context.answer, info)[0]) ?? null);
}
