/** Reads the operations of consumers, and composes the API schema of the supergraph, to which consumers send them. */
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { gqlPluckFromCodeStringSync } from '@graphql-tools/graphql-tag-pluck';
import { type DocumentNode, type GraphQLSchema, Kind, parse, Source, separateOperations } from 'graphql';
import { parse as parseYaml } from 'yaml';
import { composeSupergraph, type Service } from './supergraph/compose.ts';

const read = (file: string) => readFileSync(file, 'utf8');

/**
 * Returns each operation with the fragments that it needs, and a name for people: the app, the operation and its file.
 * Files of one app share their fragments; a persisted operation has its own. Throws if the pattern matches no file.
 */
export function readOperations(pattern: string): { name: string; document: DocumentNode }[] {
  const files = globSync(pattern);
  if (files.length === 0) throw new Error(`--operations '${pattern}' matches no file.`);
  // The folder of an app is the first one below the part of the pattern without wildcards.
  const base = dirname(pattern.replace(/[*?[{(].*/, 'x'));
  const appOf = (file: string) => basename(join(base, String(dirname(relative(base, file)).split(sep)[0])));
  return [...Map.groupBy(files.sort(), appOf)].flatMap(([app, own]) => {
    const persisted = own.filter((file) => file.endsWith('.json'));
    const others = own.filter((file) => !persisted.includes(file));
    const groups = [others.flatMap(readSources), ...persisted.flatMap(readPersisted).map((source) => [source])];
    return groups.flatMap((sources) => separate(app, sources));
  });
}

function separate(app: string, sources: readonly Source[]) {
  const definitions = sources.flatMap((source) => parse(source).definitions);
  const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
  return definitions.flatMap((one) => {
    if (one.kind !== Kind.OPERATION_DEFINITION) return [];
    const name = `${app}: ${one.name?.value ?? 'an unnamed operation'} (${one.loc?.source.name})`;
    const [document] = Object.values(separateOperations({ kind: Kind.DOCUMENT, definitions: [one, ...fragments] }));
    return document ? { name, document } : [];
  });
}

/** Returns the texts of a file of persisted operations, as Relay's compiler writes it: `{ "<hash>": "<text>" }`. */
function readPersisted(file: string): Source[] {
  const texts = Object.entries<string>(JSON.parse(read(file)));
  return texts.map(([hash, text]) => new Source(text, `${file}#${hash}`));
}

/** Returns the documents of a file: of code, the templates `gql`, `graphql` and `GraphQL` in a comment. */
function readSources(file: string): Source[] {
  if (!/\.[cm]?[jt]sx?$/.test(file)) return [new Source(read(file), file)];
  // Errors name the right line only if the indentation stays.
  return gqlPluckFromCodeStringSync(file, read(file), { skipIndent: true });
}

/** A subgraph in Rover's file. */
type Entry = { readonly routing_url: string; readonly schema: { readonly file: string } };

/**
 * Returns the API schema of the subgraphs in Rover's file `config` and of `others`, which replace subgraphs of the same
 * name. Prints the composer's hints, and throws its messages.
 */
export function composeApi(config: string, others: readonly Service[]): GraphQLSchema {
  const entries = Object.entries<Entry>(parseYaml(read(config)).subgraphs);
  const sdlOf = ({ schema }: Entry) => read(join(dirname(config), schema.file));
  const own = entries.map(([name, entry]) => ({ name, url: entry.routing_url, sdl: sdlOf(entry) }));
  const subgraphs = new Map([...own, ...others].map((one) => [one.name, one]));
  return composeSupergraph([...subgraphs.values()])
    .schema.toAPISchema()
    .toGraphQLJSSchema();
}
