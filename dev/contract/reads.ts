/**
 * The checks that only read: eight commands, one after another.
 */
import { type DecodedReply, decodeInfo, decodeList } from '../../src/command-api/decoder.ts';
import type { CommandApiError } from '../../src/command-api/errors.ts';
import type { Maintenance, MaintenanceKey } from '../../src/maintenance.ts';
import {
  countTypes,
  describeError,
  describeFailure,
  isObject,
  listMembers,
  maskName,
  maskState,
  maskTime,
  typeOf,
} from './describe.ts';
import { bodyOf, type Exchange, randomId, readAs, resultOf, type Send, type Sending } from './exchange.ts';
import type { CheckName, Findings } from './findings.ts';

type Json = Record<string, unknown>;

/** The members of a ticket, their decoded fields, and a function that describes an unreadable value. */
const MEMBERS = [
  ['start_time', 'startTime', maskTime],
  ['finish_time', 'finishTime', maskTime],
  ['created_time', 'createdTime', maskTime],
  ['description', 'description', typeOf],
  ['contact', 'contact', typeOf],
  ['feedback', 'feedback', typeOf],
  ['maintenance_picture_url', 'pictureUrls', typeOf],
  ['state', 'state', maskState],
] as const satisfies readonly (readonly [CheckName, keyof Maintenance, (value: unknown) => string])[];

const PAGING = /total|page|next|prev|limit|offset|cursor|more|count|size/i;

/** A command that must fail. */
interface Failing extends Sending {
  readonly check: CheckName;
  /** Returns whether the failure is the promised kind. */
  readonly isPromised: (error: CommandApiError) => boolean;
  readonly decode: (result: unknown) => DecodedReply<unknown>;
  /** Why the code cannot handle any other failure. */
  readonly otherwise?: string;
}

const isRefusal = (error: CommandApiError) => error.outcome === 'REJECTED';

/** Returns the commands that must fail. The bad token is last, in case the command API locks out a client after it. */
function failingCommands(residenceId: string): Failing[] {
  const list = (residence: string) => (result: unknown) => decodeList(result, { residenceId: residence });
  const [ticket, residence] = [randomId('m'), randomId('r')];
  return [
    {
      check: 'unknownTicket',
      name: 'get_maintenance_info',
      param: { residence_id: residenceId, maintenance_id: ticket },
      // The same condition as in src/graphql/loaders.ts.
      isPromised: (error) => error.reason === 'rejected' || error.details.flaw === 'empty',
      decode: (result) => decodeInfo(result, { residenceId, maintenanceId: ticket }),
      otherwise: 'the code would return an error in place of null',
    },
    {
      check: 'unknownResidence',
      name: 'get_maintenance_list',
      param: { residence_id: residence },
      isPromised: isRefusal,
      decode: list(residence),
    },
    {
      check: 'unknownCommand',
      name: 'get_maintenance_nothing',
      param: { residence_id: residenceId },
      isPromised: isRefusal,
      decode: (value) => ({ value }),
    },
    {
      check: 'missingParam',
      name: 'get_maintenance_list',
      param: {},
      isPromised: isRefusal,
      decode: list(residenceId),
    },
    {
      check: 'badToken',
      name: 'get_maintenance_list',
      param: { residence_id: residenceId },
      token: randomId('c'),
      isPromised: ({ reason }) => reason === 'unauthenticated',
      decode: list(residenceId),
    },
  ];
}

/** Sends the first command. Its reply shows whether there is anything to check. */
export async function readList(send: Send, residenceId: string) {
  const exchange = await send({ name: 'get_maintenance_list', param: { residence_id: residenceId } });
  const outcome = readAs(exchange, (result) => decodeList(result, { residenceId }));
  return { exchange, outcome, tickets: outcome.error ? [] : (resultOf(exchange) as unknown[]).filter(hasMembers) };
}

export type ListRead = Awaited<ReturnType<typeof readList>>;

/** Checks a list, one of its tickets, and commands that must fail. Adds each raw ticket to `tickets`. */
export async function checkReads(
  send: Send,
  residenceId: string,
  list: ListRead,
  findings: Findings,
  tickets: Json[],
): Promise<void> {
  checkList(list, findings);
  await checkSameId(send, residenceId, list, findings);
  const info = await checkInfo(send, residenceId, list, findings);
  for (const ticket of list.tickets) tickets.push(ticket);
  if (info) tickets.push(info.ticket);
  const successes = info ? [list.exchange, info.exchange] : [list.exchange];
  checkEnvelopes('success', ['success', 'timestamp', 'result'], successes, findings);
  await checkFailures(send, residenceId, findings);
}

function checkList({ exchange, outcome }: ListRead, findings: Findings): void {
  findings.addOutcome('list', exchange, outcome, (list) => `usable tickets: ${list.length}`);
  const body = bodyOf(exchange);
  const hints = [body, resultOf(exchange)]
    .filter(isObject)
    .flatMap(Object.keys)
    .filter((name) => PAGING.test(name));
  if (hints.length > 0) findings.add('paging', 'new', `members ${hints.map(maskName).join(', ')}`);
  if (outcome.error) return;

  const { value: maintenances } = outcome;
  const { dropped } = exchange.command;
  const all = maintenances.length + dropped;
  const different = new Set(maintenances.map(({ maintenanceId }) => maintenanceId)).size;
  if (all > 0) {
    findings.add(
      'ids',
      different === all ? 'holds' : 'differs',
      `${maintenances.length} of ${all} usable, ${different} different`,
      dropped > 0 ? `${dropped} of ${all} tickets have no usable id and would be left out` : undefined,
    );
  }
  if (hints.length > 0) return;
  if (all < 10) {
    findings.add('paging', 'not tried', `too few tickets: ${all}`);
  } else {
    const looks = all % 10 === 0 ? 'a round number: perhaps a page' : 'not a round number';
    findings.add('paging', 'new', `no paging member; ${all} tickets, ${looks}`);
  }
}

async function checkSameId(send: Send, residenceId: string, { outcome, exchange }: ListRead, findings: Findings) {
  if (outcome.error) return;
  const again = await send({
    name: 'get_maintenance_list',
    param: { residence_id: residenceId },
    id: exchange.command.id,
  });
  const second = readAs(again, (result) => decodeList(result, { residenceId }));
  const idsOf = (list: readonly Maintenance[]) => list.map(({ maintenanceId }) => maintenanceId).join(' ');
  const first = outcome.value;
  findings.addOutcome('sameId', again, second, (list) =>
    idsOf(list) === idsOf(first) ? 'the same tickets' : `other tickets: ${first.length}, then ${list.length}`,
  );
}

async function checkInfo(send: Send, residenceId: string, { outcome, tickets }: ListRead, findings: Findings) {
  const [first] = outcome.error ? [] : outcome.value;
  if (!first) return undefined;
  const info = await readInfo(send, { residenceId, maintenanceId: first.maintenanceId }, 'info', findings);
  if (!info) return undefined;
  const listed = tickets.find(({ maintenance_id }) => maintenance_id === first.maintenanceId);
  const unlike = MEMBERS.map(([name]) => name).filter((name) => !isSame(info.ticket[name], listed?.[name]));
  if (unlike.length === 0) findings.add('agree', 'holds', 'the same');
  else findings.add('agree', 'differs', `other ${unlike.join(', ')}`);
  return info;
}

/** Reads one ticket and checks its id. Returns undefined if the ticket cannot be read. */
export async function readInfo(send: Send, key: MaintenanceKey, check: CheckName, findings: Findings) {
  const { residenceId, maintenanceId } = key;
  const param = { residence_id: residenceId, maintenance_id: maintenanceId };
  const exchange = await send({ name: 'get_maintenance_info', param });
  const info = readAs(exchange, (result) => decodeInfo(result, key));
  findings.addOutcome(check, exchange, info, () => 'a ticket');
  if (info.error) return undefined;
  const ticket = resultOf(exchange) as Json;
  const id = ticket.maintenance_id;
  if (id === undefined) findings.add('infoId', 'holds', 'absent');
  else if (id === maintenanceId) findings.add('infoId', 'differs', 'the requested id');
  else findings.add('infoId', 'differs', `another id (${typeOf(id)})`, 'is the id of another ticket');
  return { exchange, ticket, maintenance: info.value };
}

/** Checks the types of each member over all tickets. */
export function checkMembers(tickets: readonly Json[], findings: Findings): void {
  if (tickets.length === 0) return;
  const key = { residenceId: 'r', maintenanceId: 'm' };
  const decoded = tickets.map((ticket) => ({ ticket, maintenance: decodeInfo(ticket, key).value }));
  for (const [name, field, mask] of MEMBERS) {
    const values = tickets.map((ticket) => ticket[name]);
    const unreadable = decoded.filter(({ maintenance }) => maintenance[field] instanceof Error);
    const types = countTypes(values);
    if (unreadable.length > 0) {
      const forms = [...new Set(unreadable.map(({ ticket }) => mask(ticket[name])))].slice(0, 5).join(', ');
      const share = `${unreadable.length} of ${tickets.length} cannot be read`;
      findings.add(name, 'differs', `${types}; ${share}: ${forms}`, share);
    } else {
      const isBare = values.some((value) => /absent|null|empty/.test(typeOf(value)));
      findings.add(name, isBare ? 'new' : 'holds', types);
    }
  }
  const known = new Set<string>(['maintenance_id', ...MEMBERS.map(([name]) => name)]);
  const extra = listMembers(tickets, (name) => !known.has(name));
  findings.add('extra', extra === '' ? 'holds' : 'new', extra || 'none');
}

async function checkFailures(send: Send, residenceId: string, findings: Findings): Promise<void> {
  const failures: Exchange[] = [];
  for (const { check, isPromised, decode, otherwise, ...sending } of failingCommands(residenceId)) {
    const exchange = await send(sending);
    const { reply } = exchange;
    const outcome = readAs(exchange, decode);
    if (!('text' in reply)) {
      findings.addUnanswered(check, describeError(exchange, reply));
    } else if (outcome.error) {
      failures.push(exchange);
      const promised = isPromised(outcome.error);
      const seen = describeFailure(exchange, outcome.error);
      findings.add(check, promised ? 'holds' : 'differs', seen, promised ? undefined : otherwise);
    } else if (check === 'unknownResidence' && isEmptyList(resultOf(exchange))) {
      findings.add(check, 'holds', `${reply.status}, an empty list`);
    } else {
      const seen = `${reply.status}, success, ${typeOf(resultOf(exchange))}`;
      findings.add(check, 'differs', seen, 'the code would read this failure as a success');
    }
  }
  checkEnvelopes('failure', ['success', 'timestamp'], failures, findings);
}

/** Checks that all replies have the promised members, and lists further members. */
function checkEnvelopes(
  check: CheckName,
  promised: readonly string[],
  exchanges: readonly Exchange[],
  findings: Findings,
): void {
  const bodies = exchanges.map(bodyOf).filter(isObject);
  if (bodies.length === 0) return;
  const names = new Set(bodies.flatMap(Object.keys));
  const missing = promised.filter((name) => !bodies.every((body) => Object.hasOwn(body, name)));
  const hasMore = [...names].some((name) => !promised.includes(name));
  findings.add(check, missing.length > 0 ? 'differs' : hasMore ? 'new' : 'holds', listMembers(bodies));
}

function hasMembers(value: unknown): value is Json {
  return isObject(value) && Object.keys(value).length > 0;
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
