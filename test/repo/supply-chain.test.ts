/** The installed packages, the packages that ship, and their reasons in docs/decisions.md. */
import { describe, expect, it } from '@jest/globals';
import { subset } from 'semver';
import { readDocument as read, readNames, readTable } from '../support/documents.ts';

type Package = { license: string; hasInstallScript?: boolean; engines?: { node?: string } };
const LICENSES = /^(MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|BlueOak-1\.0\.0|\(MIT (AND BSD-3-Clause|OR CC0-1\.0)\))$/;

const { allowScripts, ...manifest } = JSON.parse(read('package.json'));
const { '': _, ...packages } = JSON.parse(read('package-lock.json')).packages;
const places = Object.keys(packages);
const shipping = places.filter((place) => !packages[place].dev);
const nameOf = (place: string) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);

const MANIFESTS = [
  'package.json',
  'bench/package.json',
  'dev/supergraph/routers/package.json',
  'test/clients/package.json',
];
it.each(MANIFESTS)('%s pins each dependency exactly, to the version of package.json', (path) => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read(path));
  const pinned: Record<string, string> = { ...dependencies, ...devDependencies, ...optionalDependencies };
  for (const version of Object.values(pinned)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  const shared = Object.entries(manifest.dependencies).filter(([name]) => name in pinned);
  expect(pinned).toMatchObject(Object.fromEntries(shared));
});

describe('each package in the lockfile', () => {
  it('has the hash of its content', () => {
    const unhashed = places.filter((place) => !/^sha512-[\w+/]{86}==$/.test(packages[place].integrity));
    // No registry within reach had these packages when the lockfile was written. They do not ship.
    const platforms = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'win32-x64'];
    expect(unhashed).toEqual(platforms.map((platform) => `node_modules/@apollo/rover-${platform}`));
    expect(unhashed.filter((place) => shipping.includes(place))).toEqual([]);
  });

  it('comes from the registry that npm is configured for, or from registry.npmjs.org', () => {
    const urls = places.flatMap((place) => packages[place].resolved ?? []);
    expect(urls.filter((url) => !url.startsWith('https://registry.npmjs.org/'))).toEqual([]);
  });

  it('has its install script allowed or refused by name', () => {
    const scripted = places.filter((place) => packages[place].hasInstallScript).map(nameOf);
    expect(Object.keys(allowScripts).sort()).toEqual([...new Set(scripted)].sort());
  });
});

describe('each package that ships', () => {
  it.each<[string, (one: Package, place: string) => unknown]>([
    ['has an allowed license', ({ license }) => LICENSES.test(license)],
    ['declares this license itself', ({ license }, at) => JSON.parse(read(`${at}/package.json`)).license === license],
    ['runs no install script', ({ hasInstallScript }, at) => !hasInstallScript || allowScripts[nameOf(at)] === false],
    ['runs on every Node of package.json', ({ engines }) => subset(manifest.engines.node, engines?.node ?? '*')],
  ])('%s', (_, condition) => {
    expect(shipping.filter((place) => !condition(packages[place], place))).toEqual([]);
  });

  it('is installed by the image, without packages for development', () => {
    expect(read('Dockerfile').match(/^RUN (?:.*\\\n)*.*/gm)).toEqual([
      expect.stringMatching(/^RUN --mount=type=secret,\S+ npm ci (?=.*--omit=dev)(?=.*--ignore-scripts)/),
      expect.stringMatching(/^RUN cd \/usr\/local && rm -rf lib\/node_modules bin\/npm /),
      // Compiles the installed code.
      expect.stringContaining(`node --input-type=module --eval "await import('/app/src/main.ts');`),
    ]);
  });
});

describe('docs/decisions.md', () => {
  const rows = readTable(read('docs/decisions.md'), 'package').flatMap(([names, reason, license]) =>
    readNames(names).map((name) => ({ name, reason, license })),
  );

  it('has a reason for each package that ships, and for no other', () => {
    expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(manifest.dependencies).sort());
    expect(rows.filter(({ reason }) => !reason)).toEqual([]);
  });

  it.each(rows)('has the license of $name', ({ name, license }) => {
    expect(packages[`node_modules/${name}`].license).toBe(license);
  });
});
