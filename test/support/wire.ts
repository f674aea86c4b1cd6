import type { CommandName } from '../../src/command-api/command.ts';

interface Example {
  readonly operation: 'query' | 'mutation';
  /** The root field with its selection. */
  readonly field: string;
  readonly param: Readonly<Record<string, unknown>>;
  readonly result: unknown;
}

const R = 'r31adc223cc4b3bedb6bd4742dedcfa52';
const M = 'm31adc223cc4b3bedb6bd4742dedcfa52';
const NEW = 'm8b5a73f8dd84abaa94dcs248be49b0d1';
const PICTURE = 'f8b5a73f8dd84abaa94dcs248be49b0db';
const TIMES = { start_time: '2024-01-16 13:32:45', finish_time: '2024-01-17 13:32:45' };

/** For each command the vendor's example of a request and its result, and the operation that sends this request. */
export const WIRE: Readonly<Record<CommandName, Example>> = {
  get_maintenance_list: {
    operation: 'query',
    field: `maintenances(residenceId: "${R}") { id }`,
    param: { residence_id: R },
    result: [],
  },
  get_maintenance_info: {
    operation: 'query',
    field: `maintenance(id: "${R}:${M}") { id }`,
    param: { residence_id: R, maintenance_id: M },
    result: { state: 'closed' },
  },
  create_maintenance_info: {
    operation: 'mutation',
    field: `createMaintenance(input: {
      residenceId: "${R}", startTime: "2024-01-16T13:32:45Z", finishTime: "2024-01-17T13:32:45Z"
      description: "test", contact: "10086", pictureFilenames: ["${PICTURE}"]
    }) { id }`,
    param: { residence_id: R, ...TIMES, description: 'test', contact: '10086', filename: [PICTURE] },
    result: { maintenance_id: NEW },
  },
  delete_maintenance_info: {
    operation: 'mutation',
    field: `deleteMaintenance(id: "${R}:${NEW}") { id }`,
    param: { residence_id: R, maintenance_id: NEW },
    result: {},
  },
  batch_delete_maintenance_info: {
    operation: 'mutation',
    field: `deleteMaintenances(ids: ["${R}:${NEW}"]) { deletedIds }`,
    param: { residence_id: R, maintenances: [{ maintenance_id: NEW }] },
    result: {},
  },
};
