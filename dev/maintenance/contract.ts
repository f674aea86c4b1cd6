/**
 * `npm run contract`: sends commands to a live command API, and prints what each reply shows, but none of its values.
 * Only reads, unless `--write` is given. docs/command-api.md describes the output and the exit codes.
 */
import { randomUUID } from 'node:crypto';
import type { Command } from '../../src/command-api/command.ts';
import { COMMANDS } from '../../src/maintenance/commands.ts';
import type { NewMaintenance } from '../../src/maintenance/model.ts';
import { type Id, type Moment, parseId } from '../../src/values.ts';
import { PATH } from '../command-api.ts';
import { decodeReply, describeBody, type Verdict } from '../contract-reply.ts';
import { readOptions } from '../options.ts';

type Test = (verdict: Verdict<unknown>) => boolean;

/** `isHandled` returns whether the subgraph handles the reply correctly. */
interface Sending {
  readonly isHandled?: Test;
  readonly id?: string;
  readonly token?: string;
}

const isSuccess: Test = ({ kind, flaws }) => !kind && flaws.length === 0;
const isFailure: Test = ({ kind }) => kind !== undefined;
// No success with an unexpected result.
const isEither: Test = ({ flaws }) => flaws.every((flaw) => flaw === 'envelope');
// The condition of src/maintenance/loaders.ts: after any other failure, clients get an error in place of null.
const isNotFound: Test = ({ kind, flaws }) => kind === 'rejected' || flaws.includes('empty');

/** An expected reason to stop. The message is enough for the user: no stack is printed. */
class Incomplete extends Error {}

const { write } = readOptions(
  `Options:
  --write    also creates up to three tickets, tries each command on them, and deletes them
Needs COMMAND_API_URL, COMMAND_API_TOKEN and COMMAND_API_RESIDENCE_ID: see docs/command-api.md.`,
  { write: { type: 'boolean' } },
);
const { COMMAND_API_URL: url = '', COMMAND_API_TOKEN: callersToken = '' } = process.env;
const residenceId = process.env.COMMAND_API_RESIDENCE_ID as Id;
const { getMaintenanceList: list, getMaintenanceInfo: info } = COMMANDS;

const olderIds = new Set<string>();
/** The ids that the creates of this check returned. */
const created = new Set<Id>();
const deleted = new Set<Id>();
const faults: string[] = [];
const incomplete: string[] = [];
let isInterrupted = false;
let isCleaningUp = false;

for (const signal of ['SIGTERM', 'SIGINT'])
  process.on(signal, () => {
    if (!isInterrupted) console.error('Interrupted: waiting for the current command, then cleaning up.');
    isInterrupted = true;
  });
try {
  checkEnvironment();
  await checkReads();
  if (write) await checkWrites();
} catch (error) {
  if (!(error instanceof Incomplete)) throw error;
  incomplete.push(error.message);
} finally {
  await cleanUp();
  if (faults.length + incomplete.length === 0) print('\nThe code handles every reply.');
  else print(['', ...faults, ...incomplete].join('\n'));
  process.exitCode = faults.length > 0 ? 1 : incomplete.length > 0 ? 2 : 0;
}

function checkEnvironment(): void {
  const { protocol = '', origin, href } = URL.parse(url) ?? {};
  const isOrigin = /^https?:$/.test(protocol) && href === `${origin}/`;
  if (!isOrigin) incomplete.push('COMMAND_API_URL must be an origin, like https://api.ecloud.akubela.com.');
  if (!/^[!-~]+$/.test(callersToken)) incomplete.push('COMMAND_API_TOKEN must be an access token, without "Bearer".');
  if (!parseId(residenceId)) incomplete.push('COMMAND_API_RESIDENCE_ID must be a residence that the token may read.');
  if (incomplete.length > 0) throw new Incomplete('Set these variables.');
}

/** Sends both reads, then reads that must fail. */
async function checkReads(): Promise<void> {
  const { value: tickets } = await send('the residence', list, { residenceId }, { isHandled: isEither });
  // Further commands would fail too, and `--write` must know the older tickets.
  if (!tickets) throw new Incomplete('The residence cannot be listed. Check the environment variables.');
  for (const { maintenanceId } of tickets) olderIds.add(maintenanceId);

  const [ticket] = tickets;
  if (ticket) await send('the first ticket', info, { ...ticket, residenceId });
  await send('an unknown id', info, { residenceId, maintenanceId: newId('m') }, { isHandled: isNotFound });
  await send('an unknown residence', list, { residenceId: newId('r') }, { isHandled: isEither });
  // Last, because the command API may lock out a client after a bad token.
  await send('a bad token', list, { residenceId }, { isHandled: isFailure, token: newId('a') });
}

/** Creates tickets, reads the first and deletes all. `cleanUp` deletes what is left. */
async function checkWrites(): Promise<void> {
  const id = newId('c');
  const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString().replace(/\.\d+/, '');
  const times = { startTime: inHours(24) as Moment, finishTime: inHours(48) as Moment };
  // The vendor's example of a contact: the command API may accept only telephone numbers.
  const ticket = { residenceId, ...times, description: `Contract check ${id}, to be deleted`, contact: '10086' };
  await create('a ticket', ticket, { id });
  const [maintenanceId] = created;
  if (maintenanceId === undefined) return;
  await create('the same command id', ticket, { id, isHandled: isEither });
  await create('an empty filename', { ...ticket, pictureFilenames: [] }, { isHandled: isEither });

  const key = { residenceId, maintenanceId };
  await send('the created ticket', info, key);
  if (await remove('the created ticket', maintenanceId))
    await send('the deleted ticket', COMMANDS.deleteMaintenanceInfo, key, { isHandled: isEither });
  // Includes the deleted ticket, to see whether a batch is all or nothing.
  const batch = { residenceId, maintenanceIds: [...created] };
  const { kind } = await send('all tickets', COMMANDS.batchDeleteMaintenanceInfo, batch, { isHandled: isEither });
  if (!kind) for (const id of created) deleted.add(id);
  const { value: tickets = [] } = await send('after the deletes', list, { residenceId });
  const listed = created.intersection(new Set(tickets.map((ticket) => ticket.maintenanceId)));
  print(`  created  ${listed.size} of ${created.size} tickets are still listed`);
  for (const id of listed.intersection(deleted))
    faults.push(`Delete by hand: ticket ${id}, still listed after its delete.`);
}

async function create(title: string, input: NewMaintenance, sending: Sending): Promise<void> {
  const { value: id, kind } = await send(title, COMMANDS.createMaintenanceInfo, input, sending);
  if (id !== undefined && !olderIds.has(id)) {
    print(`  created  ${created.has(id) ? 'the same ticket as before' : 'a new ticket'}`);
    created.add(id);
  } else if (!['rejected', 'unauthenticated', 'forbidden'].includes(String(kind))) {
    faults.push(`Delete by hand: perhaps a ticket without a usable id. Look for "${input.description}".`);
  }
}

/** Deletes a created ticket. Returns whether the delete succeeded. */
async function remove(title: string, maintenanceId: Id): Promise<boolean> {
  const { kind } = await send(title, COMMANDS.deleteMaintenanceInfo, { residenceId, maintenanceId });
  if (!kind) deleted.add(maintenanceId);
  return !kind;
}

/** Deletes the created tickets that were not deleted yet, even after an interrupt. */
async function cleanUp(): Promise<void> {
  isCleaningUp = true;
  for (const id of created.difference(deleted))
    if (!(await remove('clean-up', id))) faults.push(`Delete by hand: ticket ${id}, which could not be deleted.`);
}

/** Sends a command once and prints its reply. Throws `Incomplete` after an interrupt. */
async function send<I, T>(
  title: string,
  command: Command<I, T>,
  input: I,
  { isHandled = isSuccess, id = newId('c'), token = callersToken }: Sending = {},
): Promise<Verdict<T>> {
  if (isInterrupted && !isCleaningUp) throw new Incomplete('Interrupted before the end.');
  const heading = `${command.name}, ${title}`;
  const reply = await post({ command: command.name, id, param: command.serialize(input) }, token);
  if (typeof reply === 'string') {
    print(`\n${heading}\n  no reply: ${reply}`);
    incomplete.push(`No reply to ${heading}.`);
    return { kind: 'no reply', flaws: [], text: '' };
  }
  const { status, body, ms } = reply;
  const verdict = decodeReply(command, input, status, body);
  if (!isHandled(verdict)) faults.push(`The code would mishandle the reply to ${heading}.`);
  print(`\n${heading}\n  status   ${status}, after ${ms.toFixed()} ms\n  decoder  ${verdict.text}`);
  print(`  ${describeBody(body).join('\n  ')}`);
  return verdict;
}

/** Returns the status, body and duration of a reply, or the reason why there is none. Follows no redirect. */
async function post(command: object, token: string) {
  const json = 'application/json';
  const start = performance.now();
  const authorization = `Bearer ${token}`;
  try {
    const response = await fetch(new URL(PATH, url), {
      method: 'POST',
      headers: { 'user-agent': 'maintenance-subgraph', 'content-type': json, accept: json, authorization },
      body: JSON.stringify(command),
      redirect: 'manual',
      signal: AbortSignal.timeout(20_000),
    });
    return { status: response.status, body: await response.bytes(), ms: performance.now() - start };
  } catch (error) {
    const { name, cause } = error as Error & { cause?: NodeJS.ErrnoException };
    return cause?.code ?? name;
  }
}

/** Returns an unused id in the form of the vendor's examples. */
function newId(letter: string): Id {
  return (letter + randomUUID().replaceAll('-', '')) as Id;
}

/** Prints a text without control characters, and without the token, which a reply may repeat as a code or a name. */
function print(text: string): void {
  const redacted = callersToken ? text.replaceAll(callersToken, '<token>') : text;
  console.log(redacted.replace(/[^\n -~]/g, '?'));
}
