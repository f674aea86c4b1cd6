/**
 * What is installed, what of it ships, and that the documents say so.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { subset } from 'semver';
import { readDocument as read, readNames, readTable } from '../support/documents.ts';

interface Package {
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
  readonly engines?: { readonly node?: string };
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>;
}

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly allowScripts: Record<string, boolean>;
}

const LICENCES: ReadonlySet<string | undefined> = new Set([
  'MIT',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  '(MIT AND BSD-3-Clause)',
  '(MIT OR CC0-1.0)',
]);

const manifest: Manifest = JSON.parse(read('package.json'));
const lock: { lockfileVersion: number; packages: Record<string, Package> } = JSON.parse(read('package-lock.json'));
const { '': root, ...packages } = lock.packages;
const shipping = findShipping();

const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** The places of all packages that `dependencies` bring, found as Node finds them: nearest node_modules first. */
function findShipping(): Map<string, Package> {
  const found = new Map<string, Package>();
  const visit = (from: string, names: string[]) => {
    for (const name of names) {
      const place = placesOf(from, name).find((one) => packages[one]);
      const one = place === undefined ? undefined : packages[place];
      if (place === undefined || !one || found.has(place)) continue;
      found.set(place, one);
      const peers = Object.keys(one.peerDependencies ?? {}).filter(
        (peer) => !one.peerDependenciesMeta?.[peer]?.optional,
      );
      visit(place, [...Object.keys({ ...one.dependencies, ...one.optionalDependencies }), ...peers]);
    }
  };
  visit('', Object.keys(manifest.dependencies));
  return found;
}

function placesOf(from: string, name: string): string[] {
  const own = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
  return from === '' ? [own] : [own, ...placesOf(from.slice(0, Math.max(from.lastIndexOf('/node_modules/'), 0)), name)];
}

/** The places of the packages of which something does not hold. */
function faulty(among: Iterable<[string, Package]>, holds: (one: Package, place: string) => boolean): string[] {
  return Array.from(among).flatMap(([place, one]) => (holds(one, place) ? [] : [place]));
}

describe('every dependency', () => {
  const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });

  it.each(all)('is pinned exactly, and locked to just that: %s %s', (name, version) => {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(packages[`node_modules/${name}`]?.version).toBe(version);
  });

  it('is in the lockfile as in package.json', () => {
    const { dependencies, devDependencies } = root as unknown as Manifest;
    expect(lock.lockfileVersion).toBe(3);
    expect(dependencies).toEqual(manifest.dependencies);
    expect(devDependencies).toEqual(manifest.devDependencies);
  });
});

describe.each(['bench/package.json', 'dev/supergraph/routers/package.json'])('%s', (path) => {
  const { dependencies, optionalDependencies } = JSON.parse(read(path)) as Package;

  it.each(Object.entries({ ...dependencies, ...optionalDependencies }))(
    'pins %s exactly, to our version where both have it: %s',
    (name, version) => {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(version).toBe(manifest.dependencies[name] ?? version);
    },
  );
});

describe('every package in the lockfile', () => {
  const everything = Object.entries(packages);

  // No registry within reach had them when the lockfile was written. None ships, and none is installed where CI runs.
  const UNSEEN = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'win32-x64'].map(
    (platform) => `node_modules/@apollo/rover-${platform}`,
  );

  it('has the hash of its content', () => {
    expect(faulty(everything, ({ integrity }) => /^sha512-[\w+/]{86}==$/.test(integrity ?? ''))).toEqual(UNSEEN);
    expect(UNSEEN.filter((place) => !packages[place]?.dev)).toEqual([]);
  });

  it('comes from wherever npm is told to, or from its own registry by name', () => {
    const holds = ({ resolved = 'https://registry.npmjs.org/' }: Package) =>
      resolved.startsWith('https://registry.npmjs.org/');
    expect(faulty(everything, holds)).toEqual([]);
  });

  it('is installed without a warning', () => {
    // `npm run` hands its own log level down.
    const env = { ...process.env, npm_config_loglevel: undefined };
    const options = { cwd: new URL('../..', import.meta.url), encoding: 'utf8', env } as const;
    expect(spawnSync('npm', ['ci', '--dry-run', '--offline'], options)).toMatchObject({ status: 0, stderr: '' });
  });

  it('has its install script allowed or refused by name, where it has one, and no other is named', () => {
    const scripted = everything.filter(([, { hasInstallScript }]) => hasInstallScript).map(([place]) => nameOf(place));
    expect(Object.keys(manifest.allowScripts).sort()).toEqual([...new Set(scripted)].sort());
  });
});

describe('every package that ships', () => {
  it('is what the lockfile does not mark as for development', () => {
    const unmarked = Object.keys(packages).filter((place) => !packages[place]?.dev);
    expect(unmarked.sort()).toEqual([...shipping.keys()].sort());
  });

  it('has a licence that lets us, in the lockfile and in the package', () => {
    expect(faulty(shipping, ({ license }) => LICENCES.has(license))).toEqual([]);
    expect(
      faulty(shipping, ({ license }, place) => JSON.parse(read(`${place}/package.json`)).license === license),
    ).toEqual([]);
  });

  it('needs no install script', () => {
    const isRefused = ({ hasInstallScript }: Package, place: string) =>
      !hasInstallScript || manifest.allowScripts[nameOf(place)] === false;
    expect(faulty(shipping, isRefused)).toEqual([]);
  });

  it('runs on every Node 24', () => {
    expect(faulty(shipping, ({ engines }) => subset('^24.0.0', engines?.node ?? '*'))).toEqual([]);
  });

  it('is installed by the image, and nothing else is', () => {
    const commands = read('Dockerfile').match(/^RUN .*/gm);
    expect(commands).toEqual([
      expect.stringMatching(/^RUN npm ci (?=.*--omit=dev)(?=.*--ignore-scripts)/),
      // Loads what is there already.
      `RUN ["node", "--input-type=module", "--eval", "await import('/app/src/server.ts')"]`,
    ]);
  });
});

describe('docs/dependencies.md', () => {
  const [, ships = '', develops = ''] = read('docs/dependencies.md').split(/^## /m);

  /** The cells of the table's rows; a name that begins with "/" has the scope of the one before it. */
  function rows(section: string): { names: string[]; cells: string[] }[] {
    return readTable(section, 'package').map((cells) => {
      const names = readNames(cells[0]);
      const [scope] = names[0]?.split('/') ?? [];
      return { names: names.map((name) => (name.startsWith('/') ? `${scope}${name}` : name)), cells };
    });
  }

  it.each([
    ['ships', ships, manifest.dependencies],
    ['is for development', develops, manifest.devDependencies],
  ])('has a line for whatever %s, and for nothing else', (_, section, dependencies) => {
    const names = rows(section).flatMap((row) => row.names);
    expect(names.sort()).toEqual(Object.keys(dependencies).sort());
    expect(rows(section).filter(({ cells }) => cells[1] === '')).toEqual([]);
  });

  it.each(rows(ships))('says the licence of $names', ({ names: [name], cells }) => {
    expect(cells[2]).toBe(packages[`node_modules/${name}`]?.license);
  });
});
