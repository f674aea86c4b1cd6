/** A replica of the server: src/main.ts as a separate process, on a free port. */
import { createInterface } from 'node:readline';
import { ROUTER_SECRET } from './ask.ts';
import { startProgram } from './process.ts';
import { TOKENS } from './upstream.ts';

/** The headers that a router sends with an operation. */
export const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json',
  authorization: `Bearer ${TOKENS.first}`,
  'router-authorization': ROUTER_SECRET,
} as const;

/** Longer than a busy machine needs: only tests of time limits shorten them. */
export const PATIENT = { ATTEMPT_TIMEOUT_MS: '59999', OPERATION_TIMEOUT_MS: '60000' };

/** Starts a replica before a command API as `npm start` does, and waits until it is ready. `onLine` receives each printed line. */
export async function startReplica(
  commandApiUrl: string,
  env: NodeJS.ProcessEnv = {},
  onLine: (line: string) => void = () => {},
) {
  const required = { HOST: '127.0.0.1', PORT: '0', COMMAND_API_URL: commandApiUrl, ROUTER_SECRET };
  const child = startProgram('src/main.ts', { ...required, DRAIN_DELAY_MS: '0', ...env });
  const lines: string[] = [];
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  const ready = await new Promise<{ url: string; metricsPort?: number }>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        onLine(line);
        // Operations are too many to keep.
        if (line.includes('"msg":"operation"')) return;
        lines.push(line);
        if (line.endsWith('"msg":"ready"}')) resolve(JSON.parse(line));
      });
    }
    exit.then((code) => reject(new Error(`ended with ${code}: ${lines.join('\n')}`)));
  });
  return {
    url: ready.url,
    /** Undefined unless METRICS_PORT is set. */
    metricsPort: ready.metricsPort,
    pid: Number(child.pid),
    child,
    exit,
    /** The printed lines without the operations. */
    lines,
    /** Sends SIGTERM, waits for the end, and returns the exit code. */
    stop(): Promise<number | null> {
      child.kill('SIGTERM');
      return exit;
    },
    kill: (signal: NodeJS.Signals = 'SIGKILL') => void child.kill(signal),
  };
}

export type Replica = Awaited<ReturnType<typeof startReplica>>;
