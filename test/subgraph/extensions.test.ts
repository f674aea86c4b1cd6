/**
 * `extensions.commands` of an answer: what the operation cost, shown to a developer and to nobody else.
 */
import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { listCommands, showCommands } from '../../dev/show-commands.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const ID = `${R}:${EXAMPLE.maintenanceId}`;
const LIST = `maintenances(residenceId: "${R}") { id }`;
const READING = { residenceId: R, durationMs: expect.any(Number) };

describe('in development, as npm run dev shows it', () => {
  const subgraph = useSubgraph({ NODE_ENV: 'development', ROUTER_SECRET: '' }, [showCommands(listCommands)]);

  it.each([
    ['a list', `{ ${LIST} }`, ['get_maintenance_list']],
    ['a detail', `{ maintenance(id: "${ID}") { id } }`, ['get_maintenance_info']],
    [
      'a write and a read',
      `mutation { deleteMaintenance(id: "${ID}") { residence { maintenances { id } } } }`,
      ['delete_maintenance_info', 'get_maintenance_list'],
    ],
    ['nothing', '{ __typename }', []],
  ])('%s shows its commands', async (_, query, names) => {
    const { errors, extensions } = await subgraph.ask(query);
    expect(errors).toEqual([]);
    const { received } = subgraph.upstream;
    expect(received.map(({ command }) => command)).toEqual(names);
    expect(extensions).toEqual({
      commands: received.map(({ command, id }) => ({ ...READING, command, commandId: id, outcome: 'OK' })),
    });
  });

  it('one that fails shows the code of its failure', async () => {
    const { extensions } = await subgraph.ask('{ maintenance(id: "a:b") { id } }');
    const { received } = subgraph.upstream;
    expect(received).toHaveLength(2);
    const failed = { ...READING, residenceId: 'a', outcome: 'COMMAND_REJECTED' };
    expect(extensions).toEqual({
      commands: received.map(({ command, id }) => ({ ...failed, command, commandId: id })),
    });
  });

  it.each([
    ['does not parse', '{'],
    ['is not valid', '{ nothing }'],
  ])('a document that %s shows that it sent none', async (_, query) => {
    expect((await subgraph.ask(query)).extensions).toEqual({ commands: [] });
  });
});

describe.each(['production', 'development'])('by npm start in %s', (NODE_ENV) => {
  const subgraph = useSubgraph({ NODE_ENV });

  it('no answer shows any', async () => {
    const { data, extensions } = await subgraph.ask(`{ ${LIST} }`);
    expect(data.maintenances).toHaveLength(1);
    expect(extensions).toBeUndefined();
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });
});
