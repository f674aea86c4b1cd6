/**
 * The parts of repair requests that the rest of the subgraph gets. In src/, only `server.ts` imports this folder.
 * Another set of commands is another such folder, which `server.ts`, `codegen.yml`, `dev/codegen.ts` and
 * `dev/imports.grit` name.
 */
import { COMMANDS } from './commands.ts';
import { createLoaders } from './loaders.ts';
import { entities, reads, writes } from './resolvers.ts';
import { FLAWS } from './tickets.ts';

export const domain = {
  schemaFile: new URL('../../schema/maintenance.graphql', import.meta.url),
  reads,
  writes,
  entities,
  createLoaders,
  commands: Object.values(COMMANDS),
  flaws: FLAWS,
  /** The beginning of the names of its metrics. */
  metricsPrefix: 'maintenance',
};
