/**
 * The project's programs as processes of their own.
 */
import { type ChildProcess, type ChildProcessWithoutNullStreams, type StdioOptions, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../..', import.meta.url);
export const SCRIPTS: Record<string, string> = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')).scripts;

const running = new Set<ChildProcess>();
const groups = new Set<ChildProcess>();

/** Kills whatever was started here and still runs. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
  for (const group of groups) signalGroup(group, 'SIGKILL');
}

/** Sends a signal to a process and to all that it started, as terminals and supervisors do. */
export function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  process.kill(-Number(pid), signal);
}

/** Starts a program, with this environment and no other. */
export function start(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  stdio: StdioOptions = 'pipe',
): ChildProcessWithoutNullStreams {
  const child = spawn(command, args, { cwd: ROOT, env, stdio }) as ChildProcessWithoutNullStreams;
  running.add(child);
  child.on('close', () => running.delete(child));
  return child;
}

/** Runs `npm start` in a process group of its own. */
export function runNpmStart(given: NodeJS.ProcessEnv) {
  return runInGroup('exec npm start', given);
}

/** Runs a command as npm runs a script, in a process group of its own. */
export function runInGroup(command: string, given: NodeJS.ProcessEnv = {}, folder: URL | string = ROOT) {
  const { PATH, HOME } = process.env;
  const env = { PATH: `${fileURLToPath(new URL('node_modules/.bin', ROOT))}:${PATH}`, HOME, ...given };
  const child = spawn('/bin/sh', ['-c', command], { cwd: folder, env, detached: true });
  groups.add(child);
  child.on('close', () => groups.delete(child));
  return watch(child);
}

/** Returns the arguments of Node in the npm script that runs `file`, and the usual ones for a file that no script runs. */
export function argumentsOf(file: string): string[] {
  const script = Object.values(SCRIPTS).find((one) => one.endsWith(` ${file}`));
  return script?.split('exec node ')[1]?.split(' ') ?? ['--import', './check-node.mjs', file];
}

/** Starts one of the project's programs as its npm script does. */
export function startProgram(file: string, env: NodeJS.ProcessEnv, args: readonly string[] = []) {
  return start(process.execPath, [...argumentsOf(file), ...args], env);
}

/** Runs one of the project's programs and keeps what it prints. */
export function run(...program: Parameters<typeof startProgram>) {
  return watch(startProgram(...program));
}

export function watch(child: ChildProcessWithoutNullStreams) {
  let output = '';
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
      for (const look of watchers) look();
    });
  }
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  return {
    child,
    exit,
    output: () => output,
    /** Waits for the output to match; fails with all of it where the process ends first. */
    async until(pattern: RegExp): Promise<RegExpExecArray> {
      const seen = new Promise<RegExpExecArray>((resolve) => {
        const look = () => {
          const match = pattern.exec(output);
          if (!match) return;
          watchers.delete(look);
          resolve(match);
        };
        watchers.add(look);
        look();
      });
      const ended = exit.then((code) => {
        throw new Error(`ended with ${code}: ${output}`);
      });
      return Promise.race([seen, ended]);
    },
  };
}

/**
 * Returns a module for `--import`: in that process, sending a command to the residence "unforeseen" runs this JavaScript,
 * which has the command's body as `body`. A module hook wraps `createTransport` of src/.
 */
export function preloadFault(javascript: string): string {
  const transport = new URL('src/command-api/transport.ts', ROOT).href;
  const wrapper = `
    import { createTransport as create } from '${transport}?wrapped';
    export function createTransport(config) {
      const { send, ...others } = create(config);
      return {
        ...others,
        async send({ name, id }, param) {
          const body = { command: name, id, param };
          if (param.residence_id === 'unforeseen') { ${javascript} }
          return send(...arguments);
        },
      };
    }`;
  return `data:text/javascript,${encodeURIComponent(`
    import { registerHooks } from 'node:module';
    registerHooks({
      load(url, context, nextLoad) {
        if (url !== '${transport}') return nextLoad(url, context);
        return { format: 'module', source: ${JSON.stringify(wrapper)}, shortCircuit: true };
      },
    });`)}`;
}
