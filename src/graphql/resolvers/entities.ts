import type { GraphQLFieldResolver } from 'graphql';
import { withinBudget } from '../answer.ts';
import { checkRepresentations, get } from '../arguments.ts';
import type { Context } from '../context.ts';
import { badInput } from '../errors.ts';
import { Maintenance } from './maintenance.ts';
import { Residence } from './residence.ts';

const ENTITIES = new Map<unknown, typeof Maintenance | typeof Residence>(Object.entries({ Maintenance, Residence }));

/**
 * Resolves each representation by itself, in place of the library: that one resolves them in one go, so that an unknown type
 * or a string among them would null the whole list; it takes any number of them, as often as there are aliases; and it makes
 * several promises of each.
 */
export const resolveEntities: GraphQLFieldResolver<unknown, Context> = (_, { representations }, context, info) => {
  checkRepresentations(representations);
  return representations.map((representation: unknown) =>
    withinBudget(context.answer, info, () => {
      const entity = ENTITIES.get(get(representation, '__typename'));
      if (!entity) throw badInput({ 'representations.__typename': 'must be an entity of this subgraph' });
      return entity.__resolveReference(representation, context, info);
    }),
  );
};
