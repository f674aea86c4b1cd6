/** Where packages come from, their versions and licenses. `npm ci` checks their hashes. */
import { globSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import manifest from '../../package.json' with { type: 'json' };
import lock from '../../package-lock.json' with { type: 'json' };
import { readDocument } from '../support/documents.ts';

type Package = { license?: string; dev?: boolean; integrity?: string; hasInstallScript?: boolean };
const PACKAGES = Object.entries<Package>(lock.packages).filter(([path]) => path);
const SHIPPING = PACKAGES.filter(([, { dev }]) => !dev);
const LICENSES = /^(MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|BlueOak-1\.0\.0|\(MIT (AND BSD-3-Clause|OR CC0-1\.0)\))$/;
const MANIFESTS = globSync('**/package.json', { exclude: ['**/node_modules'] });

it('all package.json pin each dependency to one exact version, for the same versions of Node', () => {
  const manifests = MANIFESTS.map((path) => JSON.parse(readDocument(path)));
  const pins = manifests.flatMap((one) => Object.entries<string>({ ...one.dependencies, ...one.devDependencies }));
  const versions = Object.fromEntries(pins);
  expect(pins.filter(([name, version]) => version !== versions[name] || !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  expect(manifests.map(({ engines }) => engines)).toEqual(MANIFESTS.map(() => manifest.engines));
});

it('each package has its hash, and those of macOS, Windows and arm that have none do not ship', () => {
  const unhashed = PACKAGES.filter(([, { integrity = '' }]) => !/^sha512-[\w+/]{86}==$/.test(integrity));
  expect(unhashed.map(([path]) => path).filter((path) => !/^node_modules\/@apollo\/rover-/.test(path))).toEqual([]);
  expect(JSON.stringify(lock).match(/"resolved":"(?!https:\/\/registry\.npmjs\.org\/)/g)).toBeNull();
});

it('each package that ships has an allowed license, no install script, and a reason if we chose it', () => {
  expect(SHIPPING.filter(([, { license = '' }]) => !LICENSES.test(license))).toEqual([]);
  // Ten copies of one package of OpenTelemetry were 19 MB of the image.
  expect(SHIPPING.filter(([path]) => /\/node_modules\/@opentelemetry/.test(path))).toEqual([]);
  const refused = Object.entries(manifest.allowScripts).flatMap(([name, isAllowed]) => (isAllowed ? [] : name));
  const scripted = SHIPPING.filter(([, { hasInstallScript }]) => hasInstallScript);
  expect(scripted.filter(([path]) => !refused.some((name) => path.endsWith(`node_modules/${name}`)))).toEqual([]);
  const reasons = readDocument('docs/decisions.md').match(/(?<=^## Dependencies\n(?:.*\n)*- )`.*(?=: )/gm);
  expect(reasons?.flatMap((names) => names.match(/[^`, ]+/g)).sort()).toEqual(
    Object.keys(manifest.dependencies).sort(),
  );
});
