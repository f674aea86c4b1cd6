/** The subgraph of another team, which refers to a Maintenance and adds fields to it: supergraph/visits.mjs is the example. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/maintenance/seed.ts';
import { startNeighbour } from '../../dev/supergraph/neighbour.ts';
import type { Id } from '../../src/values.ts';
import { askAt } from '../support/ask.ts';
import { formatMaintenanceId } from '../support/maintenance/visits.ts';
import { killAll, run, start as startProcess, watch } from '../support/process.ts';
import { useFolder } from '../support/use-folder.ts';

const { residenceId: R, maintenanceId: M } = EXAMPLE;
const { folder } = useFolder('subgraphs');
let visits = '';
beforeAll(async () => {
  const program = watch(startProcess(process.execPath, ['supergraph/visits.mjs'], { PORT: '0' }));
  [, visits = ''] = await program.until(/Visits on (\S+)/);
});
afterAll(killAll);

const startSupergraph = (...options: string[]) =>
  run('dev/supergraph.ts', { PORT: '0' }, ['--subgraph', `visits=${visits}`, ...options]);

it('the example takes either key of a Maintenance, and returns both', async () => {
  const parts = ['r1', 'a:%', '%3A:', '%25', '报修'] as Id[];
  const both = parts.map((part) => ({
    id: formatMaintenanceId({ residenceId: part, maintenanceId: part }),
    residence: { id: part },
    maintenanceId: part,
  }));
  const keys = both.flatMap(({ id, ...others }) => [{ id }, others]);
  const r = keys.map((key) => ({ __typename: 'Maintenance', ...key }));
  const selection = '{ ... on Maintenance { id residence { id } maintenanceId } }';
  const query = `query ($r: [_Any!]!) { _entities(representations: $r) ${selection} }`;
  const { data } = await askAt(visits, query, { variables: { r } });
  expect(data._entities).toEqual(both.flatMap((one) => [one, one]));
});

it('npm run supergraph -- --subgraph serves what other subgraphs add, for one command per residence, and replaces our Residence by that of another subgraph', async () => {
  const own = await startNeighbour({ host: '127.0.0.1', port: 0 });
  const { until, child, exit, output } = startSupergraph('--subgraph', `residences=${own.url}/graphql`);
  const [, gateway = ''] = await until(/Supergraph, Sandbox +(http:\/\/localhost:\d+)\n/);
  expect(output().match(/(?<=Subgraph )(visits|residences) .+/g)).toEqual([
    expect.stringMatching(visits),
    expect.stringMatching(own.url),
  ]);
  const selection = 'id maintenanceId residence { name } state warrantyUntil visits { day }';
  const answer = await askAt(gateway, `{ visits { maintenance { ${selection} } } }`);
  expect(answer.errors).toEqual([]);
  const residence = { name: expect.any(String) };
  const first = { id: `${R}:${M}`, maintenanceId: M, residence, visits: [{ day: '2024-01-20' }] };
  // It does not exist.
  const second = { id: `${R}:deleted%3A1`, maintenanceId: 'deleted:1', residence, visits: [{ day: '2024-01-21' }] };
  expect(answer.data.visits.map(({ maintenance }: { maintenance: object }) => maintenance)).toEqual([
    { ...first, state: 'IN_PROGRESS', warrantyUntil: '2026-01-17T13:32:45Z' },
    { ...second, state: null, warrantyUntil: null },
  ]);
  expect(answer.extensions).toMatchObject({ commands: [{ command: 'get_maintenance_list' }] });
  await own.stop();
  expect((await askAt(gateway, '{ residences { id } }')).errors).toHaveLength(1);
  child.kill('SIGINT');
  expect(await exit).toBe(0);
});

it('npm run supergraph -- --subgraph … --write only writes the supergraph of all subgraphs', async () => {
  const file = join(folder, 'supergraph.graphql');
  const { exit, output } = startSupergraph('--write', file);
  expect([await exit, output()]).toEqual([0, expect.stringMatching(/^Composed: maintenance at .+\n$/)]);
  const urls = readFileSync(file, 'utf8').match(/(?<=@join__graph\(.+ url: ")[^"]+/g);
  expect(urls).toEqual(['http://localhost:0/graphql', 'http://localhost:0/graphql', visits]);
});

it('npm run supergraph prints the messages of the composer if the schemas do not compose, and exits with 1', async () => {
  const { exit, output } = startSupergraph('--subgraph', `bills=${visits}`);
  expect(await exit).toBe(1);
  expect(output()).toMatch(/^The supergraph does not compose:\n( {2}Non-shareable field "\w+\.\w+" .+\n)+$/);
});
