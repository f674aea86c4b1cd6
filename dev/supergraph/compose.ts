import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { CannotStart } from './read-subgraph.ts';

export interface Service {
  readonly name: string;
  /** Where it answers GraphQL. */
  readonly url: string;
  readonly sdl: string;
}

/** Returns the subgraphs as each composer takes them. */
export function toServices(subgraphs: readonly Service[]) {
  return subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) }));
}

/** Returns the supergraph, and prints the composer's hints, one a line. Throws a `CannotStart` with the composer's messages. */
export function composeSupergraph(subgraphs: readonly Service[]) {
  const { errors, schema, supergraphSdl, hints } = composeServices(toServices(subgraphs));
  if (errors)
    throw new CannotStart(['The supergraph does not compose:', ...errors.map(({ message }) => message)].join('\n  '));
  // Some messages quote descriptions, with many lines.
  for (const { definition, message } of hints) console.log(`Hint ${definition.code}: ${message.split('\n')[0]}`);
  return { toApi: () => schema.toAPISchema().toGraphQLJSSchema(), supergraphSdl };
}
