/** Reads the operations of consumers, and composes the API schema of the supergraph, to which consumers send them. */
import { globSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { composeServices } from '@theguild/federation-composition';
import {
  buildASTSchema,
  type DocumentNode,
  type GraphQLSchema,
  Kind,
  parse,
  Source,
  separateOperations,
} from 'graphql';
import { parse as parseYaml } from 'yaml';

const read = (file: string) => readFileSync(file, 'utf8');

/**
 * Returns each operation with the fragments that it needs, and a name for people: the app, the operation and its file.
 * Files of one app share their fragments. Throws if a pattern matches no file.
 */
export function readOperations(patterns: readonly string[]): { name: string; document: DocumentNode }[] {
  const apps = new Map(patterns.flatMap(findFiles));
  return [...Map.groupBy(apps.keys(), (file) => apps.get(file) ?? '')].flatMap(([app, files]) => {
    const definitions = files.flatMap((file) => parse(new Source(read(file), file)).definitions);
    const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
    return definitions.flatMap((one) => {
      if (one.kind !== Kind.OPERATION_DEFINITION) return [];
      const name = `${basename(app)}: ${one.name?.value ?? 'an unnamed operation'} (${one.loc?.source.name})`;
      // One at a time: separateOperations() keeps only the last of the operations with one name.
      const documents = separateOperations({ kind: Kind.DOCUMENT, definitions: [one, ...fragments] });
      return Object.values(documents).map((document) => ({ name, document }));
    });
  });
}

/** Returns each matching file and its app's folder: the first folder below the part of the pattern without wildcards. */
function findFiles(pattern: string): [file: string, app: string][] {
  const files = globSync(pattern).filter((path) => statSync(path).isFile());
  if (files.length === 0) throw new Error(`--operations '${pattern}' matches no file.`);
  const base = dirname(pattern.replace(/[*?[{(].*/, 'x'));
  return files.sort().map((file) => [file, join(base, String(dirname(relative(base, file)).split(sep)[0]))]);
}

/**
 * Returns the API schema of the subgraphs in Rover's file `config` and of `others`, which replace subgraphs of the same
 * name. Throws the composer's messages.
 */
export function composeApi(config: string, others: readonly { name: string; sdl: string }[]): GraphQLSchema {
  const { subgraphs } = parseYaml(read(config)) as { subgraphs: Record<string, { schema: { file: string } }> };
  const own = Object.entries(subgraphs).map(([name, { schema }]) => ({
    name,
    sdl: read(join(dirname(config), schema.file)),
  }));
  const sdls = new Map([...own, ...others].map(({ name, sdl }) => [name, sdl]));
  const services = Array.from(sdls, ([name, sdl]) => ({ name, typeDefs: parse(sdl) }));
  const { publicDocumentNode, errors } = composeServices(services);
  if (errors)
    throw new Error(['The supergraph does not compose:', ...errors.map(({ message }) => message)].join('\n  '));
  return buildASTSchema(publicDocumentNode);
}
