import { end } from '../../dev/options.ts';

/** Returns the names on the command line. Ends the process like `readOptions`. */
export function readNames(known: readonly string[]): string[] {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) end(`There is no ${unknown.join(', ')}.`, `There are: ${known.join(', ')}.`);
  return names;
}
