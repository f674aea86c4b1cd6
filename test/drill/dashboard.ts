/**
 * Sends the queries of deploy/dashboard.json to the drill's Prometheus, as Grafana would.
 */
import { readDocument as read } from '../support/documents.ts';
import type { Times } from './judge.ts';
import { type Prometheus, scale } from './prometheus.ts';

interface Panel {
  readonly title: string;
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

export interface Series {
  readonly namespace: string;
  readonly name: string;
  /** Seconds since 1970, and the value. */
  readonly points: readonly (readonly [number, number])[];
}

export interface Shown {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly Series[];
  /** The queries that fail, find no series in any namespace, or give two series the same name. */
  readonly failed: readonly string[];
}

/** Sends each query of each panel for each namespace. */
export async function askDashboard(
  { over }: Prometheus,
  namespaces: readonly string[],
  times: Times,
): Promise<Shown[]> {
  const { panels } = JSON.parse(read('deploy/dashboard.json')) as { panels: Panel[] };
  const shown: Shown[] = [];
  for (const { title, fieldConfig, targets = [] } of panels) {
    const series: Series[] = [];
    const failed: string[] = [];
    for (const { expr, legendFormat } of targets) {
      const found = series.length;
      try {
        for (const namespace of namespaces) {
          const names = new Set<string>();
          for (const { metric, values } of await over(fill(expr, namespace), times)) {
            const name = legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? '').trim();
            if (names.has(name)) failed.push(`${expr}: two series are named ${name} in ${namespace}`);
            names.add(name);
            const points = values.map(([time, value]) => [time, Number(value)] as const);
            series.push({ namespace, name, points: points.filter(([, value]) => Number.isFinite(value)) });
          }
        }
        if (!series.slice(found).some(({ points }) => points.length > 0)) failed.push(`${expr}: no series`);
      } catch (error) {
        failed.push((error as Error).message);
      }
    }
    if (targets.length > 0) shown.push({ title, unit: fieldConfig?.defaults.unit ?? 'short', series, failed });
  }
  return shown;
}

/** Fills in Grafana's variables. */
function fill(expr: string, namespace: string): string {
  const text = expr.replaceAll(/\$\{?namespace(?::\w+)?\}?/g, namespace).replaceAll('$__rate_interval', '1m');
  return scale(text);
}
