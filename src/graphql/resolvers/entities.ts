import type { GraphQLFieldResolver } from 'graphql';
import { withinBudget } from '../answer.ts';
import { checkRepresentations, get } from '../arguments.ts';
import type { Context } from '../context.ts';
import { badInput } from '../errors.ts';
import { Maintenance } from './maintenance.ts';
import { Residence } from './residence.ts';

const ENTITIES = new Map<unknown, typeof Maintenance | typeof Residence>(Object.entries({ Maintenance, Residence }));

/**
 * Resolves each representation separately. The library's resolver nulls the whole list for one unknown type, has no
 * limit and creates several promises per representation.
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
