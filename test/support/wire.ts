/**
 * For each command, the vendor page's own example of a request and a result, and the operation that sends this request.
 */
import type { CommandName } from '../../src/command-api/command.ts';

interface Example {
  readonly operation: 'query' | 'mutation';
  /** The root field, with what it selects. */
  readonly field: string;
  readonly param: Readonly<Record<string, unknown>>;
  readonly result: unknown;
}

const RESIDENCE = 'r31adc223cc4b3bedb6bd4742dedcfa52';
const ID = 'm31adc223cc4b3bedb6bd4742dedcfa52';
const NEW_ID = 'm8b5a73f8dd84abaa94dcs248be49b0d1';

export const WIRE: Readonly<Record<CommandName, Example>> = {
  get_maintenance_list: {
    operation: 'query',
    field: `maintenances(residenceId: "${RESIDENCE}") { id }`,
    param: { residence_id: RESIDENCE },
    result: [],
  },
  get_maintenance_info: {
    operation: 'query',
    field: `maintenance(id: "${RESIDENCE}:${ID}") { id }`,
    param: { residence_id: RESIDENCE, maintenance_id: ID },
    result: { state: 'closed' },
  },
  create_maintenance_info: {
    operation: 'mutation',
    field: `createMaintenance(input: {
      residenceId: "${RESIDENCE}", startTime: "2024-01-16T13:32:45Z", finishTime: "2024-01-17T13:32:45Z"
      description: "test", contact: "10086", pictureFilenames: ["f8b5a73f8dd84abaa94dcs248be49b0db"]
    }) { id }`,
    param: {
      residence_id: RESIDENCE,
      start_time: '2024-01-16 13:32:45',
      finish_time: '2024-01-17 13:32:45',
      description: 'test',
      contact: '10086',
      filename: ['f8b5a73f8dd84abaa94dcs248be49b0db'],
    },
    result: { maintenance_id: NEW_ID },
  },
  delete_maintenance_info: {
    operation: 'mutation',
    field: `deleteMaintenance(id: "${RESIDENCE}:${NEW_ID}") { id }`,
    param: { residence_id: RESIDENCE, maintenance_id: NEW_ID },
    result: {},
  },
  batch_delete_maintenance_info: {
    operation: 'mutation',
    field: `deleteMaintenances(ids: ["${RESIDENCE}:${NEW_ID}"]) { deletedIds }`,
    param: { residence_id: RESIDENCE, maintenances: [{ maintenance_id: NEW_ID }] },
    result: {},
  },
};
