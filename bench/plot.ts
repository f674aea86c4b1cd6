/**
 * CPU of each contender for each workload, as a picture.
 */
import { KINDS, OURS } from './contenders.ts';
import type { Summary } from './measure.ts';
import { WORKLOADS } from './workloads.ts';

const PANELS = ['list-20', 'one', 'entities-10', 'entities-100', 'create', 'hot'];
const COLUMNS = 2;
const PANEL = { width: 500, left: 165, right: 80, row: 22, head: 34, gap: 26 };
const COLORS = {
  ours: '#e4572e',
  floor: '#9aa5b1',
  peer: '#3a6ea5',
  text: '#1f2933',
  faint: '#7b8794',
  line: '#d9e2ec',
};

type Costs = Readonly<Record<string, { readonly cpuUs: Summary }>>;

/** `workloads` is that of docs/performance.json. */
export function plot(workloads: Readonly<Record<string, Costs>>): string {
  const height = PANEL.head + KINDS.length * PANEL.row + PANEL.gap;
  const panels = PANELS.map((name, index) => {
    const [x, y] = [(index % COLUMNS) * PANEL.width, 64 + Math.floor(index / COLUMNS) * height];
    return `<g transform="translate(${x} ${y})">${drawPanel(name, workloads[name] ?? {})}</g>`;
  });
  const [width, total] = [COLUMNS * PANEL.width + 20, 64 + Math.ceil(PANELS.length / COLUMNS) * height];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" width="${width}" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12" role="img">
<title>CPU microseconds a request of each contender, a panel for each workload</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="20" y="30" font-size="17" font-weight="600" fill="${COLORS.text}">CPU microseconds a request: less is better</text>
<text x="20" y="49" fill="${COLORS.faint}">Median of the rounds of one run, whole processes; the thin line spans the least and the most.</text>
${panels.join('\n')}
</svg>
`;
}

function drawPanel(name: string, costs: Costs): string {
  const rows = KINDS.flatMap((kind) => {
    const cost = costs[kind.name];
    return cost ? { kind, ...cost.cpuUs } : [];
  });
  const most = Math.max(...rows.map((row) => row.median));
  const scale = (value: number) => (Math.min(value, most * 1.08) / most) * (PANEL.width - PANEL.left - PANEL.right);
  const bars = rows.map(({ kind, median, least, most: worst }, index) => {
    const y = PANEL.head + index * PANEL.row;
    const isOurs = kind.name === OURS;
    const color = isOurs ? COLORS.ours : kind.name.startsWith('floor') ? COLORS.floor : COLORS.peer;
    const middle = y + 8;
    const end = PANEL.left + scale(Math.max(worst, median));
    return `<text x="${PANEL.left - 8}" y="${y + 12}" text-anchor="end" fill="${COLORS.text}"${isOurs ? ' font-weight="600"' : ''}>${kind.label}</text>
<rect x="${PANEL.left}" y="${y}" width="${scale(median).toFixed(1)}" height="16" rx="2" fill="${color}"/>
<line x1="${(PANEL.left + scale(least)).toFixed(1)}" x2="${end.toFixed(1)}" y1="${middle}" y2="${middle}" stroke="${COLORS.text}" stroke-opacity=".55"/>
<text x="${(end + 6).toFixed(1)}" y="${y + 12}" fill="${COLORS.text}">${median.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ' ')}</text>`;
  });
  const title = WORKLOADS.find((workload) => workload.name === name)?.title;
  return `<text x="20" y="18" font-weight="600" fill="${COLORS.text}">${title}</text>
<line x1="20" x2="${PANEL.width - 20}" y1="25" y2="25" stroke="${COLORS.line}"/>
${bars.join('\n')}`;
}
