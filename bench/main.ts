/**
 * `npm run bench` measures the CPU of a request here, in the stock template and in the floor, before a command API over
 * TLS, and prints a table for RESULTS.md. It exits with 1 if a request fails, or if the servers answer different data.
 */
import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { end, readOptions } from '../dev/options.ts';
import { issue } from '../test/support/certificates.ts';
import { killAll } from '../test/support/process.ts';
import { startFastVendor } from './fast-vendor.ts';
import { burst, type Contender, compare, pinLoad, type Server, startServer } from './measure.ts';
import { describeRun, type Row, render } from './report.ts';
import { WORKLOADS } from './workloads.ts';

const USAGE = `npm run bench [-- <options>]
  --against DIR    compare only with another checkout of this repository, which has its node_modules
  --plain          let the command API answer over plain HTTP
  --processes 4    number of processes of each server
  --rounds 10      number of bursts of each process for each row`;

const options = readOptions(USAGE, {
  against: { type: 'string' },
  plain: { type: 'boolean', default: false },
  processes: { type: 'string', default: '4' },
  rounds: { type: 'string', default: '10' },
});
const [processes, rounds] = [Number(options.processes), Number(options.rounds)];
if (!(processes >= 1 && rounds >= 1)) end('--processes and --rounds are numbers from 1.', USAGE);
const ours = checkout('this checkout', '.');
// The ratios are to the first one.
const contenders: readonly Contender[] = options.against
  ? [checkout('other checkout', options.against), ours]
  : [
      ours,
      { name: 'stock template', folder: '.', command: 'exec node bench/stock.ts' },
      { name: 'floor', folder: '.', command: 'exec node bench/floor.ts' },
    ];
const head = describeRun(options);
const folder = mkdtempDisposableSync(join(os.tmpdir(), 'bench-'));
process.on('exit', () => {
  killAll();
  folder.remove();
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
pinLoad();
const authority = await issue('bench');
const NODE_EXTRA_CA_CERTS = join(folder.path, 'ca.pem');
writeFileSync(NODE_EXTRA_CA_CERTS, authority.cert);
const { url } = await startFastVendor(options.plain ? undefined : await issue('localhost', authority));
const vendor = { COMMAND_API_URL: url, NODE_EXTRA_CA_CERTS };

// Load and command API are slow at first, and the server that they warm up stays slower. So another server is measured.
const first = await startServer(ours, vendor);
for (const workload of WORKLOADS) await burst(first, workload, workload.warmUpMs);
process.kill(first.pid);

// Several processes of each, because processes of the same code differ.
const servers: Server[] = [];
for (let round = 0; round < processes; round++)
  for (const contender of round % 2 ? contenders.toReversed() : contenders)
    servers.push(await startServer(contender, vendor));
const rows: Row[] = [];
for (const workload of WORKLOADS) {
  console.error(`${workload.title} …`);
  rows.push({ title: workload.title, costs: await compare(workload, servers, rounds) });
}
console.log(render(head, rows));
process.exit();

/** Runs a checkout as its own `npm start` does, on its own Node. */
function checkout(name: string, folder: string): Contender {
  const { scripts } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  return { name, folder, command: scripts.start };
}
