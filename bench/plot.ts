/**
 * CPU of each contender for each workload, as a picture.
 */
import { FLOOR, KINDS, OURS } from './contenders.ts';
import { median } from './measure.ts';
import type { Bursts } from './report.ts';
import { COLORS, sheet } from './svg.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

const { list, one, create, entities, hot } = WORKLOADS;
const PANELS = [list, one, create, entities, hot];
const COLUMNS = 2;
const PANEL = { width: 500, left: 165, right: 80, row: 22, head: 34, gap: 26 };

export function plot(bursts: Readonly<Record<string, Bursts>>): string {
  const height = PANEL.head + KINDS.length * PANEL.row + PANEL.gap;
  const panels = PANELS.map((workload, index) => {
    const [x, y] = [(index % COLUMNS) * PANEL.width, 64 + Math.floor(index / COLUMNS) * height];
    return `<g transform="translate(${x} ${y})">${drawPanel(workload, bursts[workload.name] ?? {})}</g>`;
  });
  const size = { width: COLUMNS * PANEL.width + 20, height: 64 + Math.ceil(PANELS.length / COLUMNS) * height };
  return sheet(
    size,
    'CPU microseconds a request of each contender, a panel for each workload',
    'CPU microseconds a request: less is better',
    'Median of the rounds of one run, whole processes; the thin line spans the least and the most.',
    panels,
  );
}

function drawPanel({ title }: Workload, bursts: Bursts): string {
  const rows = KINDS.map((kind) => {
    const costs = (bursts[kind.name] ?? []).map(({ cpuUs }) => cpuUs);
    return { kind, median: median(costs), least: Math.min(...costs), worst: Math.max(...costs) };
  });
  const most = Math.max(...rows.map((row) => row.median));
  const scale = (value: number) => (Math.min(value, most * 1.08) / most) * (PANEL.width - PANEL.left - PANEL.right);
  const bars = rows.map(({ kind, median, least, worst }, index) => {
    const y = PANEL.head + index * PANEL.row;
    const isOurs = kind === OURS;
    const color = isOurs ? COLORS.ours : kind === FLOOR ? COLORS.floor : COLORS.peer;
    const middle = y + 8;
    const end = PANEL.left + scale(Math.max(worst, median));
    return `<text x="${PANEL.left - 8}" y="${y + 12}" text-anchor="end" fill="${COLORS.text}"${isOurs ? ' font-weight="600"' : ''}>${kind.label}</text>
<rect x="${PANEL.left}" y="${y}" width="${scale(median).toFixed(1)}" height="16" rx="2" fill="${color}"/>
<line x1="${(PANEL.left + scale(least)).toFixed(1)}" x2="${end.toFixed(1)}" y1="${middle}" y2="${middle}" stroke="${COLORS.text}" stroke-opacity=".55"/>
<text x="${(end + 6).toFixed(1)}" y="${y + 12}" fill="${COLORS.text}">${median.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ' ')}</text>`;
  });
  return `<text x="20" y="18" font-weight="600" fill="${COLORS.text}">${title}</text>
<line x1="20" x2="${PANEL.width - 20}" y1="25" y2="25" stroke="${COLORS.line}"/>
${bars.join('\n')}`;
}
