/**
 * The metrics of a server, as Prometheus reads them.
 */
import { ROUTER_SECRET } from './subgraph.ts';

export type Samples = ReadonlyMap<string, number>;

/** Requests `/metrics`, with the router's secret unless other headers are given. */
export async function fetchMetrics(
  origin: string,
  headers: Record<string, string> = { 'router-authorization': ROUTER_SECRET },
) {
  return fetch(`${origin}/metrics`, { headers });
}

/** Returns each sample by the name that `writeSample` gives it. */
export async function scrape(origin: string): Promise<Samples> {
  const text = await (await fetchMetrics(origin)).text();
  const samples = text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm);
  return new Map(
    [...samples].map(([, name = '', labels = '', value]) => {
      const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value]);
      return [writeSample(name, Object.fromEntries(pairs)), Number(value)];
    }),
  );
}

/** Returns a sample's name with its labels in alphabetical order, without empty labels: `name{a="1",b="2"}`. */
export function writeSample(name: string, labels: Readonly<Record<string, string>> = {}): string {
  const given = Object.entries(labels).filter(([, value]) => value !== '');
  const written = given.sort(([a], [b]) => (a < b ? -1 : 1)).map(([label, value]) => `${label}="${value}"`);
  return written.length > 0 ? `${name}{${written.join(',')}}` : name;
}

/** Returns the type of each metric of a server. */
export async function readFamilies(origin: string): Promise<Map<string, string>> {
  const text = await (await fetchMetrics(origin)).text();
  return new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type]));
}
