/**
 * `npm run test:routers [-- <file> …]`: installs the routers that npm has, and runs the tests of this folder, or those of the
 * named files.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { readNames } from '../../dev/options.ts';

const names = globSync('test/routers/*.test.ts')
  .map((file) => basename(file, '.test.ts'))
  .sort();
const chosen = readNames(names);
const files = (chosen.length > 0 ? chosen : names).map((name) => `test/routers/${name}.test`);
for (const command of [
  'ci --prefix dev/supergraph/routers --no-audit --no-fund',
  `run test:jest -- --config test/routers/jest.config.mjs ${files.join(' ')}`,
]) {
  const { status } = spawnSync('npm', command.split(' '), { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
