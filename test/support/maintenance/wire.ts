/** For each command the vendor's example. Tests of all commands and all root fields follow from this table. */
import { type FieldNode, type OperationDefinitionNode, parse, valueFromASTUntyped } from 'graphql';
import { EXAMPLE } from '../../../dev/maintenance/seed.ts';
import { COMMANDS } from '../../../src/maintenance/commands.ts';
import { rootField } from './schema.ts';

const { residenceId: R, maintenanceId: M } = EXAMPLE;
const NEW = 'm8b5a73f8dd84abaa94dcs248be49b0d1';
const PICTURE = 'f8b5a73f8dd84abaa94dcs248be49b0db';
const KEY = { residence_id: R, maintenance_id: M };
const NEW_KEY = { residence_id: R, maintenance_id: NEW };
const TIMES = { start_time: '2024-01-16 13:32:45', finish_time: '2024-01-17 13:32:45' };
const CREATE = `createMaintenance(input: {
  residenceId: "${R}", startTime: "2024-01-16T13:32:45Z", finishTime: "2024-01-17T13:32:45Z"
  description: "test", contact: "10086", pictureFilenames: ["${PICTURE}"]
}) { createdId }`;
const CREATED = { residence_id: R, ...TIMES, description: 'test', contact: '10086', filename: [PICTURE] };
const DELETE = `deleteMaintenance(id: "${R}:${NEW}") { deletedId }`;
const DELETE_MANY = `deleteMaintenances(ids: ["${R}:${NEW}"]) { deletedIds }`;
const BATCH = { residence_id: R, maintenances: [{ maintenance_id: NEW }] };

/** An example: the root field with its selection, the parameters of its command, its result, and the fields that send another command. */
type Example = readonly [field: string, param: Readonly<Record<string, unknown>>, result: unknown, ...more: string[]];

const EXAMPLES: Readonly<Record<keyof typeof COMMANDS, Example>> = {
  getMaintenanceList: [`maintenances(residenceId: "${R}") { id }`, { residence_id: R }, []],
  getMaintenanceInfo: [`maintenance(id: "${R}:${M}") { id }`, KEY, { state: 'closed' }],
  createMaintenanceInfo: [CREATE, CREATED, { maintenance_id: NEW }, 'maintenance'],
  deleteMaintenanceInfo: [DELETE, NEW_KEY, {}],
  batchDeleteMaintenanceInfo: [DELETE_MANY, BATCH, {}],
};

const METHODS = Object.keys(COMMANDS) as (keyof typeof COMMANDS)[];
/** The examples, in the order of the table of commands. `root` is the root field, with `args` as its arguments. */
export const WIRE = METHODS.map((method) => {
  const [field, param, result, ...more] = EXAMPLES[method];
  const [{ selectionSet }] = parse(`{ ${field} }`).definitions as [OperationDefinitionNode];
  const [{ name, arguments: given = [] }] = selectionSet.selections as readonly FieldNode[] as [FieldNode];
  const args = Object.fromEntries(given.map(({ name, value }) => [name.value, valueFromASTUntyped(value)]));
  const { operation, type } = rootField(name.value);
  return { ...COMMANDS[method], method, operation, root: name.value, type, args, field, param, result, more };
});

/** Returns whether a value of an example is a text, or a residence's id, that is sent as it is. */
export const isSentAsIs = ({ args, param }: Pick<(typeof WIRE)[number], 'args' | 'param'>, value: unknown) =>
  typeof value === 'string' && [args, param].every((one) => JSON.stringify(one).includes(JSON.stringify(value)));
