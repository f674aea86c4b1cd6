/** The metrics of a server, as Prometheus reads them. */
import { ROUTER_SECRET } from './ask.ts';
import { until } from './wait.ts';

export type Samples = ReadonlyMap<string, number>;

// A kept connection would count as one that a server leaves open.
const HEADERS = { 'router-authorization': ROUTER_SECRET, connection: 'close' };

/** Requests `/metrics`, with the router's secret unless other headers are given. */
export function fetchMetrics(origin: string, headers: Readonly<Record<string, string>> = HEADERS) {
  return fetch(`${origin}/metrics`, { headers });
}

/** Returns each sample by the name that `writeSample` gives it. */
export async function scrape(origin: string): Promise<Samples> {
  const text = await (await fetchMetrics(origin)).text();
  const samples = new Map<string, number>();
  for (const [, name = '', labels = '', value] of text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label, value]);
    samples.set(writeSample(name, Object.fromEntries(pairs)), Number(value));
  }
  return samples;
}

/** Waits until a metric without labels has this value. */
export const untilMetric = (origin: string, name: string, value: number) =>
  until(async () => (await scrape(origin)).get(name) === value);

/** Returns a sample's name with its labels in alphabetical order, without empty labels: `name{a="1",b="2"}`. */
export function writeSample(name: string, labels: Readonly<Record<string, string>> = {}): string {
  const given = Object.entries(labels).filter(([, value]) => value !== '');
  const written = given.sort(([a], [b]) => (a < b ? -1 : 1)).map(([label, value]) => `${label}="${value}"`);
  return written.length > 0 ? `${name}{${written.join(',')}}` : name;
}
