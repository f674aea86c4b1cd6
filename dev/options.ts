import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** Returns the options of the command line. Prints `usage` and ends the process: with 0 at `--help`, with 1 at a wrong argument. */
export function readOptions<const T extends ParseArgsOptionsConfig>(usage: string, options: T) {
  endAtHelp(usage);
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(1);
  }
}

/** Returns the names on the command line. Prints the known names and ends the process: with 0 at `--help`, with 1 at another name. */
export function readNames(known: readonly string[]): string[] {
  const usage = `There are: ${known.join(', ')}.`;
  endAtHelp(usage);
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length === 0) return names;
  console.error(`There is no ${unknown.join(', ')}. ${usage}`);
  process.exit(1);
}

function endAtHelp(usage: string): void {
  if (!process.argv.includes('--help')) return;
  console.log(usage);
  process.exit(0);
}
