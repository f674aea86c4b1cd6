/**
 * `npm run test:soak [-- <scenario> …]`: what is too long for a test run. Each scenario runs the server that ships as a
 * separate process, before a command API in this process, over the loopback interface only. Prints a table and
 * exits with 1 where a figure misses its bound. SOAK_SECONDS is the length of the steady load, 300 unless told.
 */
import { readNames } from '../../dev/options.ts';
import { killAll } from '../support/process.ts';
import { blocking } from './blocking.ts';
import { printFigures, type Scenario } from './figures.ts';
import { hostileCallers } from './hostile-callers.ts';
import { idleClients } from './idle-clients.ts';
import { overload } from './overload.ts';
import { slowClients } from './slow-clients.ts';
import { steady } from './steady.ts';
import { upstreamTrouble } from './upstream-trouble.ts';

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  steady,
  overload,
  'upstream-trouble': upstreamTrouble,
  blocking,
  'hostile-callers': hostileCallers,
  'slow-clients': slowClients,
  'idle-clients': idleClients,
};

const chosen = readNames(Object.keys(SCENARIOS));
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
