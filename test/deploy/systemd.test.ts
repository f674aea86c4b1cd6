/** The unit for systemd: it fits its schema, the image, the pods and the process that it starts. */
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { ROUTER_SECRET } from '../support/ask.ts';
import { readDocument as read } from '../support/documents.ts';
import { itUnless } from '../support/skip.ts';
import { folder, loadVariables, shutdownSeconds, write } from './variables.ts';

const unit = read('deploy/systemd/maintenance-subgraph@.service');
const valuesOf = (key: string) =>
  Array.from(unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm')), ([, value = '']) => value);
const lines = [
  ...valuesOf('Environment').join(' ').split(' '),
  ...(read('deploy/systemd/environment').match(/^\w+=.*$/gm) ?? []),
];
const variables = lines.map((line) => line.replaceAll('%i', '4001').split('='));
const ofProcess = loadVariables(variables.map(([name = '', value = '']) => ({ name, value })));

const missing = spawnSync('systemd-analyze', ['--version']).error && 'systemd is not installed.';
itUnless(missing, 'has only keys and values that systemd knows', () => {
  // The machine of a test has its Node elsewhere, perhaps at a path that systemd refuses.
  const node = join(folder, 'node');
  symlinkSync(process.execPath, node);
  const file = write('maintenance-subgraph@.service', unit.replaceAll('=node ', `=${node} `));
  const { stdout, stderr, status } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
  expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
});

it('starts Node as the image does, with a secret, the memory of a pod and the scraped port', () => {
  const [, command = ''] = /^CMD (.+)$/m.exec(read('Dockerfile')) ?? [];
  expect(valuesOf('ExecStart(?:Pre)?')).toEqual(['node check-node.mjs', JSON.parse(command).join(' ')]);
  expect(ofProcess).toMatchObject({ production: true, warnings: [], routerSecrets: [ROUTER_SECRET] });
  const [container] = parse(read('deploy/base/deployment.yaml')).spec.template.spec.containers;
  expect(valuesOf('MemoryMax').map((size) => `${size}i`)).toEqual([container.resources.limits.memory]);
  const [{ static_configs }] = parse(read('deploy/systemd/prometheus.yaml')).scrape_configs;
  expect(static_configs[0].targets).toContain(`maintenance-1.internal:${ofProcess.METRICS_PORT}`);
});

it('gives the process the time of a graceful shutdown', () => {
  expect(Number(valuesOf('TimeoutStopSec')[0])).toBeGreaterThan(shutdownSeconds(ofProcess));
});
