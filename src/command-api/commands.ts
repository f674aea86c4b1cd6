/**
 * The table of commands: one row has everything that distinguishes a command. docs/command-api.md is the contract.
 */
import type { Id, MaintenanceKey, Moment, NewMaintenance } from '../maintenance.ts';
import { type DecodedReply, decodeId, decodeInfo, decodeList, decodeVoid } from './decoder.ts';
import { READ, type Rules, WRITE } from './rules.ts';

/** A parameter that takes a `T`. */
export interface Parameter<T> {
  /** The vendor's name. */
  readonly name: string;
  serialize(value: T): unknown;
}

const parameter =
  <T>(serialize: (value: T) => unknown) =>
  (name: string): Parameter<T> => ({ name, serialize });
const text = parameter((text: string) => text);
// `2024-01-16T13:32:45Z` becomes `2024-01-16 13:32:45`.
const time = parameter((moment: Moment) => moment.replace('T', ' ').replace('Z', ''));
const texts = parameter((texts: readonly string[]) => texts);
const tickets = parameter((ids: readonly Id[]) => ids.map((maintenance_id) => ({ maintenance_id })));

type ParametersOf<I> = { readonly [K in keyof I]-?: Parameter<NonNullable<I[K]>> };

/** A command that takes an `I` and returns a `T`. */
export interface Command<I, T> {
  /** The vendor's name. */
  readonly name: string;
  readonly rules: Rules;
  readonly parameters: ParametersOf<I>;
  /** Decodes the result of a success. Throws a `CommandApiError`. */
  decode(result: unknown, input: I): DecodedReply<T>;
}

const RESIDENCE: ParametersOf<{ residenceId: Id }> = { residenceId: text('residence_id') };
const KEY: ParametersOf<MaintenanceKey> = { ...RESIDENCE, maintenanceId: text('maintenance_id') };
const BATCH: ParametersOf<{ residenceId: Id; maintenanceIds: readonly Id[] }> = {
  ...RESIDENCE,
  maintenanceIds: tickets('maintenances'),
};
const CREATE: ParametersOf<NewMaintenance> = {
  ...RESIDENCE,
  startTime: time('start_time'),
  finishTime: time('finish_time'),
  description: text('description'),
  contact: text('contact'),
  pictureFilenames: texts('filename'),
};

/** The commands, by our names. */
export const COMMANDS = {
  /** Returns all repair requests of a residence, in the command API's order. */
  getMaintenanceList: { name: 'get_maintenance_list', rules: READ, parameters: RESIDENCE, decode: decodeList },
  /** Returns one repair request. The vendor documents no reply for an unknown id: see loaders.ts. */
  getMaintenanceInfo: { name: 'get_maintenance_info', rules: READ, parameters: KEY, decode: decodeInfo },
  /** Returns the id of the new repair request. */
  createMaintenanceInfo: { name: 'create_maintenance_info', rules: WRITE, parameters: CREATE, decode: decodeId },
  deleteMaintenanceInfo: { name: 'delete_maintenance_info', rules: WRITE, parameters: KEY, decode: decodeVoid },
  /** The reply has no result for each id: after a failure, any of them may be deleted. */
  batchDeleteMaintenanceInfo: {
    name: 'batch_delete_maintenance_info',
    rules: WRITE,
    parameters: BATCH,
    decode: decodeVoid,
  },
};

/** Returns the input of a command as the vendor names and expects its parameters. Leaves out absent ones. */
export function serializeInput<I extends object>({ parameters }: Pick<Command<I, unknown>, 'parameters'>, input: I) {
  const serialized: Record<string, unknown> = {};
  for (const [key, parameter] of Object.entries<Parameter<unknown>>(parameters)) {
    const value: unknown = input[key as keyof I];
    if (value !== undefined) serialized[parameter.name] = parameter.serialize(value);
  }
  return serialized;
}
