/**
 * `extensions.commands` lists the commands of an operation. Only `npm run dev` adds it to the answer.
 */
import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { listCommands, showCommands } from '../../dev/show-commands.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const ID = `${R}:${EXAMPLE.maintenanceId}`;
const LIST = `{ maintenances(residenceId: "${R}") { id } }`;

describe('npm run dev', () => {
  const subgraph = useSubgraph({ NODE_ENV: 'development', ROUTER_SECRET: '' }, [showCommands(listCommands)]);
  const WRITE_AND_READ = `mutation { deleteMaintenance(id: "${ID}") { residence { maintenances { id } } } }`;

  it.each([
    ['a list', LIST, ['get_maintenance_list'], 'OK'],
    ['a write and a read', WRITE_AND_READ, ['delete_maintenance_info', 'get_maintenance_list'], 'OK'],
    ['a failed read', '{ maintenances(residenceId: "a") { id } }', ['get_maintenance_list'], 'COMMAND_REJECTED'],
    ['no command', '{ __typename }', [], 'OK'],
    ['a document that does not parse', '{', [], 'OK'],
    ['a document that is not valid', '{ nothing }', [], 'OK'],
  ])('adds the commands of an operation: %s', async (_, query, names, outcome) => {
    const { extensions } = await subgraph.ask(query);
    const { received } = subgraph.upstream;
    expect(received.map(({ command }) => command)).toEqual(names);
    expect(extensions).toEqual({
      commands: received.map(({ command, id, param }) => ({
        command,
        commandId: id,
        residenceId: param.residence_id,
        durationMs: expect.any(Number),
        outcome,
      })),
    });
  });
});

describe.each(['production', 'development'])('npm start in %s', (NODE_ENV) => {
  const subgraph = useSubgraph({ NODE_ENV });

  it('adds no commands', async () => {
    const { data, extensions } = await subgraph.ask(LIST);
    expect(data.maintenances).toHaveLength(1);
    expect(extensions).toBeUndefined();
  });
});
