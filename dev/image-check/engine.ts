/**
 * Builds the image and runs its container: by Docker if its engine answers and can pull the base image, else by Buildah,
 * which needs no engine. With Buildah, a mount option makes the container's root read-only.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BASE = /^ARG BASE=(\S+)/m.exec(readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8'))?.[1] ?? '';
const LOCAL_BASE = `localhost/base:${process.versions.node}`;
const TAG = 'maintenance-subgraph';
/** The Debian packages of each command. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  buildah: ['buildah', 'netavark'],
  debootstrap: ['debootstrap'],
};

export interface Image {
  readonly Config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Cmd: readonly string[];
    readonly WorkingDir: string;
    readonly Healthcheck?: { readonly Test: readonly string[] };
  };
  readonly RootFS: { readonly Layers: readonly string[] };
}

export interface Container {
  /** Runs a command in the container, as the container's user or as root. Rejects if the exit code is not 0. */
  run(user: string, ...command: string[]): Promise<{ stdout: string; stderr: string }>;
  /** Ends the container with SIGTERM. Resolves to its exit code. */
  stop(): Promise<number | null>;
  logs(): Promise<string>;
  remove(): Promise<unknown>;
}

export interface Built {
  readonly engine: string;
  readonly base: Image;
  readonly image: Image;
  /** Starts the container with a read-only root, in the machine's network. */
  start(environment: readonly string[]): Promise<Container>;
}

/** No tool on this machine can build an image. */
export class Unable extends Error {}

const needed = (step: Promise<unknown>) =>
  step.catch((error: Error) => {
    throw new Unable(error.message);
  });

/**
 * Builds the image on `base`, or takes the existing image `ready`. `signal` stops the current command. Rejects with
 * `Unable` if no tool on this machine can build an image.
 */
export async function buildImage(signal: AbortSignal, base = BASE, ready?: string): Promise<Built> {
  const tag = ready ?? TAG;
  const sh = (command: string, ...args: string[]) =>
    promisify(execFile)(command, args, { cwd: ROOT, signal, maxBuffer: 2 ** 26 });
  const succeeds = (command: string, ...args: string[]) =>
    sh(command, ...args).then(
      () => true,
      () => false,
    );
  const isThere = (command: string) => succeeds('sh', '-c', `command -v ${command}`);

  if (await succeeds('docker', 'pull', '--quiet', base)) return withDocker();
  await provide('buildah', 'unshare', 'nsenter', 'setpriv');
  // Buildah needs storage and the kernel's permission. A sandbox may have neither.
  await needed(sh('sh', '-c', 'buildah rm "$(buildah from scratch)" && unshare --mount --pid --fork true'));
  return withBuildah();

  async function provide(...commands: string[]): Promise<void> {
    const missing: string[] = [];
    for (const command of commands) if (!(await isThere(command))) missing.push(command);
    if (process.getuid?.() !== 0) throw new Unable(`no Docker engine that can pull ${base}; without one it needs root`);
    if (missing.length === 0) return;
    if (!(await isThere('apt-get')))
      throw new Unable(`no Docker engine that can pull ${base}, and missing: ${missing}`);
    const packages = missing.flatMap((command) => PACKAGES[command] ?? 'util-linux');
    await needed(sh('apt-get', 'update', '-qq'));
    await needed(sh('apt-get', 'install', '-yqq', '--no-install-recommends', ...packages));
  }

  async function withDocker(): Promise<Built> {
    if (ready) await sh('docker', 'pull', '--quiet', ready);
    else await sh('docker', 'build', '--build-arg', `BASE=${base}`, '--tag', tag, '.');
    const [image, its] = JSON.parse((await sh('docker', 'image', 'inspect', tag, base)).stdout);
    return {
      engine: `docker, on ${base}`,
      image,
      base: its,
      async start(environment) {
        const given = environment.flatMap((one) => ['--env', one]);
        const created = await sh('docker', 'run', '--detach', '--read-only', '--network=host', ...given, tag);
        const id = created.stdout.trim();
        return {
          run: (user, ...command) => sh('docker', 'exec', '--user', user, id, ...command),
          async stop() {
            await sh('docker', 'kill', '--signal=TERM', id);
            return Number((await sh('docker', 'wait', id)).stdout);
          },
          async logs() {
            const { stdout, stderr } = await sh('docker', 'logs', id);
            return stdout + stderr;
          },
          // Without the signal: the container must stop even after an interrupt.
          remove: () => promisify(execFile)('docker', ['rm', '--force', '--volumes', id]),
        };
      },
    };
  }

  async function withBuildah(): Promise<Built> {
    const pulled = await succeeds('buildah', 'pull', '--quiet', '--policy=always', base);
    const from = pulled ? base : LOCAL_BASE;
    if (!pulled && !(await succeeds('buildah', 'inspect', '--type=image', LOCAL_BASE))) {
      await provide('debootstrap');
      await needed(sh('dev/local-base-image.sh', LOCAL_BASE));
    }
    if (ready) await sh('buildah', 'pull', '--quiet', '--policy=missing', ready);
    else await build(from);
    const image = await inspect(tag);
    return {
      engine: `buildah, on ${pulled ? base : `a local replacement of ${base}: no reachable registry has it`}`,
      image,
      base: await inspect(from),
      async start(environment) {
        const name = (await sh('buildah', 'from', '--pull-never', tag)).stdout.trim();
        const remove = () => promisify(execFile)('buildah', ['rm', name]);
        try {
          return enter(image, (await sh('buildah', 'mount', name)).stdout.trim(), environment, remove);
        } catch (error) {
          await remove();
          throw error;
        }
      },
    };
  }

  async function build(from: string): Promise<void> {
    // By default, Buildah asks for a million open files, even where the kernel refuses that.
    const limits = readFileSync('/proc/self/limits', 'utf8').replaceAll('unlimited', '-1');
    const most = (name: string) => new RegExp(`^Max ${name} +\\S+ +(\\S+)`, 'm').exec(limits)?.[1];
    const [files, processes] = [most('open files'), most('processes')];
    const ulimits = ['--ulimit', `nofile=${files}:${files}`, '--ulimit', `nproc=${processes}:${processes}`];
    const options = [
      '--isolation=chroot',
      '--format=docker',
      '--pull-never',
      '--build-arg',
      `BASE=${from}`,
      '--tag',
      tag,
    ];
    await sh('buildah', 'build', ...options, ...ulimits, '.');
  }

  async function inspect(name: string): Promise<Image> {
    const { Docker, OCIv1 } = JSON.parse((await sh('buildah', 'inspect', '--type=image', name)).stdout);
    return { Config: Docker.config, RootFS: { Layers: OCIv1.rootfs.diff_ids } };
  }

  function enter({ Config }: Image, root: string, environment: readonly string[], remove: () => unknown): Container {
    const { User: user, WorkingDir: folder, Cmd, Env } = Config;
    const env = Object.fromEntries([...Env, ...environment].map((one) => one.split(/=(.*)/s).slice(0, 2)));
    const script = fileURLToPath(new URL('enter.sh', import.meta.url));
    const child = spawn('unshare', ['--mount', '--pid', '--fork', 'sh', script, root, user || 'root', folder, ...Cmd], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exit = ended(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    // The machine's number of the container's first process. This process must be ended explicitly: after its change of
    // user, it no longer ends with `unshare`.
    let pid: number | undefined;
    const first = () => {
      pid ??= Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'));
      return pid;
    };
    return {
      run: (user: string, ...command: string[]) =>
        promisify(execFile)(
          'nsenter',
          [
            ...['--target', String(first()), '--mount', '--pid', '--root', 'chroot', `--userspec=${user}:`, '/'],
            ...['env', `--chdir=${folder}`, ...command],
          ],
          { env, signal, maxBuffer: 2 ** 26 },
        ),
      stop() {
        process.kill(first(), 'SIGTERM');
        return exit;
      },
      logs: async () => output,
      async remove() {
        if (child.exitCode === null && child.pid !== undefined) process.kill(first(), 'SIGKILL');
        await exit.catch(() => undefined);
        await remove();
      },
    };
  }
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve));
}
