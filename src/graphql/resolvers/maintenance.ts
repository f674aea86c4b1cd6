import type { GraphQLResolveInfo } from 'graphql';
import type { MaintenanceKey } from '../../maintenance.ts';
import type { MaintenanceResolvers } from '../__generated__/types.ts';
import { COSTS, chargeTickets, costOfText } from '../answer.ts';
import { toRepresentedKey } from '../arguments.ts';
import type { Context } from '../context.ts';

// graphql reads all other fields from the record. An undecodable member is an Error there and fails only its own field.
export const Maintenance = {
  __resolveReference: (representation: unknown, context: Context, info: GraphQLResolveInfo) =>
    loadMaintenance(() => toRepresentedKey(representation), context, info),

  residence: ({ residenceId }) => ({ id: residenceId }),
} satisfies MaintenanceResolvers;

/** Loads a repair request and charges its fields; null if it does not exist. `toKey` may throw a `Refusal`. */
export function loadMaintenance(toKey: () => MaintenanceKey, context: Context, info: GraphQLResolveInfo) {
  const { loaders } = context.caller();
  context.answer.charge(COSTS.entity, info.path);
  const key = toKey();
  context.answer.charge(costOfText('id', key.residenceId + key.maintenanceId), info.path);
  return loaders.details
    .load(key)
    .then((found) => (found && chargeTickets([found], context.answer, info).tickets[0]) ?? null);
}
