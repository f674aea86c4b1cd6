/**
 * `npm run image:check`: builds the Dockerfile and runs its container on a read-only file system, in front of the emulated
 * command API. `-- --image REF` checks an existing image, and `--base REF` replaces the Dockerfile's base. Prints a line for
 * each check. Exits with 1 if a check fails, and with 2 if no tool on this machine can build an image.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { createCommandApi, freePort, serve } from './command-api.ts';
import { buildImage, type Container, Unable } from './image-check/engine.ts';
import { readOptions } from './options.ts';
import { EXAMPLE, seed } from './seed.ts';
import { Store } from './store.ts';

const LIMIT_MS = 8 * 60_000;
/** Longer than the server may drain. */
const STOP_MS = 20_000;
const SECRET = 'secret-of-the-image-check';
/** The variables of the final image. Any other variable that the base image lacks is a leftover of the build. */
const VARIABLES = ['NODE_COMPILE_CACHE', 'NODE_ENV'];
const CACHE = '/var/tmp/compile-cache';
const TICKETS = `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { contact } }`;

interface Locked {
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
}

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const { version }: { version: string } = JSON.parse(read('package.json'));
const lock: { packages: Record<string, Locked> } = JSON.parse(read('package-lock.json'));
const lines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .sort();

/** Lists the first ten: all could be hundreds. */
function list(some: readonly string[]): string {
  const rest = some.length > 10 ? ` and ${some.length - 10} more` : '';
  return some.slice(0, 10).join(', ') + rest || 'none';
}

const { image: ready, base: from } = readOptions({ image: { type: 'string' }, base: { type: 'string' } });
let failures = 0;
async function check(name: string, look: () => Promise<[good: boolean, seen: string]>): Promise<void> {
  const [good, seen] = await look().catch((error): [boolean, string] => [false, String(error)]);
  if (!good) failures += 1;
  console.log(`${good ? 'ok    ' : 'FAILED'}  ${name}: ${seen}`);
}

const stopped = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopped.abort(new Error(name)));
const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(LIMIT_MS)]);
const commandApi = await serve(createCommandApi({ store: new Store(seed()), tokens: new Set([EXAMPLE.token]) }));
let container: Container | undefined;
try {
  const began = performance.now();
  const { engine, base, image, start } = await buildImage(signal, from, ready);
  console.log(`${ready ? 'Pulled' : 'Built'} in ${Math.round((performance.now() - began) / 1000)} s with ${engine}.`);
  const { Config: config, RootFS: rootFs } = image;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const environment = { PORT: String(port), COMMAND_API_URL: commandApi.url, ROUTER_SECRET: SECRET };
  container = await start(Object.entries(environment).map(([name, value]) => `${name}=${value}`));
  const { run, stop } = container;
  const user = config.User || 'root';
  const output = async (...command: string[]) => (await run(user, ...command)).stdout;
  const outputForRoot = async (...command: string[]) => (await run('root', ...command)).stdout;
  await untilItListens(url, container);

  await check('runs without rights', async () => {
    const status = await output('cat', '/proc/1/status');
    const [uids = '', rights = ''] = ['Uid', 'CapEff'].map(
      (name) => new RegExp(`^${name}:\\s*(.+)$`, 'm').exec(status)?.[1],
    );
    const ids = uids.split('\t');
    return [!ids.includes('0') && /^0+$/.test(rights), `as user ${[...new Set(ids)]}, with capabilities ${rights}`];
  });
  await check('its root is read-only', async () => {
    const mounts = lines(await output('cat', '/proc/1/mountinfo'));
    const options = mounts.map((line) => line.split(' ')).find(([, , , , place]) => place === '/')?.[5] ?? '';
    return [options.split(',').includes('ro'), `mounted ${options}`];
  });
  for (const folder of ['/app', '/tmp', '/var/tmp', CACHE]) {
    await check(`takes no file in ${folder}`, async () => {
      // EROFS proves a read-only file system. EACCES would prove only missing permissions.
      const attempt = `try { fs.writeFileSync('${folder}/x', ''); console.log('written'); } catch ({ code }) { console.log(code); }`;
      const seen = (await output('node', '--eval', attempt)).trim();
      return [seen === 'EROFS', seen];
    });
  }

  await check('GET /health/live', async () => {
    const { status, body } = await ask(`${url}/health/live`);
    return [status === 200 && body.status === 'live', `${status} ${JSON.stringify(body)}`];
  });
  await check('… says its version', async () => {
    const { body } = await ask(`${url}/health/live`);
    return [body.version === version, `${body.version}, and package.json ${version}`];
  });
  await check('GET /health/ready', async () => {
    const { status, body } = await ask(`${url}/health/ready`);
    return [status === 200 && body.status === 'ready', `${status} ${JSON.stringify(body)}`];
  });
  const query = (headers: Record<string, string>) =>
    ask(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${EXAMPLE.token}`, ...headers },
      body: JSON.stringify({ query: TICKETS }),
    });
  await check('POST /graphql', async () => {
    const { status, body } = await query({ 'router-authorization': SECRET });
    const seen = JSON.stringify(body);
    return [status === 200 && seen === '{"data":{"maintenances":[{"contact":"10086"}]}}', `${status} ${seen}`];
  });
  await check('POST /graphql without the secret', async () => {
    const { status, body } = await query({});
    return [status === 401 && !('data' in body), `${status} ${JSON.stringify(body)}`];
  });
  await check('HEALTHCHECK', async () => {
    const [kind, ...command] = config.Healthcheck?.Test ?? [];
    if (kind !== 'CMD') return [false, 'none'];
    await output(...command);
    return [true, `${command[0]} …, exits with 0`];
  });
  await check('uses its compile cache', async () => {
    const { stderr } = await run(
      user,
      'env',
      'NODE_DEBUG_NATIVE=COMPILE_CACHE',
      'node',
      '--input-type=module',
      '--eval',
      "await import('/app/src/server.ts')",
    );
    const accepted = stderr.match(/^.* was accepted/gm)?.length ?? 0;
    const sources = stderr.match(/retrieving transpile cache for .*\/app\/src\/.*success$/gm)?.length ?? 0;
    const misses = lines(stderr).filter((line) => /file:\/\/\/app\/.*(not initialized|rejected|mismatch)/.test(line));
    return [
      sources > 0 && misses.length === 0,
      `${accepted} modules from the cache, ${sources} of them from src/, and ${misses.length} compiled again`,
    ];
  });

  await check('has in /app', async () => {
    const there = lines(
      await output('find', '/app', '-path', '/app/node_modules', '-prune', '-o', '-type', 'f', '-printf', '%P\n'),
    );
    const sources = readdirSync(new URL('../src', import.meta.url), { recursive: true, withFileTypes: true });
    const files = sources
      .filter((one) => one.isFile())
      .map(({ parentPath, name }) => `src${parentPath.split('/src')[1]}/${name}`);
    const expected = ['package.json', 'schema/maintenance.graphql', ...files].sort();
    const others = there.filter((file) => !expected.includes(file));
    const missing = expected.filter((file) => !there.includes(file));
    const top = lines(await output('ls', '-A', '/app'));
    const good =
      isDeepStrictEqual(there, expected) && isDeepStrictEqual(top, ['node_modules', 'package.json', 'schema', 'src']);
    return [
      good,
      `${top.join(', ')}; besides packages ${there.length} files; too many: ${list(others)}; missing: ${list(missing)}`,
    ];
  });
  await check('has what package-lock.json says that ships', async () => {
    const places = '.*/node_modules/(@[^/]+/)?[^/@.][^/]*';
    const there = lines(
      await output(
        'find',
        '/app/node_modules',
        '-regextype',
        'posix-extended',
        '-type',
        'd',
        '-regex',
        places,
        '-printf',
        'node_modules/%P\n',
      ),
    );
    const locked = Object.entries(lock.packages).filter(([place, { dev }]) => place !== '' && !dev);
    const others = there.filter((place) => !locked.some(([one]) => one === place));
    // An optional package may be for another platform.
    const needed = locked.filter(([, { optional, devOptional }]) => !optional && !devOptional);
    const missing = needed.map(([place]) => place).filter((place) => !there.includes(place));
    return [
      others.length + missing.length === 0,
      `${there.length} packages; for development or unknown: ${list(others)}; missing: ${list(missing)}`,
    ];
  });
  await check('gives its user nothing but the compile cache', async () => {
    const owned = await outputForRoot(
      'find',
      '/',
      '-xdev',
      '-user',
      user,
      '-prune',
      '-not',
      '-path',
      '/home/*',
      '-print',
    );
    return [owned.trim() === CACHE, list(lines(owned))];
  });
  await check('keeps nothing of the build', async () => {
    const names = (of: readonly string[]) => of.map((one) => one.split('=')[0]);
    const added = names(config.Env).filter((name) => !names(base.Config.Env).concat('PATH').includes(name));
    const left = lines(
      await outputForRoot(
        'find',
        '/',
        '-xdev',
        '(',
        '-name',
        '.npmrc',
        '-o',
        '-name',
        '_cacache',
        '-o',
        '-name',
        '.env',
        '-o',
        '-name',
        '.git',
        ')',
      ),
    );
    return [
      isDeepStrictEqual(added.sort(), VARIABLES) && left.length === 0,
      `variables ${added.join(', ')}; files ${list(left)}`,
    ];
  });
  await check('is as large as', async () => {
    const places = ['/', '/app/node_modules', '/app/schema', '/app/src', CACHE];
    const sizes = (await Promise.all(places.map((place) => outputForRoot('du', '-skx', place)))).map((line) =>
      Number.parseInt(line, 10),
    );
    const [all = 0, ...ours] = sizes.map((size) => size / 1024);
    const parts = places.slice(1).map((place, index) => `${place} ${ours[index]?.toFixed(1)}`);
    const layers = rootFs.Layers.length - base.RootFS.Layers.length;
    const isOnBase = isDeepStrictEqual(rootFs.Layers.slice(0, -layers), base.RootFS.Layers);
    const rest = all - ours.reduce((sum, size) => sum + size, 0);
    return [
      isOnBase,
      `${all.toFixed(1)} MiB unpacked: base ${rest.toFixed(1)} (${base.RootFS.Layers.length} layers), ${parts.join(', ')} (${layers} layers)`,
    ];
  });
  await check('ends on SIGTERM', async () => {
    const stopped = performance.now();
    const code = await Promise.race([stop(), delay(STOP_MS, 'none, still running', { signal, ref: false })]);
    return [code === 0, `exit code ${code}, after ${((performance.now() - stopped) / 1000).toFixed(1)} s`];
  });
  if (failures > 0) console.error(await container.logs());
} catch (error) {
  if (error instanceof Unable) process.exitCode = 2;
  else failures += 1;
  console.error(error instanceof Unable ? `Not tried: ${error.message}` : String(error));
} finally {
  await container?.remove();
  await commandApi.stop();
}
if (failures > 0) process.exitCode = 1;

async function ask(url: string, init: RequestInit = {}) {
  const response = await fetch(url, { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function untilItListens(url: string, { logs }: Container): Promise<void> {
  for (let tries = 0; tries < 150; tries++) {
    if (await fetch(`${url}/health/live`, { signal }).catch(() => undefined)) return;
    await delay(200, undefined, { signal });
  }
  throw new Error(`The container does not answer. It said:\n${await logs()}`);
}
