/** `npm run schema:check`: compares the schema with that of the last release, and validates the operations of apps. */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { CriticalityLevel, diff, type Rule, validate } from '@graphql-inspector/core';
import { gqlPluckFromCodeStringSync } from '@graphql-tools/graphql-tag-pluck';
import { buildSchema, type GraphQLSchema, parse, print, Source } from 'graphql';
import { readOptions } from './options.ts';
import { composeSupergraph } from './supergraph/compose.ts';
import { readSubgraph } from './supergraph/read-subgraph.ts';

const SCHEMA = 'schema/maintenance.graphql';
const BASELINE = 'schema/baseline/maintenance.graphql';
// The message and the reason of each intended breaking change.
const DECLARED = 'schema/baseline/breaking-changes.json';
/** The directives of federation that the schema imports. */
const DIRECTIVES = `
  directive @link(url: String!, import: [String!]) repeatable on SCHEMA
  directive @key(fields: String!, resolvable: Boolean) repeatable on OBJECT
  directive @tag(name: String!) repeatable on FIELD_DEFINITION | OBJECT | ENUM | INPUT_OBJECT | ENUM_VALUE`;

/** Other subgraphs refer to a type by its key. The package compares keys in their order, so a new one goes last. */
const rateKeys: Rule = ({ changes }) =>
  changes.map((change) => {
    const { directiveName, removedDirectiveName = directiveName } = change.meta;
    const isBreaking = removedDirectiveName === 'key' && change.type.endsWith('_REMOVED');
    return isBreaking ? { ...change, criticality: { level: CriticalityLevel.Breaking } } : change;
  });

const read = (file: string) => readFileSync(file, 'utf8');
const build = (file: string) => buildSchema(`${DIRECTIVES}\n${read(file)}`);

const TEXTS = { type: 'string', multiple: true, default: [] as string[] } as const;
const { accept, operations, subgraph } = readOptions(
  `Options:
  --operations GLOB        checks the operations of apps; repeatable. Quote it. It is relative to the root of this repository
  --subgraph NAME=FILE|URL adds a subgraph to their supergraph; repeatable
  --accept                 makes the schema the baseline, after a release`,
  { operations: TEXTS, subgraph: TEXTS, accept: { type: 'boolean' } },
);
try {
  if (accept) {
    writeFileSync(BASELINE, `${print(parse(read(SCHEMA)))}\n`);
    writeFileSync(DECLARED, '{}\n');
  }
  const declared: Record<string, string> = JSON.parse(read(DECLARED));
  for (const { criticality, message } of await diff(build(BASELINE), build(SCHEMA), [rateKeys])) {
    console.log(`${criticality.level}: ${message}${declared[message] ? ` (${declared[message]})` : ''}`);
    if (criticality.level === CriticalityLevel.Breaking && !declared[message])
      fail(`Undo it, or add it with its reason to ${DECLARED}: ${JSON.stringify(message)}`);
  }
  if (operations.length > 0) {
    const own = [`maintenance=${SCHEMA}`, 'residences=supergraph/residences.graphql'];
    const all = (await Promise.all([...own, ...subgraph].map(readSubgraph))).map((one) => [one.name, one] as const);
    const api = composeSupergraph([...new Map(all).values()]).toApi();
    for (const pattern of operations) checkOperations(api, pattern);
  }
} catch (error) {
  fail(String(error));
}

function fail(problem: string): void {
  console.error(problem);
  process.exitCode = 1;
}

/** Files of one app share their fragments; a persisted operation, `{ "<hash>": "<text>" }` of Relay's compiler, has its own. */
function checkOperations(api: GraphQLSchema, pattern: string): void {
  // The folder of an app is the first one below the part of the pattern without wildcards.
  const base = dirname(pattern.replace(/[*?[{(].*/, 'x'));
  const appOf = (file: string) => basename(join(base, String(dirname(relative(base, file)).split(sep)[0])));
  const sources = globSync(pattern).sort().flatMap(readSources);
  if (sources.length === 0) fail(`--operations '${pattern}' finds no operation.`);
  console.log(`Operations: ${sources.length} documents checked.`);
  for (const [app, ofApp] of Map.groupBy(sources, ({ name }) => (name.includes('#') ? name : appOf(name))))
    try {
      for (const source of ofApp) parse(source); // Names the file of a syntax error.
      for (const { source, errors } of validate(api, ofApp, { strictDeprecated: false }))
        fail(`${app}: ${source.name} is not valid.\n${errors.join('\n\n')}`);
    } catch (error) {
      fail(`${app}: ${error}`);
    }
}

/** Returns the documents of a file: of code, those in gql`…`, graphql`…`, graphql(`…`) or after a GraphQL comment. */
function readSources(file: string): Source[] {
  const text = read(file);
  if (file.endsWith('.json'))
    return Object.entries<string>(JSON.parse(text)).map(([hash, one]) => new Source(one, `${file}#${hash}`));
  return /\.[cm]?[jt]sx?$/.test(file) ? gqlPluckFromCodeStringSync(file, text) : [new Source(text, file)];
}
