/**
 * What builds the image and runs its container: Docker where an engine answers that can pull the base image, else Buildah,
 * which needs no engine, with the container's root made read-only by the kernel's own means.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BASE = /^ARG BASE=(\S+)/m.exec(readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8'))?.[1] ?? '';
const STAND_IN = `localhost/stand-in:${process.versions.node}`;
const TAG = 'maintenance-subgraph';
/** What Debian brings a command with. */
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
  /** Runs a command in it, as its own user or as root. Rejects where it exits with anything but 0. */
  run(user: string, ...command: string[]): Promise<{ stdout: string; stderr: string }>;
  /** Ends it with SIGTERM; resolves to its exit code. */
  stop(): Promise<number | null>;
  logs(): Promise<string>;
  remove(): Promise<unknown>;
}

export interface Built {
  readonly engine: string;
  readonly base: Image;
  readonly image: Image;
  /** Starts it on a read-only root and the machine's own network. */
  start(environment: readonly string[]): Promise<Container>;
}

/** No tool on this machine can build an image. */
export class Unable extends Error {}

const needed = (step: Promise<unknown>) =>
  step.catch((error: Error) => {
    throw new Unable(error.message);
  });

/**
 * Builds the image on `base`, or takes `ready`, which was built on `base`. `signal` stops the current command. Rejects with
 * `Unable` where nothing here could.
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
  // Its storage, and the kernel's leave: a sandbox may have neither.
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
          // Without the signal: also where that has ended all else.
          remove: () => promisify(execFile)('docker', ['rm', '--force', '--volumes', id]),
        };
      },
    };
  }

  async function withBuildah(): Promise<Built> {
    const pulled = await succeeds('buildah', 'pull', '--quiet', '--policy=always', base);
    const from = pulled ? base : STAND_IN;
    if (!pulled && !(await succeeds('buildah', 'inspect', '--type=image', STAND_IN))) {
      await provide('debootstrap');
      await needed(sh('dev/local-base-image.sh', STAND_IN));
    }
    if (ready) await sh('buildah', 'pull', '--quiet', '--policy=missing', ready);
    else await build(from);
    const image = await inspect(tag);
    return {
      engine: `buildah, on ${pulled ? base : `a local stand-in for ${base}, which no registry within reach has`}`,
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
    // Left alone, it asks for a million files, even where that is refused.
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
    // The first process of the container, as this machine numbers it. It has to be ended itself: that it would go with
    // `unshare` is forgotten as it changes its user.
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
