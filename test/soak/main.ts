/**
 * `npm run test:soak [-- <scenario> …]`: measurements that take minutes. Each scenario runs the server that ships as a separate
 * process, before a command API in this process, over the loopback interface only. Prints a table and exits with 1 if a figure
 * misses its bound.
 */
import { end } from '../../dev/options.ts';
import { killAll } from '../support/process.ts';
import { printFigures } from './figures.ts';
import { hostileCallers, largeOperations } from './hostile.ts';
import { overload } from './operations.ts';

const SCENARIOS = {
  'large-operations': largeOperations,
  'hostile-callers': hostileCallers,
  overload,
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in SCENARIOS));
if (unknown.length > 0)
  end(`There is no ${unknown.join(', ')}.`, `The scenarios are: ${Object.keys(SCENARIOS).join(', ')}.`);
process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

let missed = 0;
for (const [scenario, run] of Object.entries(SCENARIOS)) {
  if (chosen.length > 0 && !chosen.includes(scenario)) continue;
  console.log(`\n${scenario}`);
  missed += printFigures(await run());
}
console.log(missed === 0 ? '\nAll bounds are kept.' : `\n${missed} missed.`);
process.exit(missed === 0 ? 0 : 1);
