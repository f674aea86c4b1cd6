/** Renders the results as a table, and writes them into RESULTS.md and results.svg. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import type { Cost } from './measure.ts';

export interface Row {
  readonly title: string;
  readonly costs: readonly Cost[];
}

/** Returns the table, below a line with commit and machine. */
export function render(rows: readonly Row[], machineLoad: number): string {
  const day = new Date().toISOString().slice(0, 10);
  const commit = execFileSync('git', ['describe', '--always', '--dirty', '--exclude=*'], { encoding: 'utf8' }).trim();
  const machine = `${os.cpus()[0]?.model}, ${os.cpus().length} cores, load before the run ${machineLoad.toFixed(2)}`;
  const names = rows[0]?.costs.map(({ name }) => name) ?? [];
  const describe = ({ ratio, us }: Cost) => `${ratio.toFixed(2)} (${us.map((cpu) => cpu.toFixed(0)).join(', ')} µs)`;
  const cells = rows.map(({ title, costs }) => [title, ...costs.map(describe)]);
  const table = [['CPU of a request', ...names], ['---', ...names.map(() => '---')], ...cells];
  const lines = table.map((line) => `| ${line.join(' | ')} |`);
  return [`Measured on ${day} at ${commit}: Node ${process.version}, ${machine}.`, '', ...lines].join('\n');
}

export function write(rows: readonly Row[], machineLoad: number): void {
  const file = new URL('RESULTS.md', import.meta.url);
  const measured = /(?<=<!-- measured -->\n).*(?=<!-- \/measured -->)/s;
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(measured, () => `\n${render(rows, machineLoad)}\n\n`),
  );
  writeFileSync(new URL('results.svg', import.meta.url), draw(rows));
}

// Each color can be read on white and on black, because a picture does not learn which theme GitHub shows.
const TEXT = '#757d87';
const COLORS = ['#2f81f7', '#c9741a', '#8b949e'];
const [LEFT, WIDTH, LINE] = [110, 490, 20];

/** Returns a bar chart of the ratios. */
function draw(rows: readonly Row[]): string {
  const scale = WIDTH / Math.max(...rows.flatMap(({ costs }) => costs.map(({ ratio }) => ratio)));
  const parts: string[] = [];
  let y = 0;
  for (const { title, costs } of rows) {
    y += LINE;
    parts.push(`<text y="${y}" font-weight="bold">${title}</text>`);
    for (const [index, { name, ratio }] of costs.entries()) {
      y += LINE;
      const width = Math.round(ratio * scale);
      parts.push(`<text x="${LEFT - 8}" y="${y}" text-anchor="end">${name}</text>`);
      parts.push(`<rect x="${LEFT}" y="${y - 12}" width="${width}" height="15" fill="${COLORS[index]}"/>`);
      parts.push(`<text x="${LEFT + width + 6}" y="${y}">${ratio.toFixed(2)}</text>`);
    }
    y += LINE / 2;
  }
  const size = `viewBox="0 0 ${LEFT + WIDTH + 40} ${y}" width="${LEFT + WIDTH + 40}"`;
  const font = `font-family="sans-serif" font-size="13" fill="${TEXT}"`;
  parts.unshift('<title>CPU of a request, as a ratio to this checkout</title>');
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${font}>\n${parts.join('\n')}\n</svg>\n`;
}
