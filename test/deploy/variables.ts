/** The process that a manifest or a unit starts. */
import { ROUTER_SECRET } from '../support/ask.ts';
import { loadConfig } from '../support/configuration.ts';
import { useFolder } from '../support/use-folder.ts';

export type Variable = { name: string; value?: string };

/** A folder for the files of a test. */
export const { folder, write } = useFolder('deploy');
const SECRET_FILE = write('secret', ROUTER_SECRET);

/** Returns the configuration of a process with these variables, whose secrets exist. Throws if one is not accepted. */
export function loadVariables(variables: readonly Variable[]) {
  const secrets: Record<string, string> = { COMMAND_API_PROXY: 'http://proxy.test', ROUTER_SECRET };
  const textOf = ({ name, value }: Variable) => (name.endsWith('_FILE') ? SECRET_FILE : (value ?? secrets[name]));
  return loadConfig(Object.fromEntries(variables.map((one) => [one.name, textOf(one)])));
}

/** Returns the seconds until the operation of a write that arrives last has ended, and the last spans are sent. */
export function shutdownSeconds({ DRAIN_DELAY_MS, OPERATION_TIMEOUT_MS }: ReturnType<typeof loadVariables>): number {
  return (DRAIN_DELAY_MS + 2 * OPERATION_TIMEOUT_MS + 3000) / 1000;
}
