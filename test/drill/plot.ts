/**
 * Draws the dashboard during the drill. Each panel shows the namespace in which it moved most.
 */
import { COLORS, sheet } from '../../bench/svg.ts';
import type { Alert, Panel, Series, Times } from './judge.ts';
import { FACTOR } from './prometheus.ts';

const COLUMNS = 3;
const PANEL = { width: 360, height: 172 };
/** The ends of the axes in a panel. */
const [LEFT, RIGHT, TOP, BOTTOM] = [62, 346, 52, 148];
/** The maximum of characters in a line. */
const LEGEND = 51;
const LINES = [COLORS.ours, COLORS.peer, '#2a9d62'];
const [RED, GRAY] = ['#d00000', '#c5ced6'];
const [END, MIDDLE, SMALL] = ['text-anchor="end"', 'text-anchor="middle"', 'font-size="11"'];
/** The marks of the time axis in minutes of production after the fault. */
const TICKS = [-15, -10, -5, 0, 5, 10, 15];
const HEALTHY = 'healthy';

type Ends = readonly [number, number];

/** Draws all panels. Times are minutes of production since the faults. */
export function plot(panels: readonly Panel[], alerts: readonly Alert[], times: Times): string {
  const drawn = panels.map((panel, index) => {
    const [x, y] = [10 + (index % COLUMNS) * PANEL.width, 70 + Math.floor(index / COLUMNS) * PANEL.height];
    return `<g transform="translate(${x} ${y})">${drawPanel(panel, alerts, times)}</g>`;
  });
  return sheet(
    { width: COLUMNS * PANEL.width + 20, height: 70 + Math.ceil(panels.length / COLUMNS) * PANEL.height },
    'The queries of the dashboard during the fault drill',
    'The dashboard during the fault drill',
    `Minutes of production after the faults (dashed). Each panel: the namespace in which it moved most, its first alert (red), and
the healthy namespace (gray).`,
    drawn,
  );
}

function drawPanel({ title, unit, series }: Panel, alerts: readonly Alert[], times: Times): string {
  const [from, to, fault] = [times.from / 1000, times.to / 1000, times.fault / 1000];
  const moved = series.map((one) => ({ ...one, by: move(one, fault) })).sort((a, b) => b.by - a.by);
  const namespace = moved.find((one) => one.namespace !== HEALTHY)?.namespace ?? HEALTHY;
  const colored = moved.filter((one) => one.namespace === namespace).slice(0, LINES.length);
  const gray = moved.filter((one) => one.namespace === HEALTHY && colored.some(({ name }) => name === one.name));
  const values = [...colored, ...gray].flatMap(({ points }) => points.map(([, value]) => value));
  const [least, most] = [Math.min(0, ...values), Math.max(...values) || 1];
  const x = (time: number) => Math.round(LEFT + ((time - from) / (to - from)) * (RIGHT - LEFT));
  const y = (value: number) => Number((BOTTOM - ((value - least) / (most - least)) * (BOTTOM - TOP)).toFixed(1));
  const line = ({ points }: Series, color: string) => {
    const path = points.map(([time, value], at) => {
      // Leave a gap between separate samples.
      const isNew = at === 0 || time - (points[at - 1]?.[0] ?? 0) > 2;
      return `${isNew ? 'M' : 'L'}${x(time)} ${y(value)}`;
    });
    return `<path d="${path.join('')}" fill="none" stroke="${color}" stroke-width="1.5" stroke-linejoin="round"/>`;
  };
  const rule = ([x1, x2]: Ends, [y1, y2]: Ends, color: string, dash = '') =>
    `<line x1="${x1}" x2="${x2}" y1="${y1}" y2="${y2}" stroke="${color}" stroke-dasharray="${dash}"/>`;
  const upright = (at: number, color: string, dash?: string) => rule([at, at], [TOP - 6, BOTTOM], color, dash);
  const text = ([left, base]: Ends, content: string, color: string, more = '') =>
    `<text x="${left}" y="${base}" fill="${color}" ${more}>${content}</text>`;
  /** Returns the place of a minute of production after the fault. */
  const xOf = (minute: number) => x(fault + (minute * 60) / FACTOR);
  const tick = (minute: number) => text([xOf(minute), BOTTOM + 16], `${minute}`, COLORS.faint, `${MIDDLE} ${SMALL}`);
  const legend = colored.map(({ name }, at) => {
    return `<tspan fill="${LINES[at]}">${escapeText(shorten(name, colored.length))}  </tspan>`;
  });
  const alert = alerts.find((one) => one.labels.namespace === namespace && one.minutes > 0);
  const fired = alert && `${alert.labels.alertname?.replace('Maintenance', '')} +${alert.minutes.toFixed(1)}`;
  return [
    text([10, 14], escapeText(title), COLORS.text, 'font-weight="600"'),
    text([RIGHT, 14], namespace, COLORS.text, END),
    text([10, 30], legend.join(''), COLORS.text, SMALL),
    ...[least, most].flatMap((value) => [
      rule([LEFT, RIGHT], [y(value), y(value)], COLORS.line),
      text([LEFT - 6, y(value) + 4], write(value, unit), COLORS.faint, `${END} ${SMALL}`),
    ]),
    ...TICKS.map(tick),
    upright(xOf(0), COLORS.faint, '3 3'),
    ...(alert ? [upright(xOf(alert.minutes), RED), text([RIGHT, TOP - 9], `${fired}`, RED, `${END} ${SMALL}`)] : []),
    ...gray.map((one) => line(one, GRAY)),
    ...colored.map((one, at) => line(one, LINES[at] ?? GRAY)),
  ].join('\n');
}

/** Returns how far the mean moved after the fault. */
function move({ points }: Series, fault: number): number {
  const mean = (ones: Series['points']) => ones.reduce((sum, [, value]) => sum + value, 0) / (ones.length || 1);
  return Math.abs(mean(points.filter(([time]) => time > fault)) - mean(points.filter(([time]) => time <= fault)));
}

/** Each unit of Grafana → the factor to the printed unit, and that unit. Rates are those of production. */
const UNITS: Readonly<Record<string, readonly [number, string]>> = {
  s: [1, ' s'],
  percentunit: [100, ' %'],
  bytes: [1 / 2 ** 20, ' MB'],
  reqps: [1 / FACTOR, '/s'],
  ops: [1 / FACTOR, '/s'],
};

function write(value: number, unit: string): string {
  const [factor, printed] = UNITS[unit] ?? [1, ''];
  return `${Number((value * factor).toPrecision(2))}${printed}`;
}

/** Returns a name that leaves room for `count` names in a line, without the port and the common part of commands. */
function shorten(name: string, count: number): string {
  const text = name.replace(/127\.0\.0\.1:\d+ ?/, '').replaceAll('maintenance', '…');
  const most = Math.floor(LEGEND / count);
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

const escapeText = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
