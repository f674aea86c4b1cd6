/** A replica of the server: src/main.ts as a separate process, on a free port. */
import { ROUTER_SECRET } from './ask.ts';
import { type IsKept, run } from './process.ts';
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

/** Starts a replica before a command API as `npm start` does, and waits until it is ready. */
export async function startReplica(commandApiUrl: string, env: NodeJS.ProcessEnv = {}, isKept?: IsKept) {
  const required = { HOST: '127.0.0.1', PORT: '0', COMMAND_API_URL: commandApiUrl, ROUTER_SECRET };
  const { child, exit, output, until } = run('src/main.ts', { ...required, DRAIN_DELAY_MS: '0', ...env }, [], isKept);
  const [line] = await until(/^\{.*"msg":"ready"\}$/m);
  const { url, metricsPort }: { url: string; metricsPort?: number } = JSON.parse(line);
  return {
    ...{ url, metricsPort, pid: Number(child.pid), child, exit, output, untilPrinted: until },
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
    /** Sends SIGTERM, waits for the end, and returns the exit code. */
    stop(): Promise<number | null> {
      child.kill('SIGTERM');
      return exit;
    },
  };
}

export type Replica = Awaited<ReturnType<typeof startReplica>>;
