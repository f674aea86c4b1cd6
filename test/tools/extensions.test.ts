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
  ])('adds the commands of an operation: %s', async (_, query, names, code) => {
    const { extensions } = await subgraph.ask(query);
    const sent = subgraph.upstream.received;
    expect(sent.map(({ command }) => command)).toEqual(names);
    const commands = sent.map(({ command, id: commandId, param: { residence_id: residenceId } }) => {
      return { command, commandId, residenceId, durationMs: expect.any(Number), code };
    });
    expect(extensions).toEqual({ commands });
  });
});
