/** Reads the operations of consumers, and composes the API schema of the supergraph, to which consumers send them. */
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { gqlPluckFromCodeStringSync } from '@graphql-tools/graphql-tag-pluck';
import { type DocumentNode, type GraphQLSchema, Kind, parse, Source, separateOperations } from 'graphql';
import { composeSupergraph } from './supergraph/compose.ts';
import { readSubgraph } from './supergraph/read-subgraph.ts';

/**
 * Returns each operation with the fragments that it needs, and a name for people: the app, the operation and its file.
 * Files of one app share their fragments; a persisted operation has its own. Throws if the pattern matches no file.
 */
export function readOperations(pattern: string): { name: string; document: DocumentNode }[] {
  const files = globSync(pattern).sort();
  if (files.length === 0) throw new Error(`--operations '${pattern}' matches no file.`);
  // The folder of an app is the first one below the part of the pattern without wildcards.
  const base = dirname(pattern.replace(/[*?[{(].*/, 'x'));
  const appOf = (file: string) => basename(join(base, String(dirname(relative(base, file)).split(sep)[0])));
  const sharing = Map.groupBy(files.flatMap(readSources), ({ name }) => (name.includes('#') ? name : appOf(name)));
  return [...sharing.values()].flatMap((sources) => {
    const definitions = sources.flatMap((source) => parse(source).definitions);
    const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
    const operations = definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
    return operations.flatMap((one) => {
      const file = String(one.loc?.source.name);
      const name = `${appOf(file)}: ${one.name?.value ?? 'an unnamed operation'} (${file})`;
      // One at a time: separateOperations() keeps only the last of the operations with one name.
      const documents = separateOperations({ kind: Kind.DOCUMENT, definitions: [one, ...fragments] });
      return Object.values(documents).map((document) => ({ name, document }));
    });
  });
}

/**
 * Returns the documents of a file: of code the templates `gql`, `graphql` and `GraphQL` in a comment, of JSON the persisted
 * operations, as Relay's compiler writes them: `{ "<hash>": "<text>" }`. Throws with the file's name.
 */
function readSources(file: string): Source[] {
  const text = readFileSync(file, 'utf8');
  try {
    if (file.endsWith('.json'))
      return Object.entries<string>(JSON.parse(text)).map(([hash, one]) => new Source(one, `${file}#${hash}`));
    // Errors name the right line only if the indentation stays.
    return /\.[cm]?[jt]sx?$/.test(file)
      ? gqlPluckFromCodeStringSync(file, text, { skipIndent: true })
      : [new Source(text, file)];
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
}

/**
 * Resolves to the API schema of our supergraph and `others`, each `NAME=FILE` or `NAME=URL`, which replace subgraphs of the same
 * name. Prints the composer's hints, and rejects with its messages.
 */
export async function composeApi(others: readonly string[]): Promise<GraphQLSchema> {
  const own = ['maintenance=schema/maintenance.graphql', 'residences=supergraph/residences.graphql'];
  const subgraphs = await Promise.all([...own, ...others].map(readSubgraph));
  return composeSupergraph([...new Map(subgraphs.map((one) => [one.name, one])).values()]).toApi();
}
