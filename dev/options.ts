import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { explainStartFailure } from '../src/http/lifecycle.ts';

/** Returns the options of the command line. Ends the process with 1 and one sentence at any other argument. */
export function readOptions<T extends ParseArgsOptionsConfig>(options: T) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    console.error(explainStartFailure(error));
    process.exit(1);
  }
}

/** Returns the names on the command line. Ends the process with 1 and one sentence at a name that is not known. */
export function readNames(known: readonly string[]): string[] {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length === 0) return names;
  console.error(`There is no ${unknown.join(', ')}. There are: ${known.join(', ')}.`);
  process.exit(1);
}
