/** Reads the operations of consumers, and composes the API schema of the supergraph, to which consumers send them. */
import { globSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { gqlPluckFromCodeStringSync } from '@graphql-tools/graphql-tag-pluck';
import { type DocumentNode, type GraphQLSchema, Kind, parse, Source, separateOperations } from 'graphql';
import { parse as parseYaml } from 'yaml';
import { composeSupergraph, type Service } from './supergraph/compose.ts';

const read = (file: string) => readFileSync(file, 'utf8');

/**
 * Returns each operation with the fragments that it needs, and a name for people: the app, the operation and its file.
 * Files of one app share their fragments; a persisted operation has its own. Throws if a pattern matches no file.
 */
export function readOperations(patterns: readonly string[]): { name: string; document: DocumentNode }[] {
  const apps = new Map(patterns.flatMap(findFiles));
  return [...Map.groupBy(apps.keys(), (file) => apps.get(file) ?? '')].flatMap(([app, files]) => {
    const [persisted, shared] = [files.filter(isJson), files.filter((file) => !isJson(file))];
    const groups = [shared.flatMap(readSources), ...persisted.flatMap(readPersisted).map((source) => [source])];
    return groups.flatMap((sources) => separate(basename(app), sources));
  });
}

function separate(app: string, sources: readonly Source[]) {
  const definitions = sources.flatMap((source) => parse(source).definitions);
  const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
  return definitions.flatMap((one) => {
    if (one.kind !== Kind.OPERATION_DEFINITION) return [];
    const name = `${app}: ${one.name?.value ?? 'an unnamed operation'} (${one.loc?.source.name})`;
    // One at a time: separateOperations() keeps only the last of the operations with one name.
    const documents = separateOperations({ kind: Kind.DOCUMENT, definitions: [one, ...fragments] });
    return Object.values(documents).map((document) => ({ name, document }));
  });
}

/** Returns each matching file and its app's folder: the first folder below the part of the pattern without wildcards. */
function findFiles(pattern: string): [file: string, app: string][] {
  const files = globSync(pattern).filter((path) => statSync(path).isFile());
  if (files.length === 0) throw new Error(`--operations '${pattern}' matches no file.`);
  const base = dirname(pattern.replace(/[*?[{(].*/, 'x'));
  return files.sort().map((file) => [file, join(base, String(dirname(relative(base, file)).split(sep)[0]))]);
}

const isJson = (file: string) => file.endsWith('.json');

/** Returns the texts of a file of persisted operations, as Relay's compiler writes it. */
function readPersisted(file: string): Source[] {
  try {
    const texts = Object.entries<string>(JSON.parse(read(file)));
    // The constructor refuses a value that is not a string.
    return texts.map(([hash, text]) => new Source(text, `${file}#${hash}`));
  } catch {
    throw new Error(`${file} does not have persisted operations: { "<hash>": "<text>" }.`);
  }
}

/** Returns the documents of a file: of code, the templates `gql`, `graphql` and `GraphQL` in a comment. */
function readSources(file: string): Source[] {
  if (!/\.[cm]?[jt]sx?$/.test(file)) return [new Source(read(file), file)];
  try {
    // Errors name the right line only if the indentation stays.
    return gqlPluckFromCodeStringSync(file, read(file), { skipIndent: true });
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : error}`);
  }
}

/** A subgraph in Rover's file. */
interface Entry {
  readonly routing_url: string;
  readonly schema: { readonly file: string };
}

/**
 * Returns the API schema of the subgraphs in Rover's file `config` and of `others`, which replace subgraphs of the same
 * name. Prints the composer's hints, and throws its messages.
 */
export function composeApi(config: string, others: readonly Service[]): GraphQLSchema {
  const entries = Object.entries<Entry>(parseYaml(read(config)).subgraphs);
  const sdlOf = ({ schema }: Entry) => read(join(dirname(config), schema.file));
  const own = entries.map(([name, entry]) => ({ name, url: entry.routing_url, sdl: sdlOf(entry) }));
  const subgraphs = new Map([...own, ...others].map((one) => [one.name, one]));
  const { schema } = composeSupergraph([...subgraphs.values()]);
  return schema.toAPISchema().toGraphQLJSSchema();
}
