import { CommandApiError } from '../../command-api/errors.ts';
import { formatMaintenanceId } from '../../maintenance.ts';
import type { CreateMaintenancePayloadResolvers, MutationResolvers } from '../__generated__/types.ts';
import { COSTS, costOfText, selectedBeneath, withinBudget } from '../answer.ts';
import { checkNewMaintenance, toKey, toKeys } from '../arguments.ts';
import { describeFailures, Refusal } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { createMaintenance, deleteMaintenance, deleteMaintenances } from '../writes.ts';
import { loadMaintenance } from './maintenance.ts';

export const Mutation: MutationResolvers = {
  createMaintenance: (_, { input }, context) =>
    asWrite(async () => createMaintenance(context.caller(), checkNewMaintenance(input))),

  deleteMaintenance: (_, { id }, context) =>
    asWrite(async () => {
      const key = await deleteMaintenance(context.caller(), toKey(id));
      return { id: formatMaintenanceId(key), residence: { id: key.residenceId } };
    }),

  deleteMaintenances: (_, { ids }, context, info) =>
    asWrite(async () => {
      const caller = context.caller();
      // Charge before sending: after the writes, a refusal would hide their results. Parsing an id costs as much as an
      // entity.
      const { bytes, members } = selectedBeneath(info);
      const idFields = (members.get('deletedIds') ?? 0) + (members.get('id') ?? 0);
      const costs = ids.slice(0, LIMITS.ids).map((id) => COSTS.entity + bytes + costOfText('id', id) * idFields);
      context.answer.charge(
        costs.reduce((sum, cost) => sum + cost, 0),
        info.path,
      );
      const deletions = await deleteMaintenances(caller, toKeys(ids));
      return {
        deletedIds: deletions.flatMap(({ id, error }) => (error ? [] : id)),
        failures: describeFailures(
          deletions.filter(({ error }) => error),
          context.unforeseen,
        ),
      };
    }),
};

export const CreateMaintenancePayload: CreateMaintenancePayloadResolvers = {
  id: (key) => formatMaintenanceId(key),

  maintenance: (key, _, context, info) =>
    withinBudget(context.answer, info, () => loadMaintenance(() => key, context, info)),
};

/** Adds `outcome` to each error of a mutation that is not a command's own error. */
async function asWrite<T>(resolve: () => Promise<T>): Promise<T> {
  try {
    return await resolve();
  } catch (error) {
    if (error instanceof Error && !(error instanceof CommandApiError)) {
      // A refusal precedes every command. An unforeseen error may come at any time.
      Object.assign(error, { outcome: error instanceof Refusal ? 'NOT_SENT' : 'UNKNOWN' });
    }
    throw error;
  }
}
