import { expect, it, jest } from '@jest/globals';
import type { CommandApiClient } from '../../src/command-api/client.ts';
import { createLoaders } from '../../src/graphql/loaders.ts';
import { deleteMaintenance } from '../../src/graphql/writes.ts';

// No operation of today's schema can show this: each that could read a residence again has first written to it again.
it.each([
  ['done', async () => {}],
  ['failed, and may have been done all the same', () => Promise.reject(new Error('failed'))],
])('a write that is %s clears what was read of its residence', async (_, deleteMaintenanceInfo) => {
  const getMaintenanceList = jest.fn(async () => []);
  const client = { getMaintenanceList, deleteMaintenanceInfo } as unknown as CommandApiClient;
  const loaders = createLoaders(client, () => {});
  for (const residenceId of ['r', 'other', 'r']) await loaders.loadList(residenceId);
  await deleteMaintenance({ client, loaders, countWrites: () => {} }, { residenceId: 'r', maintenanceId: 'm' }).catch(
    () => {},
  );
  for (const residenceId of ['r', 'other']) await loaders.loadList(residenceId);
  expect(getMaintenanceList.mock.calls).toEqual([['r'], ['other'], ['r']]);
});
