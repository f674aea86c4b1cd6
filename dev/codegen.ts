/**
 * `npm run codegen`: writes the types of the schema, as codegen.yml says; `-- --check` only says whether they are up to date.
 * The tool's own command would ignore an unknown argument.
 */
import { cliError, runCli } from '@graphql-codegen/cli';
import { readOptions } from './options.ts';

readOptions({ check: { type: 'boolean' }, watch: { type: 'boolean' } });
process.exit((await runCli('').catch(cliError)) ?? 1);
