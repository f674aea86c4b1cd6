import type { GraphQLResolveInfo } from 'graphql';
import { selectMaintenances } from '../../maintenance.ts';
import { turnFor } from '../../turns.ts';
import type { QueryMaintenancesArgs, ResidenceResolvers } from '../__generated__/types.ts';
import { COSTS, chargeTickets, costOfText, selectedBeneath, withinBudget } from '../answer.ts';
import { checkSelection, toRepresentedResidenceId } from '../arguments.ts';
import type { Context } from '../context.ts';

export const Residence = {
  // Another subgraph owns Residence and knows whether it exists. Returning its id needs no command and no token.
  __resolveReference: (representation: unknown, { answer }: Context, info: GraphQLResolveInfo) => {
    const id = toRepresentedResidenceId(representation);
    const { bytes, members } = selectedBeneath(info);
    answer.charge(COSTS.entity + bytes + costOfText('id', id) * (members.get('id') ?? 0), info.path);
    return { id };
  },

  maintenances: ({ id }, selection, context, info) =>
    listMaintenances({ residenceId: id, ...selection }, context, info),
} satisfies ResidenceResolvers;

/** Loads the list of a residence, for `Query.maintenances` and `Residence.maintenances`. */
export function listMaintenances(args: QueryMaintenancesArgs, context: Context, info: GraphQLResolveInfo) {
  return withinBudget(context.answer, info, () => {
    const { loaders } = context.caller();
    checkSelection(args);
    return loaders.loadList(args.residenceId).then(async (list) => {
      const perTicket = args.orderBy ? COSTS.orderedTicket : COSTS.scannedTicket;
      const scan = context.answer.charge(list.length * perTicket, info.path);
      const { tickets, cost } = chargeTickets(selectMaintenances(list, args), context.answer, info);
      // graphql produces the whole list at once.
      await turnFor('answer', (scan + cost) / COSTS.turnByte);
      return tickets;
    });
  });
}
