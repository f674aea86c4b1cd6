/** The project's programs as processes. */
import { type ChildProcess, type ChildProcessWithoutNullStreams, type SpawnOptions, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { until } from './wait.ts';

const ROOT = new URL('../..', import.meta.url);
const SCRIPTS: Record<string, string> = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')).scripts;

const running = new Set<ChildProcess>();

/** Kills all processes that were started here and still run. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Starts a program with exactly this environment, by default in the project's folder. */
export function start(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  options: SpawnOptions = {},
): ChildProcessWithoutNullStreams {
  const child = spawn(command, args, { cwd: ROOT, env, ...options }) as ChildProcessWithoutNullStreams;
  running.add(child);
  child.on('close', () => running.delete(child));
  return child;
}

/** Returns the arguments of Node in the npm script that runs `file`, or the usual arguments if no script runs it. */
export function argumentsOf(file: string): string[] {
  const script = Object.values(SCRIPTS).find((command) => command.endsWith(` ${file}`));
  return script?.split('exec node ')[1]?.split(' ') ?? ['--import', './check-node.mjs', file];
}

/** Starts a program of the project as its npm script does, and collects its output, or the lines that `isKept` takes. */
export function run(file: string, env: NodeJS.ProcessEnv, args: readonly string[] = [], isKept?: IsKept) {
  return watch(start(process.execPath, [...argumentsOf(file), ...args], env), isKept);
}

export type IsKept = (line: string) => boolean;

/** Collects the output of a process, line by line. */
export function watch(child: ChildProcessWithoutNullStreams, isKept: IsKept = () => true) {
  let output = '';
  const keep = (line: string) => {
    if (isKept(line)) output += `${line}\n`;
  };
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', keep);
  let hasEnded = false;
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve)).finally(() => {
    hasEnded = true;
  });
  return {
    child,
    exit,
    output: () => output,
    /** Waits until the output matches. Throws all of it if the process ends first. */
    async until(pattern: RegExp): Promise<RegExpExecArray> {
      await until(() => hasEnded || pattern.test(output));
      const match = pattern.exec(output);
      if (!match) throw new Error(`ended with ${await exit}: ${output}`);
      return match;
    },
  };
}
