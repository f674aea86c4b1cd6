import { COMMANDS } from '../../src/command-api/commands.ts';

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

/** An example: the root field with its selection, the parameters of its command, and the result. */
type Example = readonly [field: string, param: Readonly<Record<string, unknown>>, result: unknown];

/** For each command the vendor's example of a request and its result, and the root field that sends this request. */
const EXAMPLES: Readonly<Record<keyof typeof COMMANDS, Example>> = {
  getMaintenanceList: [`maintenances(residenceId: "${R}") { id }`, { residence_id: R }, []],
  getMaintenanceInfo: [`maintenance(id: "${R}:${M}") { id }`, KEY, { state: 'closed' }],
  createMaintenanceInfo: [CREATE, CREATED, { maintenance_id: NEW }],
  deleteMaintenanceInfo: [`deleteMaintenance(id: "${R}:${NEW}") { id }`, NEW_KEY, {}],
  batchDeleteMaintenanceInfo: [`deleteMaintenances(ids: ["${R}:${NEW}"]) { deletedIds }`, BATCH, {}],
};

/** The examples, in the order of the table of commands. */
export const WIRE = Object.entries(COMMANDS).map(([method, { name, isWrite }]) => {
  const [field, param, result] = EXAMPLES[method as keyof typeof COMMANDS];
  const operation = isWrite ? 'mutation' : 'query';
  return { method, name, operation, field, param, result };
});
