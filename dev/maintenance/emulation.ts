/** Emulates the commands about repair requests, as strictly as the vendor's page describes them. */
import { text as readText } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { COMMANDS } from '../../src/maintenance/commands.ts';
import { type Answer, answerCommand, CommandRefused, isText, type Run, serve, succeed } from '../command-api.ts';
import { EXAMPLE, FLATS, ODD, seed } from './seed.ts';
import { type Param, RUNS, Store } from './store.ts';

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

/** A check whether a value is as documented, then wrong values for the tests. */
type Form = readonly [is: (value: unknown) => boolean, wrong: unknown, ...others: unknown[]];
type Forms = Readonly<Record<string, Form>>;

const isTicket = (one: object) => Object.keys(one).join() === 'maintenance_id' && Object.values(one).every(isText);
const isTime = (value: unknown) => typeof value === 'string' && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(value);
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);
const isBatch = (value: unknown) => Array.isArray(value) && value.length > 0 && value.map(Object).every(isTicket);
const TEXT: Form = [isText, '', 5, null];
const TEXTS: Form = [isTexts, 'x', [''], null];
const TIME: Form = [isTime, '2024-01-16', '2024-01-16T13:32:45Z', null];
const BATCH: Form = [isBatch, [], ['m'], [{ maintenance_id: 'm', state: 'closed' }], null];

const KEY = { residence_id: TEXT, maintenance_id: TEXT };
const TICKET = { start_time: TIME, finish_time: TIME, description: TEXT, contact: TEXT };
type Method = keyof typeof COMMANDS;
/** The parameters of each command. */
export const FORMS: Readonly<Record<Method, { required: Forms; optional?: Forms }>> = {
  getMaintenanceList: { required: { residence_id: TEXT } },
  getMaintenanceInfo: { required: KEY },
  createMaintenanceInfo: { required: { residence_id: TEXT, ...TICKET }, optional: { filename: TEXTS } },
  deleteMaintenanceInfo: { required: KEY },
  batchDeleteMaintenanceInfo: { required: { residence_id: TEXT, maintenances: BATCH } },
};

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
function checkParam(param: object, { required, optional }: (typeof FORMS)[Method]): Param {
  for (const name in required) if (!Object.hasOwn(param, name)) throw new CommandRefused(`param.${name} is missing`);
  const forms: Forms = { ...required, ...optional };
  for (const [name, value] of Object.entries(param))
    if (!forms[name]?.[0]?.(value)) throw new CommandRefused(`param.${name} is unknown or not as documented`);
  return param as Param;
}

/** Starts the emulator, which prints each command and its answer. Rejects with Node's own error. */
export function startCommandApi(port = 0) {
  const run = runIn(new Store(seed()));
  const tokens = new Set([EXAMPLE.token]);
  return serve(async (request, response) => {
    const body = await readText(request).catch(() => undefined);
    // The caller disconnected before the end of its request.
    if (body === undefined) return;
    const answer = answerCommand(request, body, tokens, run);
    await delay(answer?.delayMs);
    const shown = answer ? `${answer.status} ${answer.text.slice(0, 1000)}` : 'no answer';
    console.log(`command API  > ${body}\ncommand API  < ${shown}`);
    if (answer) response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.text);
  }, port);
}

/** Lists the residences of the emulator, for the terminal. */
export const MORE_RESIDENCES = `  More residences        ${[
  ...FLATS.map(({ id, tickets }) => `${id} (${tickets})`),
  `fail, as docs/apps.md says: ${FAULTY_RESIDENCES.join(' ')}`,
].join(`\n${' '.repeat(25)}`)}\n`;
