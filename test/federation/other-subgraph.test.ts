/** The schemas of docs/subgraphs.md and its example, composed with our schema and run behind a gateway. */
import { mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/maintenance/seed.ts';
import { startGateway } from '../../dev/supergraph/gateway.ts';
import type { Running } from '../../dev/supergraph/host.ts';
import { startNeighbour } from '../../dev/supergraph/neighbour.ts';
import type { Id } from '../../src/values.ts';
import { askAt, ROUTER_SECRET } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { formatMaintenanceId } from '../support/maintenance/visits.ts';
import { killAll, run, start as startProcess, watch } from '../support/process.ts';
import { useFolder } from '../support/use-folder.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { MAINTENANCE_SDL } from '../support/use-supergraph.ts';

const { residenceId: R, maintenanceId } = EXAMPLE;
const ID = `${R}:${maintenanceId}`;

const page = readDocument('docs/subgraphs.md');
const [byId = '', byVendorIds = '', example = ''] = page.match(/(?<=^ *```graphql\n).+?(?=^ *```)/gms) ?? [];
const whole = readDocument('supergraph/visits.graphql');
const program = readDocument('supergraph/visits.mjs');

/** Returns the schema of the example with another way to refer to a request, and without added fields. */
const referring = (stub: string) => `${whole.slice(0, whole.indexOf('type Maintenance'))}${stub}`;

/** The example under other names, with the other key, and without fields that only one subgraph may have. */
const asBills = (text: string) => text.replace(/\bvisits\b(?!\.graphql)/g, 'bills').replace(/\bVisit\b/g, 'Bill');
const bills = asBills(whole)
  .replace(/^.*(finishTime|warrantyUntil).*\n/gm, '')
  .replace(/(Maintenance @key\(fields: )"id"(.+\n.+ID!)/, '$1"residence { id } maintenanceId"$2 @shareable');

/** Returns the data of the two visits. The request of the second visit does not exist. */
const visits = (first: unknown, second: unknown) => ({
  visits: [first, second].map((maintenance, index) => ({ day: `2024-01-2${index}`, maintenance })),
});

const subgraph = useSubgraph();
afterAll(killAll);
const { folder } = useFolder('subgraphs');

/** Runs a program with a schema beside the file, and returns the URL. */
async function startVisits(sdl: string, code = program): Promise<string> {
  const own = mkdtempSync(join(folder, 'visits-'));
  symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(own, 'node_modules'));
  writeFileSync(join(own, 'visits.graphql'), sdl);
  writeFileSync(join(own, 'visits.mjs'), code);
  const visits = watch(startProcess(process.execPath, [join(own, 'visits.mjs')], { PORT: '0' }));
  const [, url = ''] = await visits.until(/Visits on (\S+)/);
  return url;
}

it('the helpers of the example make the same ids as formatMaintenanceId(), and read them', async () => {
  const [helper = ''] = /^const escapePart[\s\S]+?\n(?=\n)/m.exec(program) ?? [];
  const module = `data:text/javascript,${encodeURIComponent(`${helper}; export { formatMaintenanceId, keysOf };`)}`;
  const { formatMaintenanceId: format, keysOf } = await import(module);
  for (const part of ['r1', 'a:%', '%3A:', '%25', '报修']) {
    const id = formatMaintenanceId({ residenceId: part as Id, maintenanceId: part as Id });
    expect([format(part, part), keysOf({ id })]).toEqual([id, { id, residence: { id: part }, maintenanceId: part }]);
  }
});

describe('npm run supergraph -- --subgraph', () => {
  /** Starts the example with this schema, and the supergraph with the example. */
  async function start(sdl: string, ...options: string[]) {
    const url = await startVisits(sdl);
    return { url, ...run('dev/supergraph.ts', { PORT: '0' }, ['--subgraph', `visits=${url}`, ...options]) };
  }

  it('serves the fields of both subgraphs', async () => {
    const { url, until, child, exit } = await start(whole);
    await until(new RegExp(`Subgraph visits +${url}\n`));
    const [, gateway = ''] = await until(/Supergraph, Sandbox +(http:\/\/localhost:\d+)\n/);
    const first = { state: 'IN_PROGRESS', description: 'test', visits: [{ day: '2024-01-20' }] };
    const second = { state: null, description: null, visits: [{ day: '2024-01-21' }] };
    expect(await askAt(gateway, example)).toMatchObject({ data: visits(first, second), errors: [] });
    child.kill('SIGINT');
    expect(await exit).toBe(0);
  });

  it('replaces the neighbor that owns Residence', async () => {
    const own = await startNeighbour({ host: '127.0.0.1', port: 0 });
    const options = ['--subgraph', `residences=${own.url}/graphql`];
    const { until, output } = run('dev/supergraph.ts', { PORT: '0' }, options);
    const [, gateway = ''] = await until(/Supergraph, Sandbox +(http:\/\/localhost:\d+)\n/);
    expect(output().match(/Subgraph residences/g)).toHaveLength(1);
    const ask = async () => (await askAt(gateway, '{ residences { id } }')).errors.length;
    expect(await ask()).toBe(0);
    await own.stop();
    expect(await ask()).toBe(1);
  });

  it('only writes the supergraph of all subgraphs with --write', async () => {
    const file = join(folder, 'supergraph.graphql');
    const { url, exit, output } = await start(whole, '--write', file);
    expect([await exit, output()]).toEqual([0, expect.stringMatching(/^Composed: maintenance at .+\n$/)]);
    const urls = readFileSync(file, 'utf8').match(/(?<=@join__graph\(.+ url: ")[^"]+/g);
    expect(urls).toEqual(['http://localhost:0/graphql', 'http://localhost:0/graphql', url]);
  });

  it('prints the messages of the composer if the schemas do not compose, and exits with 1', async () => {
    const { exit, output } = await start(whole.replace('finishTime: DateTime @external', 'finishTime: Int'));
    expect(await exit).toBe(1);
    expect(output()).toMatch(/^The supergraph does not compose:\n {2}\[visits\] On field .+ not marked @external\)\n$/);
  });
});

describe.each([
  ['refers by id', referring(byId)],
  ['refers by the vendor’s ids', referring(byVendorIds)],
  ['adds fields', whole],
])('a subgraph that %s', (_, sdl) => {
  const headers = { 'router-authorization': ROUTER_SECRET };
  let gateway: Running;
  beforeAll(async () => {
    const maintenance = { name: 'maintenance', url: `${subgraph.url}/graphql`, sdl: MAINTENANCE_SDL, headers };
    const visits = { name: 'visits', url: await startVisits(sdl), sdl };
    const others =
      sdl === whole ? [{ name: 'bills', url: await startVisits(bills, asBills(program)), sdl: bills }] : [];
    gateway = await startGateway([maintenance, visits, ...others], { host: '127.0.0.1', port: 0 });
  });
  afterAll(() => gateway.stop());

  async function ask(query: string) {
    const { data, errors } = await askAt(`${gateway.url}/graphql`, query);
    return { data, codes: errors.map(({ extensions }) => extensions.code) };
  }

  it('reads our fields with one command per residence', async () => {
    const data = visits({ contact: '10086', state: 'IN_PROGRESS' }, { contact: null, state: null });
    expect(await ask('{ visits { day maintenance { contact state } } }')).toEqual({ data, codes: [] });
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });

  const missing = sdl === whole ? { id: `${R}:deleted%3A1`, maintenanceId: 'deleted:1' } : null;
  it(`gets ${missing ? 'both' : 'null'} for a request that does not exist if a client asks for both keys`, async () => {
    const { data } = await ask('{ visits { day maintenance { id maintenanceId } } }');
    expect(data).toEqual(visits({ id: ID, maintenanceId }, missing));
  });

  if (sdl !== whole) return;

  it.each([
    '{ visits { day maintenance { bills { day } } } }',
    '{ visits: bills { day maintenance { bills: visits { day } } } }',
  ])('meets a subgraph with the other key without a command: %s', async (query) => {
    const data = visits({ bills: [{ day: '2024-01-20' }] }, { bills: [{ day: '2024-01-21' }] });
    expect(await ask(query)).toEqual({ data, codes: [] });
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('adds its fields with only the commands for the fields that it requires', async () => {
    const warrantyUntil = '2026-01-17T13:32:45Z';
    const data = visits({ warrantyUntil }, { warrantyUntil: null });
    expect(await ask('{ visits { day maintenance { warrantyUntil } } }')).toEqual({ data, codes: [] });
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });
});
