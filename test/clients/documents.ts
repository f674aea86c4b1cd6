/** The code of docs/apps.md, which the tests run. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { composeSupergraph } from '../../dev/supergraph/compose.ts';
import { RESIDENCES_SDL } from '../../dev/supergraph/neighbour.ts';
// Composition returns objects of this copy of graphql.
import { printSchema } from '../../node_modules/graphql/index.js';
import { APPS } from '../support/documents.ts';
import { MAINTENANCE_SDL, toService } from '../support/use-supergraph.ts';

/** Returns the block of code that contains this text. Throws if there is none. */
function findBlock(text: string): string {
  const found = [...APPS.matchAll(/^```\w+\n(.+?)^```/gms)].find(([, block]) => block?.includes(text));
  if (!found?.[1]) throw new Error(`docs/apps.md has no code with ${text}`);
  return found[1];
}

/** Runs the block of code that contains `text`, with these values of its free names. Resolves to an expression of it. */
export async function runBlock(text: string, returned: string, scope: object = {}) {
  const body = `async ({ ${Object.keys(scope)} }) => { ${stripTypeScriptTypes(findBlock(text))}\nreturn ${returned}; }`;
  const module = await import(`data:text/javascript,${encodeURIComponent(`export default ${body}`)}`);
  return module.default(scope);
}

const subgraphs = { maintenance: MAINTENANCE_SDL, residences: RESIDENCES_SDL };
/** Makes the schema that `npm run supergraph` serves. */
const { toApi } = composeSupergraph(Object.entries(subgraphs).map(([name, sdl]) => toService(name, sdl)));

/** Compiles operations in src/ of an empty folder with the settings of docs/apps.md, to files that jest loads. */
export function compileRelay(folder: string, operations: readonly string[]): void {
  const own = { schema: 'schema.graphql', src: 'src', language: 'javascript', eagerEsModules: false };
  const files = {
    'schema.graphql': printSchema(toApi()),
    'persisted.json': '{}',
    'relay.config.json': JSON.stringify({ ...own, ...JSON.parse(findBlock('persistConfig')) }),
    'src/Screen.js': operations.map((operation) => `graphql\`${operation}\`;`).join('\n'),
  };
  mkdirSync(join(folder, 'src'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  execFileSync(createRequire(import.meta.url)('relay-compiler'), { cwd: folder, stdio: 'pipe' });
}
