import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { explainStartFailure } from '../src/http/lifecycle.ts';

/** `value` names the value of an option in `--help`. */
type Options = Readonly<Record<string, ParseArgsOptionsConfig[string] & { value?: string; help: string }>>;

/**
 * Returns the options of the command line. Ends the process with them and `note`: with 0 at `--help`, with 1 at any other
 * argument.
 */
export function readOptions<const T extends Options>(options: T, note = '') {
  const entries = Object.entries(options as Options);
  const lines = entries.map(([name, { value = '', help }]) => `  ${`--${name} ${value}`.padEnd(28)}${help}`);
  const list = [lines.length === 0 ? 'There are no options.' : 'Options:', ...lines, note].join('\n').trimEnd();
  endAtHelp(list);
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    console.error(`${explainStartFailure(error)}\n${list}`);
    process.exit(1);
  }
}

/** Returns the names on the command line. Ends the process with the known names: with 0 at `--help`, with 1 at another name. */
export function readNames(known: readonly string[]): string[] {
  const list = `There are: ${known.join(', ')}.`;
  endAtHelp(list);
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length === 0) return names;
  console.error(`There is no ${unknown.join(', ')}. ${list}`);
  process.exit(1);
}

function endAtHelp(list: string): void {
  if (!process.argv.slice(2).includes('--help')) return;
  console.log(list);
  process.exit(0);
}
