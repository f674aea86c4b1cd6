import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** Returns the options of the command line. Prints `usage` and ends the process: with 0 at `--help`, with 1 at a wrong argument. */
export function readOptions<const T extends ParseArgsOptionsConfig>(usage: string, options: T) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return end((error as Error).message, usage);
  }
}

/** Prints why the command line is wrong, or the usage if it asks for `--help`, and ends the process. */
export function end(fault: string, usage: string): never {
  const isAsked = process.argv.includes('--help');
  if (isAsked) console.log(usage);
  else console.error(`${fault}\n${usage}`);
  process.exit(isAsked ? 0 : 1);
}
