/**
 * Imports in src/ follow the request path in one direction, types included. In src/ and dev/, they never form a cycle.
 */
import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, it } from '@jest/globals';

/** In the order of the request path; every layer may import the last ones. */
const LAYERS = [
  'main',
  'start',
  'signals',
  'server',
  'http',
  'telemetry',
  'graphql',
  'command-api',
  'tracing',
  'config',
  'event-loop',
];
const LAST = ['http-limits', 'maintenance', 'memory', 'prices', 'version'];

const FILES = globSync('src/**/*.ts');

function importsOf(file: string): string[] {
  const paths = Array.from(
    readFileSync(file, 'utf8').matchAll(/(?:from |import |import\()'(\.[^']+\.ts)'/g),
    ([, path = '']) => path,
  );
  return paths.map((path) => posix.join(posix.dirname(file), path));
}

/** Returns the files that a file imports, directly or through others. */
function reachableFrom(file: string): Set<string> {
  const reached = new Set(importsOf(file));
  for (const path of reached) for (const next of importsOf(path)) reached.add(next);
  return reached;
}

function layerOf(file: string): number {
  const name = file.split('/')[1]?.replace('.ts', '') ?? '';
  // The generated types are those of resolvers.
  return LAST.includes(name) ? LAYERS.length : LAYERS.indexOf(name === '__generated__' ? 'graphql' : name);
}

it.each(FILES)('%s imports only the layers below', (file) => {
  expect(layerOf(file)).toBeGreaterThanOrEqual(0);
  expect(importsOf(file).filter((path) => layerOf(path) < layerOf(file))).toEqual([]);
});

it.each([...FILES, ...globSync('dev/**/*.ts', { exclude: ['**/node_modules'] })])(
  '%s imports no file that imports it',
  (file) => {
    expect(reachableFrom(file)).not.toContain(file);
  },
);

it('the domain imports nothing', () => {
  expect(importsOf('src/maintenance.ts')).toEqual([]);
});
