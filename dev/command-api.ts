/**
 * Emulates the command API: accepts the documented commands as strictly as the vendor's page describes them, so that a wrong
 * request fails loudly.
 */
import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { COMMANDS } from '../src/command-api/commands.ts';
import { ODD } from './seed.ts';
import { CommandRefused, type Param, RUNS, type Store } from './store.ts';

export const PATH = '/api/v1.0/invoke/open-ability/method/user-commands';

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly delayMs?: number;
}

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

const isText = (value: unknown) => typeof value === 'string' && value !== '';
const isTicket = (value: object) =>
  Object.keys(value).join() === 'maintenance_id' && Object.values(value).every(isText);
const isTime = (value: unknown) => typeof value === 'string' && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(value);
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);
const isBatch = (value: unknown) => Array.isArray(value) && value.length > 0 && value.map(Object).every(isTicket);

const KEY = { residence_id: isText, maintenance_id: isText };
const TIMES = { start_time: isTime, finish_time: isTime };
/** The parameters of each command, with what tells whether a value is as documented. */
export const FORMS: Readonly<Record<keyof typeof COMMANDS, Readonly<Record<string, (value: unknown) => boolean>>>> = {
  getMaintenanceList: { residence_id: isText },
  getMaintenanceInfo: KEY,
  createMaintenanceInfo: { residence_id: isText, ...TIMES, description: isText, contact: isText, filename: isTexts },
  deleteMaintenanceInfo: KEY,
  batchDeleteMaintenanceInfo: { residence_id: isText, maintenances: isBatch },
};
/** The parameters that may be absent, with our names for them. */
export const OPTIONAL: ReadonlyMap<string, string> = new Map([['filename', 'pictureFilenames']]);

/** Returns the answer to a request with this body, or undefined if it gets none. */
export function answerCommand(
  request: IncomingMessage,
  body: string,
  store: Store,
  tokens: ReadonlySet<string>,
): Answer | undefined {
  const timestamp = Date.now();
  try {
    checkEnvelope(request, tokens);
    const { method, param } = readCommand(body);
    if (FAULTS.has(param.residence_id)) return FAULTS.get(param.residence_id);
    const { isWrite } = COMMANDS[method];
    if (isWrite && param.residence_id === ODD.unwritten) return UNAVAILABLE;
    const result = RUNS[method](store, param) ?? {};
    if (param.residence_id === (isWrite ? ODD.lost : ODD.unread)) return UNAVAILABLE;
    const delayMs = param.residence_id === ODD.slow ? SLOW_MS : 0;
    return { status: 200, text: JSON.stringify({ timestamp, success: true, result }), delayMs };
  } catch (error) {
    // A SyntaxError is of a body that is no JSON.
    if (!(error instanceof CommandRefused || error instanceof SyntaxError)) throw error;
    const { message, status = 400 } = error as Partial<CommandRefused>;
    return { status, text: JSON.stringify({ timestamp, success: false, message }) };
  }
}

function checkEnvelope({ method, url, headers }: IncomingMessage, tokens: ReadonlySet<string>): void {
  if (url !== PATH) throw new CommandRefused(`no such path: ${url}`, 404);
  if (method !== 'POST') throw new CommandRefused(`not POST but ${method}`, 405);
  if (headers['content-type'] !== 'application/json') throw new CommandRefused('Content-Type is not application/json');
  if (headers.accept !== 'application/json') throw new CommandRefused('Accept is not application/json');
  const [, token] = /^Bearer (\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (token === undefined || !tokens.has(token)) throw new CommandRefused('the access token is not valid', 401);
}

/** Returns the command of a body, with parameters as the vendor's page has them. */
function readCommand(body: string) {
  const { command, id, param, ...rest } = Object(JSON.parse(body));
  if (Object.keys(rest).length > 0) throw new CommandRefused(`unknown members: ${Object.keys(rest)}`);
  if (!isText(id)) throw new CommandRefused('id is not a string');
  const methods = Object.keys(COMMANDS) as (keyof typeof COMMANDS)[];
  const method = methods.find((name) => COMMANDS[name].name === command);
  if (!method) throw new CommandRefused(`no such command: ${command}`);
  return { method, param: checkParam(Object(param), FORMS[method]) };
}

/** Returns the parameters if they are exactly those of the command. */
function checkParam(param: Param, forms: (typeof FORMS)[keyof typeof FORMS]): Param {
  for (const name in forms)
    if (!OPTIONAL.has(name) && !Object.hasOwn(param, name)) throw new CommandRefused(`param.${name} is missing`);
  for (const [name, value] of Object.entries(param))
    if (!forms[name]?.(value)) throw new CommandRefused(`param.${name} is unknown or not as documented`);
  return param;
}

/**
 * Serves a listener, by default on a free port of the loopback interface. Rejects with Node's error. Idle connections stay
 * open longer than Node's 5 s, so that clients, and not the speed of the machine, decide how long to keep them.
 */
export async function serve(listener: RequestListener, port = 0, host = '127.0.0.1') {
  const server = http.createServer({ keepAliveTimeout: 120_000 }, listener).listen(port, host);
  await once(server, 'listening');
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Returns `port`, or a free port for 0. Rejects with Node's error if another process uses the port. */
export async function freePort(port = 0, host = '127.0.0.1'): Promise<number> {
  // Below the ports that connections get: one of them could take the port before its user listens.
  const { url, stop } = await serve(() => {}, port || 20_000 + Math.floor(12_000 * Math.random()), host);
  await stop();
  return Number(new URL(url).port);
}
