/** The code of docs/errors.md and docs/federation.md for clients, which the tests run. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { composeSupergraph } from '../../dev/supergraph/compose.ts';
import { RESIDENCES_SDL } from '../../dev/supergraph/neighbour.ts';
// Composition returns objects of this copy of graphql.
import { printSchema } from '../../node_modules/graphql/index.js';
import { ERRORS, readDocument } from '../support/documents.ts';
import { MAINTENANCE_SDL, toService } from '../support/use-supergraph.ts';

const [, SECTION = ''] = /^## Clients\n(.+?)^## /ms.exec(ERRORS) ?? [];
const [, RELAY_CONFIG = ''] = /^```json\n(.+?)^```/ms.exec(readDocument('docs/federation.md')) ?? [];

/** Returns the blocks of a language. Throws if there are none. */
export function readBlocks(language: string): string[] {
  const blocks = Array.from(SECTION.matchAll(new RegExp(`(?<=^\`\`\`${language}\\n).+?(?=^\`\`\`)`, 'gms')), String);
  if (blocks.length === 0) throw new Error(`docs/errors.md has no code in ${language}`);
  return blocks;
}

/** Runs the JavaScript for a client and returns a constant of it. */
export async function runBlock(client: string, constant: string) {
  const code = readBlocks('js').find((block) => block.startsWith(`// ${client}`));
  const module = await import(`data:text/javascript,${encodeURIComponent(`${code}; export { ${constant} };`)}`);
  return module[constant];
}

const subgraphs = { maintenance: MAINTENANCE_SDL, residences: RESIDENCES_SDL };
const { schema } = composeSupergraph(Object.entries(subgraphs).map(([name, sdl]) => toService(name, sdl)));
/** The schema that `npm run supergraph` serves. */
const API = printSchema(schema.toAPISchema().toGraphQLJSSchema());

/** Compiles operations in src/ of an empty folder with the settings of docs/federation.md, changed by `settings`. */
export function compileRelay(folder: string, operations: readonly string[], settings = {}): void {
  const config = { ...JSON.parse(RELAY_CONFIG), ...settings };
  const files = {
    'schema.graphql': API,
    'persisted.json': '{}',
    'relay.config.json': JSON.stringify(config),
    [`src/Screen.${config.language === 'typescript' ? 'ts' : 'js'}`]: operations
      .map((operation) => `graphql\`${operation}\`;`)
      .join('\n'),
  };
  mkdirSync(join(folder, 'src'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  execFileSync(createRequire(import.meta.url)('relay-compiler'), { cwd: folder, stdio: 'pipe' });
}
