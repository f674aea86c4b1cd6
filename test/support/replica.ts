/**
 * A replica of the server that ships: src/main.ts as a process of its own, on a free port.
 */
import { createInterface } from 'node:readline';
import { startProgram } from './process.ts';
import { ROUTER_SECRET } from './subgraph.ts';
import { TOKENS } from './upstream.ts';

/** What a router sends with an operation. */
export const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json',
  authorization: `Bearer ${TOKENS.first}`,
  'router-authorization': ROUTER_SECRET,
} as const;

/** Starts a replica before a command API, and waits until it is ready. `onLine` gets each line that it prints. */
export async function startReplica(
  commandApiUrl: string,
  env: NodeJS.ProcessEnv = {},
  onLine: (line: string) => void = () => {},
) {
  const child = startProgram('src/main.ts', {
    HOST: '127.0.0.1',
    PORT: '0',
    COMMAND_API_URL: commandApiUrl,
    ROUTER_SECRET,
    DRAIN_DELAY_MS: '0',
    ...env,
  });
  // One line for each operation would be too much to keep.
  const lines: string[] = [];
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  const ready = await new Promise<{ url: string; metricsPort?: number }>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        onLine(line);
        if (line.includes('"msg":"operation"')) return;
        lines.push(line);
        if (line.endsWith('"msg":"ready"}')) resolve(JSON.parse(line));
      });
    }
    exit.then((code) => reject(new Error(`ended with ${code}: ${lines.join('\n')}`)));
  });
  return {
    url: ready.url,
    /** Only where METRICS_PORT is set. */
    metricsPort: ready.metricsPort,
    pid: Number(child.pid),
    exit,
    /** What it printed, its operations aside. */
    lines,
    /** Tells it to stop, and waits until it has. Answers its exit code. */
    stop(): Promise<number | null> {
      child.kill('SIGTERM');
      return exit;
    },
    kill(signal: NodeJS.Signals = 'SIGKILL'): void {
      child.kill(signal);
    },
  };
}

export type Replica = Awaited<ReturnType<typeof startReplica>>;
