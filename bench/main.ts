/**
 * `npm run bench` measures the CPU of a request here, in the stock template and in the floor, and writes RESULTS.md and
 * results.svg. With `--against`, it measures another checkout too, and only prints. It exits with 1 if a request fails,
 * or if a server answers other data.
 */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { readOptions } from '../dev/options.ts';
import { killAll } from '../test/support/process.ts';
import { startFastVendor } from './fast-vendor.ts';
import { burst, type Contender, compare, pinLoad, type Server, startServer } from './measure.ts';
import { type Row, render, write } from './report.ts';
import { WORKLOADS } from './workloads.ts';

const USAGE =
  'npm run bench [-- --against DIR], where DIR is another checkout of this repository with its node_modules';
const LOAD_WARM_UP_MS = 4000;

const { against } = readOptions(USAGE, { against: { type: 'string' } });
const ours = checkout('this checkout', '.');
const others: readonly Contender[] = [
  ...(against ? [checkout('other checkout', against)] : []),
  { name: 'stock template', folder: '.', command: 'exec node bench/stock.ts' },
  { name: 'floor', folder: '.', command: 'exec node bench/floor.ts' },
];
process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
const machineLoad = os.loadavg()[0] ?? 0;
pinLoad();
const { url } = await startFastVendor();

// Load and command API are slow at first, and the server that they warm up stays slower. So another server is measured.
const first = await startServer(ours, url);
for (const workload of WORKLOADS) await burst(first, workload, LOAD_WARM_UP_MS);
process.kill(first.pid);

// Two processes of each, because processes of the same code differ.
const servers: Server[] = [];
for (const contender of [ours, ...others, ...others.toReversed(), ours])
  servers.push(await startServer(contender, url));
const rows: Row[] = [];
for (const workload of WORKLOADS) {
  console.error(`${workload.title} …`);
  rows.push({ title: workload.title, costs: await compare(workload, servers) });
}
console.log(render(rows, machineLoad));
if (!against) write(rows, machineLoad);
process.exit();

/** Runs a checkout as its own `npm start` does, on its own Node. */
function checkout(name: string, folder: string): Contender {
  const { scripts } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  return { name, folder, command: scripts.start };
}
