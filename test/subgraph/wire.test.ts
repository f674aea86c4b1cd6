/** The commands that go to the command API, as commands.test.ts and tokens.test.ts do not show them. */
import { expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const LIST = `{ maintenances(residenceId: "${R}") { id } }`;

const subgraph = useSubgraph();

it('a create without pictures has no filename', async () => {
  await subgraph.ask(
    `mutation { createMaintenance(input: { residenceId: "${R}", startTime: "2024-01-16T13:32:45Z",
      finishTime: "2024-01-17T13:32:45Z", description: "test", contact: "10086" }) { id } }`,
  );
  expect(subgraph.upstream.received.map(({ param }) => Object.keys(param))).toEqual([
    ['residence_id', 'start_time', 'finish_time', 'description', 'contact'],
  ]);
});

it('each command has its own id; reads share a connection and each write opens its own', async () => {
  const write = `mutation { deleteMaintenances(ids: ["${R}:m1"]) { deletedIds } }`;
  for (const operation of [LIST, LIST, write, write, LIST]) await subgraph.ask(operation);
  const { received } = subgraph.upstream;
  expect(new Set(received.map(({ id }) => id)).size).toBe(5);
  const [read1, read2, write1, write2, read3] = received.map(({ connection }) => connection);
  expect([read2, read3]).toEqual([read1, read1]);
  expect(new Set([read1, write1, write2]).size).toBe(3);
});
