import type { CommandName } from '../../src/command-api/command.ts';

const R = 'r31adc223cc4b3bedb6bd4742dedcfa52';
const M = 'm31adc223cc4b3bedb6bd4742dedcfa52';
const NEW = 'm8b5a73f8dd84abaa94dcs248be49b0d1';
const PICTURE = 'f8b5a73f8dd84abaa94dcs248be49b0db';
const KEY = { residence_id: R, maintenance_id: M };
const NEW_KEY = { residence_id: R, maintenance_id: NEW };
const TIMES = { start_time: '2024-01-16 13:32:45', finish_time: '2024-01-17 13:32:45' };
const CREATE = `createMaintenance(input: {
  residenceId: "${R}", startTime: "2024-01-16T13:32:45Z", finishTime: "2024-01-17T13:32:45Z"
  description: "test", contact: "10086", pictureFilenames: ["${PICTURE}"]
}) { id }`;
const CREATED = { residence_id: R, ...TIMES, description: 'test', contact: '10086', filename: [PICTURE] };
const BATCH = { residence_id: R, maintenances: [{ maintenance_id: NEW }] };

/** Returns an example: the root field with its selection, the parameters of its command, and the result. */
const example = (operation: 'query' | 'mutation') => (field: string, param: object, result: unknown) => {
  return { operation, field, param, result };
};
const [query, mutation] = [example('query'), example('mutation')];

/** For each command the vendor's example of a request and its result, and the operation that sends this request. */
export const WIRE: Readonly<Record<CommandName, ReturnType<typeof query>>> = {
  get_maintenance_list: query(`maintenances(residenceId: "${R}") { id }`, { residence_id: R }, []),
  get_maintenance_info: query(`maintenance(id: "${R}:${M}") { id }`, KEY, { state: 'closed' }),
  create_maintenance_info: mutation(CREATE, CREATED, { maintenance_id: NEW }),
  delete_maintenance_info: mutation(`deleteMaintenance(id: "${R}:${NEW}") { id }`, NEW_KEY, {}),
  batch_delete_maintenance_info: mutation(`deleteMaintenances(ids: ["${R}:${NEW}"]) { deletedIds }`, BATCH, {}),
};
