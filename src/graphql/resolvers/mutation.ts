import { CommandApiError } from '../../command-api/errors.ts';
import { formatMaintenanceId } from '../../maintenance.ts';
import type { CreateMaintenancePayloadResolvers, MutationResolvers } from '../__generated__/types.ts';
import { COSTS, costOfText, selectedBeneath, withinBudget } from '../answer.ts';
import { checkNewMaintenance, toKey, toKeys } from '../arguments.ts';
import type { Context } from '../context.ts';
import { describeFailures, Refusal } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Caller } from '../loaders.ts';
import { deleteMaintenances } from '../writes.ts';
import { loadMaintenance } from './maintenance.ts';

export const Mutation: MutationResolvers = {
  createMaintenance: (_, { input }, context) =>
    asWrite(context, async ({ client, countWrites }) => {
      const { residenceId } = checkNewMaintenance(input);
      countWrites(1);
      return { residenceId, maintenanceId: await client.createMaintenanceInfo(input) };
    }),

  deleteMaintenance: (_, { id }, context) =>
    asWrite(context, async ({ client, countWrites }) => {
      const key = toKey(id);
      countWrites(1);
      await client.deleteMaintenanceInfo(key);
      return { id: formatMaintenanceId(key), residence: { id: key.residenceId } };
    }),

  deleteMaintenances: (_, { ids }, context, info) =>
    asWrite(context, async (caller) => {
      // Charge before sending: after the writes, a refusal would hide their results. Parsing an id costs as much as an
      // entity.
      const { bytes, members } = selectedBeneath(info);
      const idFields = (members.get('deletedIds') ?? 0) + (members.get('id') ?? 0);
      let cost = 0;
      for (const id of ids.slice(0, LIMITS.ids)) cost += COSTS.entity + bytes + costOfText('id', id) * idFields;
      context.answer.charge(cost, info.path);
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
async function asWrite<T>(context: Context, resolve: (caller: Caller) => Promise<T>): Promise<T> {
  try {
    const caller = context.caller();
    // Clear even after a failure: the write may have taken effect.
    return await resolve(caller).finally(caller.loaders.clear);
  } catch (error) {
    // A refusal precedes every command. An unforeseen error may come at any time.
    if (error instanceof Refusal) error.extensions.outcome = 'NOT_SENT';
    else if (error instanceof Error && !(error instanceof CommandApiError))
      Object.assign(error, { outcome: 'UNKNOWN' });
    throw error;
  }
}
