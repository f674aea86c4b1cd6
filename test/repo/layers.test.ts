/**
 * Imports in src/ run one way: along the request path, types included, and never in a circle.
 */
import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, it } from '@jest/globals';

/** In the order of the request path. What all of them use comes last. */
const LAYERS = ['main', 'server', 'http', 'telemetry', 'graphql', 'command-api', 'tracing', 'config', 'memory'];
const LAST = ['maintenance', 'version'];

const FILES = globSync('src/**/*.ts').filter((file) => !file.includes('__generated__'));
const imports = new Map(
  FILES.map((file) => {
    const sources = readFileSync(file, 'utf8').matchAll(/from '(\.[^']+\.ts)'/g);
    const resolved = Array.from(sources, ([, path = '']) => posix.join(posix.dirname(file), path));
    return [file, resolved.filter((path) => !path.includes('__generated__'))];
  }),
);

function layerOf(file: string): number {
  const name = file.split('/')[1]?.replace('.ts', '') ?? '';
  return LAST.includes(name) ? LAYERS.length : LAYERS.indexOf(name);
}

/** Every file that can be reached from a file. */
function reach(file: string, seen = new Set<string>()): Set<string> {
  for (const next of imports.get(file) ?? []) {
    if (seen.has(next)) continue;
    seen.add(next);
    reach(next, seen);
  }
  return seen;
}

it.each(FILES)('%s imports only what comes after it, and not itself by way of another', (file) => {
  expect(layerOf(file)).toBeGreaterThanOrEqual(0);
  const back = (imports.get(file) ?? []).filter((path) => layerOf(path) < layerOf(file));
  expect(back).toEqual([]);
  expect(reach(file)).not.toContain(file);
});
