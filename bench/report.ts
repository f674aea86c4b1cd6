/** Renders the results as a table in Markdown. */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { median } from '../test/soak/figures.ts';
import type { Cost } from './measure.ts';

export interface Row {
  readonly title: string;
  readonly costs: readonly Cost[];
}

/** Returns a sentence with commits and machine. Call it before the run, because the run changes the machine's load. */
export function describeRun({ plain, against }: { readonly plain: boolean; readonly against?: string }): string {
  const day = new Date().toISOString().slice(0, 10);
  const commits = against ? `${commitOf('.')}, other checkout at ${commitOf(against)}` : commitOf('.');
  const machine = `${os.cpus()[0]?.model}, ${os.cpus().length} cores, load before the run ${os.loadavg()[0]?.toFixed(2)}`;
  const transport = plain ? 'plain HTTP' : 'TLS';
  return `Measured over ${transport} on ${day} at ${commits}: Node ${process.version}, ${machine}.`;
}

function commitOf(folder: string): string {
  const args = ['-C', folder, 'describe', '--always', '--dirty', '--exclude=*'];
  return execFileSync('git', args, { encoding: 'utf8' }).trim();
}

/** Returns the table, below the sentence of `describeRun`. */
export function render(head: string, rows: readonly Row[]): string {
  const names = rows[0]?.costs.map(({ name }) => name) ?? [];
  const cells = rows.map(({ title, costs }) => [title, ...costs.map(describe)]);
  const table = [['CPU of a request', ...names], ['---', ...names.map(() => '---')], ...cells];
  return [head, '', ...table.map((line) => `| ${line.join(' | ')} |`)].join('\n');
}

function describe({ ratio, us, rate }: Cost): string {
  const [least, middle, most] = [Math.min(...us), median(us), Math.max(...us)].map((value) => value.toFixed(0));
  return `${ratio.toFixed(2)}: ${middle} µs (${least}–${most}), ${rate.toFixed(0)}/s`;
}
