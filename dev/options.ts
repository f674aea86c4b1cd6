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
