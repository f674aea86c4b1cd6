/**
 * docs/for-other-subgraphs.md: its code, as it stands there, composed with our schema and run behind a gateway.
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
import { readDocument as read } from '../support/documents.ts';
import { killAll, run, start, watch } from '../support/process.ts';
import { askAt, ROUTER_SECRET } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const ID = `${R}:${EXAMPLE.maintenanceId}`;

const blocks = (language: string) =>
  [...read('docs/for-other-subgraphs.md').matchAll(/^```(\w+)\n([\s\S]+?)^```$/gm)].flatMap(([, of, code = '']) =>
    of === language ? [code] : [],
  );

const [byId = '', byVendorIds = '', whole = '', example = ''] = blocks('graphql');
const [resolverByVendorIds = '', program = ''] = blocks('js');

/** The whole one, which refers in another way and adds no fields. */
const referring = (stub: string) => `${whole.slice(0, whole.indexOf('type Maintenance'))}${stub}`;

const VARIANTS = [
  ['refers by id', referring(byId), program],
  [
    'refers by the command API’s ids',
    referring(byVendorIds),
    program.replace(/^ {2}Visit: .+\n/m, resolverByVendorIds),
  ],
  ['adds fields', whole, program],
] as const;

it('its helper makes the ids that we make', async () => {
  const [helper = ''] = /^const escapePart[\s\S]+?\n(?=\n)/m.exec(program) ?? [];
  const module = `data:text/javascript,${encodeURIComponent(`${helper}; export { formatMaintenanceId };`)}`;
  const { formatMaintenanceId: format } = await import(module);
  for (const parts of [
    ['r1', 'm1'],
    ['a:%', '%3A:'],
    ['%25', '报修'],
  ] as const) {
    const [residenceId, maintenanceId] = parts;
    expect(format(residenceId, maintenanceId)).toBe(formatMaintenanceId({ residenceId, maintenanceId }));
  }
});

describe('npm run supergraph -- --subgraph', () => {
  const supergraph = (...args: string[]) => run('dev/supergraph.ts', { PORT: '0' }, args);

  it('serves its fields and ours together', async () => {
    const visits = await startVisits(whole, program);
    const running = supergraph('--subgraph', `visits=${visits}`);
    await running.until(new RegExp(`Subgraph visits +${visits}\n`));
    const [, url = ''] = await running.until(/Supergraph, Sandbox +(http:\/\/localhost:\d+)\n/);
    expect(await askAt(url, example, { headers: {} })).toMatchObject({
      data: {
        visits: [
          {
            day: '2024-01-20',
            maintenance: { state: 'IN_PROGRESS', description: 'test', visits: [{ day: '2024-01-20' }] },
          },
          { day: '2024-01-21', maintenance: { state: null, description: null, visits: [{ day: '2024-01-21' }] } },
        ],
      },
      errors: [],
    });
    running.child.kill('SIGINT');
    expect(await running.exit).toBe(0);
  });

  it('prints the composer’s own messages where the schemas do not compose, and exits with 1', async () => {
    const visits = await startVisits(whole.replace('finishTime: DateTime @external', 'finishTime: Int'), program);
    const running = supergraph('--subgraph', `visits=${visits}`);
    expect(await running.exit).toBe(1);
    expect(running.output()).toMatch(
      /^The supergraph does not compose:\n\[visits\] On field "Maintenance\.warrantyUntil", .+ not marked @external\)\n$/,
    );
  });

  it.each([
    ['nosuch', '--subgraph must be NAME=URL, not "nosuch".\n'],
    [
      'down=http://127.0.0.1:9/graphql',
      'The subgraph "down" does not answer { _service { sdl } } at http://127.0.0.1:9/graphql.\n',
    ],
  ])('refuses %s with one sentence', async (argument, message) => {
    const running = supergraph('--subgraph', argument);
    expect(await running.exit).toBe(1);
    expect(running.output()).toBe(message);
  });
});

const CODE = { extensions: { code: 'UPSTREAM_UNAVAILABLE' } };

const subgraph = useSubgraph();
afterAll(killAll);

const subgraphsOf = (sdl: string, urls = { maintenance: 'http://maintenance.test', visits: 'http://visits.test' }) => [
  {
    name: 'maintenance',
    url: urls.maintenance,
    sdl: read('schema/maintenance.graphql'),
    headers: { 'router-authorization': ROUTER_SECRET },
  },
  { name: 'visits', url: urls.visits, sdl },
];

/** Runs the program beside a schema, as the document tells to. Answers where it listens. */
async function startVisits(sdl: string, code: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'visits-'));
  symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'visits.graphql'), sdl);
  writeFileSync(join(folder, 'visits.mjs'), code);
  const visits = watch(start(process.execPath, [join(folder, 'visits.mjs')], { PORT: '0' }));
  const [, url = ''] = await visits.until(/Visits on (\S+)/);
  rmSync(folder, { recursive: true });
  return url;
}

describe.each(VARIANTS)('a subgraph that %s', (_, sdl, code) => {
  let gateway: Running;

  beforeAll(async () => {
    const urls = { maintenance: `${subgraph.url}/graphql`, visits: await startVisits(sdl, code) };
    gateway = await startGateway(subgraphsOf(sdl, urls), { host: '127.0.0.1', port: 0 });
  });
  afterAll(() => gateway.stop());

  async function ask(query: string) {
    const { data, errors } = await askAt(`${gateway.url}/graphql`, query);
    return errors.length > 0 ? { data, errors } : { data };
  }

  it.each([
    ['@apollo/composition', composeApollo],
    ['@theguild/federation-composition', composeGuild],
  ])('composes by %s, without a hint', (__, compose) => {
    const { errors, hints = [] } = compose(toServices(subgraphsOf(sdl))) as {
      errors?: readonly unknown[];
      hints?: readonly unknown[];
    };
    expect({ errors, hints }).toEqual({ errors: undefined, hints: [] });
  });

  it('reads ours through its own, with one command for a residence', async () => {
    expect(await ask('{ visits { day maintenance { contact state } } }')).toEqual({
      data: {
        visits: [
          { day: '2024-01-20', maintenance: { contact: '10086', state: 'IN_PROGRESS' } },
          { day: '2024-01-21', maintenance: { contact: null, state: null } },
        ],
      },
    });
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });

  it('gets null where it asks what does not exist for the other of the ids', async () => {
    const { data } = await ask('{ visits { day maintenance { id maintenanceId } } }');
    expect(data).toEqual({
      visits: [
        { day: '2024-01-20', maintenance: { id: ID, maintenanceId: EXAMPLE.maintenanceId } },
        { day: '2024-01-21', maintenance: null },
      ],
    });
  });

  it('keeps its own data where ours fails', async () => {
    subgraph.upstream.fail(() => ({ status: 500 }));
    const { data, errors } = await ask('{ visits { day maintenance { contact } } }');
    expect(data).toEqual({
      visits: [
        { day: '2024-01-20', maintenance: { contact: null } },
        { day: '2024-01-21', maintenance: { contact: null } },
      ],
    });
    expect(errors).toMatchObject([CODE, CODE]);
  });

  if (sdl !== whole) return;

  it.each([
    [
      'one that is read by id',
      `{ maintenance(id: "${ID}") { contact visits { day } warrantyUntil } }`,
      { maintenance: { contact: '10086', visits: [{ day: '2024-01-20' }], warrantyUntil: '2026-01-17T13:32:45Z' } },
      `get_maintenance_info ${R} ${EXAMPLE.maintenanceId}`,
    ],
    [
      'those of a list',
      `{ maintenances(residenceId: "${R}") { visits { id } warrantyUntil } }`,
      { maintenances: [{ visits: [{ id: 'v1' }], warrantyUntil: '2026-01-17T13:32:45Z' }] },
      `get_maintenance_list ${R}`,
    ],
    [
      'those that it refers to itself, there or not',
      '{ visits { maintenance { warrantyUntil } } }',
      {
        visits: [{ maintenance: { warrantyUntil: '2026-01-17T13:32:45Z' } }, { maintenance: { warrantyUntil: null } }],
      },
      `get_maintenance_list ${R}`,
    ],
  ])('adds them to %s', async (__, query, data, command) => {
    expect(await ask(query)).toEqual({ data });
    expect(subgraph.upstream.commands()).toEqual([command]);
  });
});
