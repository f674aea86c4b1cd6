/**
 * The installed packages, the packages that ship, and docs/dependencies.md.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { subset } from 'semver';
import { readDocument as read, readNames, readTable } from '../support/documents.ts';

type Package = { version: string; license?: string; integrity?: string; resolved?: string } & {
  dev?: boolean;
  hasInstallScript?: boolean;
  engines?: { node?: string };
};
type Manifest = Record<'dependencies' | 'devDependencies' | 'optionalDependencies', Record<string, string> | undefined>;

const LICENSES =
  /^(MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|BlueOak-1\.0\.0|\(MIT AND BSD-3-Clause\)|\(MIT OR CC0-1\.0\))$/;

const manifest: Manifest & { allowScripts: Record<string, boolean> } = JSON.parse(read('package.json'));
const { '': _, ...packages }: Record<string, Package> = JSON.parse(read('package-lock.json')).packages;
const everything = Object.entries(packages);
const shipping = everything.filter(([, { dev }]) => !dev);
const nameOf = (place: string) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** Returns the places of the packages for which the condition is false. */
const without = (among: [string, Package][], condition: (one: Package, place: string) => unknown) =>
  among.flatMap(([place, one]) => (condition(one, place) ? [] : [place]));

it.each(['package.json', 'bench/package.json', 'dev/supergraph/routers/package.json'])(
  '%s pins each dependency exactly, to the version of package.json',
  (path) => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read(path)) as Manifest;
    const pinned = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
    for (const [, version] of pinned) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(pinned).toEqual(pinned.map(([name, version]) => [name, manifest.dependencies?.[name] ?? version]));
  },
);

describe('each package in the lockfile', () => {
  it('has the hash of its content', () => {
    // No registry within reach had these packages when the lockfile was written. They do not ship, and CI does not install them.
    const ROVER = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'win32-x64'].map(
      (platform) => `node_modules/@apollo/rover-${platform}`,
    );
    expect(without(everything, ({ integrity }) => /^sha512-[\w+/]{86}==$/.test(integrity ?? ''))).toEqual(ROVER);
    expect(ROVER.filter((place) => !packages[place]?.dev)).toEqual([]);
  });

  it('comes from the registry that npm is configured for, or from registry.npmjs.org', () => {
    const isRegistry = ({ resolved }: Package) => resolved?.startsWith('https://registry.npmjs.org/') ?? true;
    expect(without(everything, isRegistry)).toEqual([]);
  });

  it('is installed as package.json asks, without a warning', () => {
    // `npm run` passes its own log level on.
    const env = { ...process.env, npm_config_loglevel: undefined };
    const options = { cwd: new URL('../..', import.meta.url), encoding: 'utf8', env } as const;
    expect(spawnSync('npm', ['ci', '--dry-run', '--offline'], options)).toMatchObject({ status: 0, stderr: '' });
  });

  it('has its install script allowed or refused by name', () => {
    const scripted = everything.filter(([, { hasInstallScript }]) => hasInstallScript).map(([place]) => nameOf(place));
    expect(Object.keys(manifest.allowScripts).sort()).toEqual([...new Set(scripted)].sort());
  });
});

describe('each package that ships', () => {
  it('has an allowed license, the same in the lockfile and in the package', () => {
    expect(without(shipping, ({ license }) => LICENSES.test(license ?? ''))).toEqual([]);
    const isSame = ({ license }: Package, place: string) =>
      JSON.parse(read(`${place}/package.json`)).license === license;
    expect(without(shipping, isSame)).toEqual([]);
  });

  it('needs no install script', () => {
    const isRefused = ({ hasInstallScript }: Package, place: string) =>
      !hasInstallScript || manifest.allowScripts[nameOf(place)] === false;
    expect(without(shipping, isRefused)).toEqual([]);
  });

  it('runs on every Node 24', () => {
    expect(without(shipping, ({ engines }) => subset('^24.0.0', engines?.node ?? '*'))).toEqual([]);
  });

  it('is installed by the image, without packages for development', () => {
    expect(read('Dockerfile').match(/^RUN .*/gm)).toEqual([
      expect.stringMatching(/^RUN npm ci (?=.*--omit=dev)(?=.*--ignore-scripts)/),
      // Compiles the installed code.
      `RUN ["node", "--input-type=module", "--eval", "await import('/app/src/server.ts')"]`,
    ]);
  });
});

describe('docs/dependencies.md', () => {
  const [, ships = '', develops = ''] = read('docs/dependencies.md').split(/^## /m);

  /** Returns the names and cells of each row. A name that begins with "/" has the scope of the first name. */
  const readRows = (section: string) =>
    readTable(section, 'package').map(([cell, ...cells]) => {
      const names = readNames(cell);
      const scope = names[0]?.split('/')[0];
      return { names: names.map((name) => (name.startsWith('/') ? `${scope}${name}` : name)), cells };
    });

  it.each([
    ['ships', ships, manifest.dependencies],
    ['is for development', develops, manifest.devDependencies],
  ])('has a reason for each package that %s, and no other packages', (_, section, dependencies = {}) => {
    const rows = readRows(section);
    expect(rows.flatMap(({ names }) => names).sort()).toEqual(Object.keys(dependencies).sort());
    expect(rows.filter(({ cells: [reason] }) => reason === '')).toEqual([]);
  });

  it.each(readRows(ships))('has the license of $names', ({ names: [name], cells }) => {
    expect(cells[1]).toBe(packages[`node_modules/${name}`]?.license);
  });
});
