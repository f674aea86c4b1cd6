/**
 * Apollo Connectors in place of this subgraph, as several teams would write them, for the router that sends their commands.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { freePort } from '../dev/command-api.ts';

/**
 * `lean` serves reads, creates and deletes; `complete` also filters, orders, checks and escapes. `kept` is the same with connections
 * that stay open. `byBatch` has references alone, on such connections: one list for each residence, by `$batch`.
 */
export type Form = 'lean' | 'complete' | 'kept' | 'byBatch';

const COMPLETE = {
  maintenance: 'complete/maintenance.graphql',
  'maintenance-queries': 'complete/maintenance-queries.graphql',
};
const SUBGRAPHS: Readonly<Record<Form, Readonly<Record<string, string>>>> = {
  lean: { maintenance: 'lean.graphql' },
  complete: COMPLETE,
  kept: COMPLETE,
  byBatch: { maintenance: 'references-by-batch.graphql' },
};

/** Returns what `startRouter` takes. */
export async function readConnectors(form: Form, commandApiUrl: string) {
  const health = `127.0.0.1:${await freePort()}`;
  const fill = (text: string) =>
    text.replaceAll('COMMAND_API_URL', commandApiUrl).replaceAll('ROUTER_HEALTH_URL', `http://${health}`);
  const subgraphs = Object.entries(SUBGRAPHS[form]).map(([name, file]) => ({
    name,
    // Nobody asks it: the router itself sends the commands.
    url: 'http://none',
    sdl: fill(read(file)),
  }));
  if (form === 'lean') return { subgraphs };
  const text = read('complete/router.yaml').replace(form === 'complete' ? '' : ', pool_idle_timeout: 0s', '');
  const settings = parse(text);
  if (form === 'byBatch') {
    settings.health_check = { listen: health };
    // The router closes connections of its own port after 10 s.
    settings.traffic_shaping.connector.sources['maintenance.self'] = { pool_idle_timeout: '5s' };
  }
  return { subgraphs, settings, files: { 'connectors.rhai': read('complete/connectors.rhai') } };
}

function read(file: string): string {
  return readFileSync(new URL(`contenders/connectors/${file}`, import.meta.url), 'utf8');
}
