/**
 * The code of docs/for-other-subgraphs.md, composed with our schema and run behind a gateway.
 */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { composeServices as composeApollo } from '@apollo/composition';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { composeServices as composeGuild } from '@theguild/federation-composition';
import { EXAMPLE } from '../../dev/seed.ts';
import { startGateway, toServices } from '../../dev/supergraph/gateway.ts';
import type { Running } from '../../dev/supergraph/host.ts';
import { formatMaintenanceId } from '../../src/maintenance.ts';
import { readDocument } from '../support/documents.ts';
import { killAll, run, start, watch } from '../support/process.ts';
import { askAt, ROUTER_SECRET } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { MAINTENANCE_SDL } from '../support/use-supergraph.ts';

const { residenceId: R, maintenanceId } = EXAMPLE;
const ID = `${R}:${maintenanceId}`;

const blocks = (language: string) =>
  Array.from(
    readDocument('docs/for-other-subgraphs.md').matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]+?)^\`\`\`$`, 'gm')),
    ([, code = '']) => code,
  );
const [byId = '', byVendorIds = '', whole = '', example = ''] = blocks('graphql');
const [resolverByVendorIds = '', program = ''] = blocks('js');

/** Returns the schema of the page with another way to refer to a request, and without added fields. */
const referring = (stub: string) => `${whole.slice(0, whole.indexOf('type Maintenance'))}${stub}`;

/** Returns the data of the two visits. The request of the second visit does not exist. */
const visits = (first: unknown, second: unknown) => ({
  visits: [
    { day: '2024-01-20', maintenance: first },
    { day: '2024-01-21', maintenance: second },
  ],
});

const subgraph = useSubgraph();
afterAll(killAll);

/** Runs a program with a schema beside the file, as the page says. Returns the URL. */
async function startVisits(sdl: string, code = program): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'visits-'));
  symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'visits.graphql'), sdl);
  writeFileSync(join(folder, 'visits.mjs'), code);
  const visits = watch(start(process.execPath, [join(folder, 'visits.mjs')], { PORT: '0' }));
  const [, url = ''] = await visits.until(/Visits on (\S+)/);
  rmSync(folder, { recursive: true });
  return url;
}

it('the helper of the page makes the same ids as formatMaintenanceId()', async () => {
  const [helper = ''] = /^const escapePart[\s\S]+?\n(?=\n)/m.exec(program) ?? [];
  const module = `data:text/javascript,${encodeURIComponent(`${helper}; export { formatMaintenanceId };`)}`;
  const { formatMaintenanceId: format } = await import(module);
  for (const [residenceId = '', maintenanceId = ''] of [
    ['r1', 'm1'],
    ['a:%', '%3A:'],
    ['%25', '报修'],
  ])
    expect(format(residenceId, maintenanceId)).toBe(formatMaintenanceId({ residenceId, maintenanceId }));
});

describe('npm run supergraph -- --subgraph', () => {
  const supergraph = (url: string) => run('dev/supergraph.ts', { PORT: '0' }, ['--subgraph', `visits=${url}`]);

  it('serves the fields of both subgraphs', async () => {
    const url = await startVisits(whole);
    const running = supergraph(url);
    await running.until(new RegExp(`Subgraph visits +${url}\n`));
    const [, gateway = ''] = await running.until(/Supergraph, Sandbox +(http:\/\/localhost:\d+)\n/);
    const { data, errors } = await askAt(gateway, example);
    expect(errors).toEqual([]);
    expect(data).toEqual(
      visits(
        { state: 'IN_PROGRESS', description: 'test', visits: [{ day: '2024-01-20' }] },
        { state: null, description: null, visits: [{ day: '2024-01-21' }] },
      ),
    );
    running.child.kill('SIGINT');
    expect(await running.exit).toBe(0);
  });

  it('prints the messages of the composer if the schemas do not compose, and exits with 1', async () => {
    const url = await startVisits(whole.replace('finishTime: DateTime @external', 'finishTime: Int'));
    const running = supergraph(url);
    expect(await running.exit).toBe(1);
    expect(running.output()).toMatch(
      /^The supergraph does not compose:\n\[visits\] On field "Maintenance\.warrantyUntil", .+ not marked @external\)\n$/,
    );
  });
});

describe.each([
  ['refers by id', referring(byId), program],
  ['refers by the vendor’s ids', referring(byVendorIds), program.replace(/^ {2}Visit: .+\n/m, resolverByVendorIds)],
  ['adds fields', whole, program],
])('a subgraph that %s', (_, sdl, code) => {
  let gateway: Running;
  const subgraphs = (maintenance: string, visits: string) => [
    { name: 'maintenance', url: maintenance, sdl: MAINTENANCE_SDL, headers: { 'router-authorization': ROUTER_SECRET } },
    { name: 'visits', url: visits, sdl },
  ];

  beforeAll(async () => {
    const all = subgraphs(`${subgraph.url}/graphql`, await startVisits(sdl, code));
    gateway = await startGateway(all, { host: '127.0.0.1', port: 0 });
  });
  afterAll(() => gateway.stop());

  const ask = async (query: string) => {
    const { data, errors } = await askAt(`${gateway.url}/graphql`, query);
    return { data, codes: errors.map(({ extensions }) => extensions.code) };
  };

  it.each([
    ['@apollo/composition', composeApollo],
    ['@theguild/federation-composition', composeGuild],
  ])('composes with %s, without a hint', (__, compose) => {
    const services = toServices(subgraphs('http://maintenance.test', 'http://visits.test'));
    const { errors, hints = [] } = compose(services) as { errors?: unknown; hints?: unknown[] };
    expect({ errors, hints }).toEqual({ errors: undefined, hints: [] });
  });

  it('reads our fields with one command per residence', async () => {
    expect(await ask('{ visits { day maintenance { contact state } } }')).toEqual({
      data: visits({ contact: '10086', state: 'IN_PROGRESS' }, { contact: null, state: null }),
      codes: [],
    });
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });

  it('gets null for a request that does not exist if a client asks for both keys', async () => {
    const { data } = await ask('{ visits { day maintenance { id maintenanceId } } }');
    expect(data).toEqual(visits({ id: ID, maintenanceId }, null));
  });

  it('keeps its own data if our subgraph fails', async () => {
    subgraph.upstream.fail(() => ({ status: 500 }));
    expect(await ask('{ visits { day maintenance { contact } } }')).toEqual({
      data: visits({ contact: null }, { contact: null }),
      codes: ['UPSTREAM_UNAVAILABLE', 'UPSTREAM_UNAVAILABLE'],
    });
  });

  if (sdl !== whole) return;

  const warrantyUntil = '2026-01-17T13:32:45Z';
  it.each([
    [
      'a single request',
      `{ maintenance(id: "${ID}") { contact visits { day } warrantyUntil } }`,
      { maintenance: { contact: '10086', visits: [{ day: '2024-01-20' }], warrantyUntil } },
      `get_maintenance_info ${R} ${maintenanceId}`,
    ],
    [
      'the requests of a list',
      `{ maintenances(residenceId: "${R}") { visits { id } warrantyUntil } }`,
      { maintenances: [{ visits: [{ id: 'v1' }], warrantyUntil }] },
      `get_maintenance_list ${R}`,
    ],
    [
      'the requests of its visits, which may not exist',
      '{ visits { day maintenance { warrantyUntil } } }',
      visits({ warrantyUntil }, { warrantyUntil: null }),
      `get_maintenance_list ${R}`,
    ],
  ])('adds the fields to %s', async (__, query, data, command) => {
    expect(await ask(query)).toEqual({ data, codes: [] });
    expect(subgraph.upstream.commands()).toEqual([command]);
  });
});
