/**
 * Which operations of consumers a changed schema breaks. Consumers send their operations to the router, so the API schema
 * of the supergraph decides, not this subgraph's schema.
 */
import { globSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { composeServices } from '@theguild/federation-composition';
import {
  buildASTSchema,
  type DocumentNode,
  GraphQLError,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isInputObjectType,
  Kind,
  parse,
  Source,
  separateOperations,
  TypeInfo,
  validate,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { parse as parseYaml } from 'yaml';

interface Operation {
  /** The app, the operation and its file, for people. */
  readonly name: string;
  /** The operation with the fragments that it needs. */
  readonly document: DocumentNode;
}

const read = (file: string) => readFileSync(file, 'utf8');

/** Returns the operations of every app. Files of one app share their fragments. Throws if a pattern matches no file. */
export function readOperations(patterns: readonly string[]): Operation[] {
  const folders = new Map(patterns.flatMap(findFolders));
  return [...Map.groupBy(folders.keys(), (file) => folders.get(file) ?? '')].flatMap(([folder, files]) => {
    const definitions = files.flatMap((file) => parseFile(file).definitions);
    const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
    return definitions.flatMap((one) => {
      if (one.kind !== Kind.OPERATION_DEFINITION) return [];
      const name = `${basename(folder)}: ${one.name?.value ?? 'an unnamed operation'} (${one.loc?.source.name})`;
      // One at a time: separateOperations() keeps only the last of the operations with one name.
      const documents = separateOperations({ kind: Kind.DOCUMENT, definitions: [one, ...fragments] });
      return Object.values(documents).map((document) => ({ name, document }));
    });
  });
}

/** Returns each matching file and its app's folder: the first folder below the part of the pattern without wildcards. */
function findFolders(pattern: string): [file: string, folder: string][] {
  const files = globSync(pattern)
    .filter((path) => statSync(path).isFile())
    .sort();
  if (files.length === 0) throw new Error(`--operations '${pattern}' matches no file.`);
  const parts = pattern.split('/').slice(0, -1);
  const wildcard = parts.findIndex((part) => /[*?[{(]/.test(part));
  const base = parts.slice(0, wildcard < 0 ? parts.length : wildcard).join('/');
  return files.map((file) => {
    const [first = '', ...rest] = relative(base, file).split(sep);
    return [file, rest.length > 0 ? join(base, first) : dirname(file)];
  });
}

function parseFile(file: string): DocumentNode {
  try {
    return parse(new Source(read(file), file));
  } catch (error) {
    throw error instanceof GraphQLError ? new Error(locate(error)) : error;
  }
}

const locate = ({ source, locations, message }: GraphQLError) => `${source?.name}:${locations?.[0]?.line}: ${message}`;

/**
 * Returns the API schema of the subgraphs in Rover's file `config`, with `sdl` as the content of the file `schema`, and of
 * `others`, which replace subgraphs of the same name. Throws the composer's messages.
 */
export function composeApi(
  config: string,
  schema: string,
  sdl: string,
  others: readonly { readonly name: string; readonly sdl: string }[] = [],
): GraphQLSchema {
  const { subgraphs } = parseYaml(read(config)) as { subgraphs: Record<string, { schema: { file: string } }> };
  const texts = new Map(
    Object.entries(subgraphs).map(([name, subgraph]) => {
      const file = join(dirname(config), subgraph.schema.file);
      return [name, file === schema ? sdl : read(file)];
    }),
  );
  for (const { name, sdl } of others) texts.set(name, sdl);
  const services = Array.from(texts, ([name, text]) => ({ name, typeDefs: parse(text) }));
  const { publicDocumentNode, errors } = composeServices(services);
  if (errors)
    throw new Error(`The supergraph does not compose:\n${errors.map((one) => `  ${one.message}`).join('\n')}`);
  return buildASTSchema(publicDocumentNode);
}

/** Returns a text for each operation that is not valid: whether it was before, and graphql's messages. */
export function findInvalid(
  operations: Operation[],
  before: GraphQLSchema | undefined,
  after: GraphQLSchema,
): string[] {
  return operations.flatMap(({ name, document }) => {
    const errors = validate(after, document).map((error) => `\n  ${locate(error)}`);
    if (errors.length === 0) return [];
    const wasInvalid = before && validate(before, document).length > 0;
    return `${name} ${wasInvalid ? 'is not valid, nor was it in the last release' : 'is no longer valid'}.${errors.join('')}`;
  });
}

/** Returns the names of the operations that use an element, given by its coordinate: `Type.field`, for example. */
export function findUsers(operations: Operation[], schema: GraphQLSchema, element: string): string[] {
  const whole = `${element.split('.')[0]}.*`;
  return operations.flatMap(({ name, document }) => {
    const used = collectUsed(schema, document);
    return used.has(element) || used.has(whole) ? name : [];
  });
}

/** Returns the coordinates of all that an operation uses. A variable may use anything in its type: `Input.*`. */
function collectUsed(schema: GraphQLSchema, document: DocumentNode): Set<string> {
  const used = new Set<string>();
  const info = new TypeInfo(schema);
  const named = (type: Parameters<typeof getNamedType>[0]) => String(getNamedType(type));
  const field = () => `${info.getParentType()}.${info.getFieldDef()?.name}`;
  const addWhole = (type: GraphQLNamedType | undefined) => {
    if (!type || used.has(`${type}.*`)) return;
    used.add(`${type}`).add(`${type}.*`);
    for (const inner of isInputObjectType(type) ? Object.values(type.getFields()) : [])
      addWhole(getNamedType(inner.type));
  };
  const visitor = visitWithTypeInfo(info, {
    enter(node) {
      const input = named(info.getInputType());
      if (node.kind === Kind.FIELD) used.add(field()).add(named(info.getParentType())).add(named(info.getType()));
      if (node.kind === Kind.ARGUMENT) used.add(`${field()}.${node.name.value}`).add(input);
      if (node.kind === Kind.OBJECT_FIELD)
        used.add(`${named(info.getParentInputType())}.${node.name.value}`).add(input);
      if (node.kind === Kind.ENUM) used.add(`${input}.${node.value}`);
      if (node.kind === Kind.VARIABLE_DEFINITION) addWhole(getNamedType(info.getInputType()));
    },
  });
  visit(document, visitor);
  return used;
}
