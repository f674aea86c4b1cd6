/**
 * What `/metrics` says, as Prometheus would read it.
 */
import { ROUTER_SECRET } from './subgraph.ts';

export type Samples = ReadonlyMap<string, number>;

/** Asks a server for its metrics. */
export async function fetchMetrics(
  origin: string,
  headers: Record<string, string> = { 'router-authorization': ROUTER_SECRET },
) {
  return fetch(`${origin}/metrics`, { headers });
}

/** Each sample by its name and labels, these in the order of the alphabet: `name{a="1",b="2"}`. Empty labels are none. */
export async function scrape(origin: string): Promise<Samples> {
  const response = await fetchMetrics(origin);
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, name = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      return [writeSample(name, readLabels(labels)), Number(value)];
    }),
  );
}

export function writeSample(name: string, labels: Readonly<Record<string, string>> = {}): string {
  const given = Object.entries(labels).filter(([, value]) => value !== '');
  const written = given.sort(([a], [b]) => (a < b ? -1 : 1)).map(([label, value]) => `${label}="${value}"`);
  return written.length > 0 ? `${name}{${written.join(',')}}` : name;
}

function readLabels(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value]));
}

/** The families that a server has, with their types. */
export async function readFamilies(origin: string): Promise<Map<string, string>> {
  const text = await (await fetchMetrics(origin)).text();
  return new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type]));
}
