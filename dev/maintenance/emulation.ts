/** Emulates the commands about repair requests, as strictly as the vendor's page describes them. */
import { COMMANDS } from '../../src/maintenance/commands.ts';
import { type Answer, CommandRefused, isText, type Run, succeed } from '../command-api.ts';
import { ODD } from './seed.ts';
import { type Param, RUNS, type Store } from './store.ts';

/** Long for a user, and shorter than the default of ATTEMPT_TIMEOUT_MS. */
const SLOW_MS = 2000;

const UNAVAILABLE = { status: 503, text: '' };
/** Every command for these residences fails, so that a form can show each error. The first gets no answer. */
const FAULTS: ReadonlyMap<string, Answer | undefined> = new Map([
  ['rfault-timeout', undefined],
  ['rfault-unavailable', UNAVAILABLE],
  ['rfault-refused', { status: 200, text: '{"success":false}' }],
  ['rfault-forbidden', { status: 403, text: '' }],
  ['rfault-invalid', { status: 200, text: 'This is no JSON.' }],
]);
export const FAULTY_RESIDENCES = [...FAULTS.keys(), ...Object.values(ODD)];

const isTicket = (value: object) =>
  Object.keys(value).join() === 'maintenance_id' && Object.values(value).every(isText);
const isTime = (value: unknown) => typeof value === 'string' && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(value);
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);
const isBatch = (value: unknown) => Array.isArray(value) && value.length > 0 && value.map(Object).every(isTicket);

const KEY = { residence_id: isText, maintenance_id: isText };
const TIMES = { start_time: isTime, finish_time: isTime };
type Method = keyof typeof COMMANDS;
/** The parameters of each command, with what tells whether a value is as documented. */
export const FORMS: Readonly<Record<Method, Readonly<Record<string, (value: unknown) => boolean>>>> = {
  getMaintenanceList: { residence_id: isText },
  getMaintenanceInfo: KEY,
  createMaintenanceInfo: { residence_id: isText, ...TIMES, description: isText, contact: isText, filename: isTexts },
  deleteMaintenanceInfo: KEY,
  batchDeleteMaintenanceInfo: { residence_id: isText, maintenances: isBatch },
};
/** The parameters that may be absent, with our names for them. */
export const OPTIONAL: ReadonlyMap<string, string> = new Map([['filename', 'pictureFilenames']]);

/** Returns what runs commands over a store. */
export function runIn(store: Store): Run {
  return (command, given) => {
    const method = (Object.keys(COMMANDS) as Method[]).find((name) => COMMANDS[name].name === command);
    if (!method) throw new CommandRefused(`no such command: ${command}`);
    const param = checkParam(given, FORMS[method]);
    if (FAULTS.has(param.residence_id)) return FAULTS.get(param.residence_id);
    const { isWrite } = COMMANDS[method];
    if (isWrite && param.residence_id === ODD.unwritten) return UNAVAILABLE;
    const result = RUNS[method](store, param) ?? {};
    if (param.residence_id === (isWrite ? ODD.lost : ODD.unread)) return UNAVAILABLE;
    return { ...succeed(result), delayMs: param.residence_id === ODD.slow ? SLOW_MS : 0 };
  };
}

/** Returns the parameters if they are exactly those of the command. */
function checkParam(param: object, forms: (typeof FORMS)[Method]): Param {
  for (const name in forms)
    if (!OPTIONAL.has(name) && !Object.hasOwn(param, name)) throw new CommandRefused(`param.${name} is missing`);
  for (const [name, value] of Object.entries(param))
    if (!forms[name]?.(value)) throw new CommandRefused(`param.${name} is unknown or not as documented`);
  return param as Param;
}
