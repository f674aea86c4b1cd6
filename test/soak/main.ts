/**
 * `npm run test:soak [-- <scenario> …]`: measurements that take minutes. Each scenario runs the server that ships as a separate
 * process, before a command API in this process, over the loopback interface only. Prints a table and exits with 1 if a figure
 * misses its bound.
 */
import { readNames } from '../../dev/options.ts';
import { type Figure, printFigures } from '../support/figures.ts';
import { killAll } from '../support/process.ts';
import { slowClients } from './connections.ts';
import { blocking, hostileCallers } from './hostile.ts';
import { crowd, overload } from './operations.ts';
import { trouble } from './trouble.ts';

/** Run one after the other, because they measure speed. */
const BUSY = { blocking, 'hostile-callers': hostileCallers, crowd, overload };
/** Mostly wait, and run side by side. */
const WAITING = { trouble, 'slow-clients': slowClients };

const chosen = readNames(Object.keys({ ...BUSY, ...WAITING }));
process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

let missed = 0;
for (const [scenario, run] of pick(BUSY)) await print(scenario, run());
const waiting = pick(WAITING).map(([scenario, run]) => [scenario, run()] as const);
for (const [scenario, figures] of waiting) await print(scenario, figures);
console.log(missed === 0 ? '\nAll bounds are kept.' : `\n${missed} missed.`);
process.exit(missed === 0 ? 0 : 1);

function pick(scenarios: Readonly<Record<string, () => Promise<Figure[]>>>) {
  return Object.entries(scenarios).filter(([name]) => chosen.length === 0 || chosen.includes(name));
}

async function print(scenario: string, figures: Promise<Figure[]>): Promise<void> {
  console.log(`\n${scenario}`);
  missed += printFigures(await figures);
}
