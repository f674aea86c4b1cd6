/**
 * Repair requests: ids, the vendor's tickets, checks of arguments, and resolvers. Those that an operation asks for by id cost
 * one command for each residence.
 */
import { setImmediate } from 'node:timers/promises';
import DataLoader from 'dataloader';
import type { FastifyBaseLogger } from 'fastify';
import { type ASTNode, GraphQLError, type GraphQLResolveInfo, GraphQLScalarType } from 'graphql';
import pLimit from 'p-limit';
import { z } from 'zod';
import { createClient } from './command-api.ts';

/** The size of an answer: entries × characters of their selection. About 300,000 fields; more would hold up other operations. */
const MAX_SIZE = 4_000_000;
/** The entries that a list has until it is read. */
const USUAL_LENGTH = 20;
/** Large lists one by one, so that other operations go on between them. */
const turns = pLimit(1);

type Key = { readonly residence_id: string; readonly maintenance_id: string };

const formatId = ({ residence_id, maintenance_id }: Key) =>
  [residence_id, maintenance_id].map((part) => part.replace(/[%:]/g, encodeURIComponent)).join(':');

function parseId(id: string): Key | undefined {
  if (id.length > 1600 || /%(?!25|3a)/i.test(id)) return undefined;
  const parts = id.split(':').map(decodeURIComponent);
  const [residence_id = '', maintenance_id = ''] = parts;
  return parts.length === 2 && parts.every(isId) ? { residence_id, maintenance_id } : undefined;
}

function isId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && id.length <= 256 && id.isWellFormed();
}

// Tickets. A member of another form is an error, which graphql shows at its field alone.

type Maintenance = ReturnType<typeof toMaintenance>;

function toMaintenance(ticket: Readonly<Record<string, unknown>>, key: Key) {
  return {
    __typename: 'Maintenance' as const,
    id: formatId(key),
    maintenanceId: key.maintenance_id,
    residence: { id: key.residence_id },
    startTime: toTime(ticket.start_time),
    finishTime: toTime(ticket.finish_time),
    createdTime: toTime(ticket.created_time),
    description: toText(ticket.description),
    contact: toText(ticket.contact),
    feedback: toText(ticket.feedback),
    pictureUrls: toUrls(ticket.maintenance_picture_url),
    state: toState(ticket.state),
  };
}

const FAULTY = new GraphQLError('The member is malformed.', { extensions: { code: 'UPSTREAM_INVALID_RESPONSE' } });

/** Half a surrogate pair would cost the whole list: Apollo Router refuses it. */
const toText = (value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value == null ? null : FAULTY);
const toUrls = (value: unknown) => (Array.isArray(value) ? value.map(toText) : value == null ? null : FAULTY);

/** Decodes a text of this form. An empty one means null. */
const decoder = (form: RegExp, toOurs: (text: string) => string) => (value: unknown) => {
  const text = toText(value) || null;
  return typeof text !== 'string' ? text : form.test(text) ? toOurs(text) : FAULTY;
};
const WIRE_TIME = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]) ([01]\d|2[0-3])(:[0-5]\d){2}$/;
const toTime = decoder(WIRE_TIME, (time) => `${time.replace(' ', 'T')}Z`);
const STATE = /^(wait for confirmation|in progress|completed|closed)$/;
const toState = decoder(STATE, (state) => state.toUpperCase().replaceAll(' ', '_'));

const VOID = z.looseObject({});
const TICKET = VOID.refine((ticket) => Object.keys(ticket).length > 0);
const WITH_ID = z.looseObject({ maintenance_id: z.string().refine(isId) });
const LIST_REPLY = z.array(WITH_ID.nullable().catch(null)).max(10_000);
const decodeList = (residence_id: string) => (result: unknown) =>
  LIST_REPLY.parse(result).flatMap((ticket) => (ticket ? toMaintenance(ticket, { ...ticket, residence_id }) : []));

// Arguments, beyond their types. The message of zod's issue is the code of a fault, for apps.

/** Throws one error for all faults. What it refuses of a mutation was not sent. */
function parse<T>(schema: z.ZodType<T>, args: unknown, outcome?: 'NOT_SENT'): T {
  const { data, error } = schema.safeParse(args);
  if (!error) return data;
  const faults = error.issues.slice(0, 20).map(({ path, message: code }) => {
    return { argument: z.core.toDotPath(path), code, message: `is ${code.toLowerCase().replaceAll('_', ' ')}` };
  });
  const message = faults.map(({ argument, message }) => `"${argument}" ${message}`).join(', ');
  throw new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', arguments: faults, outcome } });
}

const ID = z.string('NOT_AN_ID').refine(isId, 'NOT_AN_ID');
const toKey = (id: string) => parseId(id) as Key;
const KEY = z.string('NOT_AN_ID').refine(parseId, 'NOT_AN_ID').transform(toKey);
const VISIBLE = /[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;
const text = (most: number) => z.string().max(most, 'TOO_LONG').regex(VISIBLE, 'BLANK');
const RFC_3339 = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3])(:[0-5]\d){2}(\.\d{1,30})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;
// `Date` takes 31 February for a day of March.
const isDay = (time: string) => new Date(`${time.slice(0, 10)}T00:00Z`).toJSON()?.slice(0, 10) === time.slice(0, 10);
const TIME = z.string().regex(RFC_3339, { error: 'NOT_A_TIME', abort: true }).refine(isDay, 'NOT_A_DAY');
/** Writes a time with any offset as the vendor does, in UTC: `2024-01-16 13:32:45`. */
const toWireTime = (time: string) => new Date(time.toUpperCase()).toJSON()?.slice(0, 19).replace('T', ' ');

const states = z.array(z.string()).max(100, 'TOO_MANY').nullish();
const count = z.number().min(0, 'NEGATIVE').nullish();
const LIST = z.object({ residenceId: ID, states, orderBy: z.string().nullish(), first: count, offset: count });
const ONE = z.object({ id: KEY });
const areOf100 = (keys: readonly Key[]) => new Set(keys.map((key) => key.residence_id)).size <= 100;
const MANY = z.object({ ids: z.array(KEY).min(1, 'EMPTY').max(500, 'TOO_MANY').refine(areOf100, 'TOO_MANY') });
const INPUT = z.object({
  residenceId: ID,
  startTime: TIME,
  finishTime: TIME,
  description: text(10_000),
  contact: text(1000),
  pictureFilenames: z.array(text(256)).max(20, 'TOO_MANY').nullish(),
});
const isLater = (input: z.infer<typeof INPUT>) => !(toWireTime(input.finishTime) <= toWireTime(input.startTime));
const NEW = z.object({ input: INPUT.refine(isLater, { path: ['finishTime'], error: 'NOT_LATER' }) });

// Operations.

/** By one of the two keys. */
type Reference = { id?: unknown; residence?: { id?: unknown }; maintenanceId?: unknown };
export type Context = ReturnType<typeof createContext>;

export function createContext(token: string | undefined, log: FastifyBaseLogger) {
  const { commands, run, startedAt } = createClient(token);
  const lists = new Map<string, Promise<Maintenance[]>>();

  function getList(residence_id: string) {
    const list = lists.get(residence_id) ?? run('get_maintenance_list', { residence_id }, decodeList(residence_id));
    lists.set(residence_id, list);
    return list;
  }

  const findInList = async ({ residence_id, maintenance_id }: Key) =>
    (await getList(residence_id)).find(({ maintenanceId }) => maintenanceId === maintenance_id) ?? null;

  /** The vendor documents no reply for an unknown id, so the list decides. */
  const getInfo = (key: Key) =>
    run('get_maintenance_info', key, (result) => toMaintenance(TICKET.parse(result), key)).catch((error) => {
      if (error.extensions.code !== 'COMMAND_REJECTED' && error.detail !== 'ZodError') throw error;
      return findInList(key).catch(() => Promise.reject(error));
    });

  function getMany(keys: readonly Key[]) {
    const groups = Map.groupBy(keys, ({ residence_id }) => residence_id);
    const listed = new Set([...lists.keys(), ...Array.from(groups, ([id, { length }]) => (length > 1 ? id : ''))]);
    const get = (key: Key) => (listed.has(key.residence_id) ? findInList(key) : getInfo(key));
    return Promise.all(keys.map((key) => get(key).catch((error: Error) => error)));
  }

  const maintenances = new DataLoader<Key, Maintenance | null, string>(getMany, { cacheKeyFn: formatId });
  /** Sends a write. What the operation has read before may be out of date. */
  const write: typeof run = (...command) => {
    lists.clear();
    maintenances.clearAll();
    return run(...command);
  };
  return { commands, startedAt, log, size: 0, spreads: 0, isRefused: false, getList, maintenances, write };
}

const lengthOf = (all: readonly ASTNode[]) => all.reduce((sum, { loc }) => sum + (loc ? loc.end - loc.start : 0), 0);

/** Returns whether so many entries have room in the answer. Only the first that have none are an error. */
function hasRoom(context: Context, { fieldNodes, fragments, operation }: GraphQLResolveInfo, entries: number): boolean {
  context.spreads ||= String(operation.loc?.source.body).split('...').length;
  const each = lengthOf(fieldNodes) + context.spreads * lengthOf(Object.values(fragments));
  const size = context.size + entries * each;
  if (size <= MAX_SIZE) context.size = size;
  if (size <= MAX_SIZE || context.isRefused) return size <= MAX_SIZE;
  context.isRefused = true;
  throw new GraphQLError('The answer is too large.', { extensions: { code: 'BAD_USER_INPUT', othersOmitted: true } });
}

/** Filters, orders and slices a list. A faulty state may be any. Requests without the time come last. */
async function list(source: { id: string } | undefined, args: object, context: Context, info: GraphQLResolveInfo) {
  if (!hasRoom(context, info, USUAL_LENGTH)) return null;
  const { residenceId, states, orderBy, first, offset } = parse(LIST, { residenceId: source?.id, ...args });
  const accepted = states && new Set<unknown>([...states, states[0] && FAULTY]);
  const wanted = (await context.getList(residenceId)).filter(({ state }) => !accepted || accepted.has(state));
  const member = orderBy?.startsWith('START') ? 'startTime' : 'createdTime';
  const [sign, missing] = orderBy?.endsWith('DESC') ? [-1, ''] : [1, '~'];
  const timeOf = ({ [member]: time }: Maintenance) => (typeof time === 'string' ? time : missing);
  if (orderBy) wanted.sort((a, b) => sign * (Number(timeOf(a) > timeOf(b)) - Number(timeOf(a) < timeOf(b))));
  const page = wanted.slice(offset ?? 0).slice(0, first ?? undefined);
  if (page.length > 100) await turns(setImmediate);
  return hasRoom(context, info, page.length - USUAL_LENGTH) ? page : null;
}

export const resolvers = {
  // Takes any text, so that a malformed time comes with the other faults.
  DateTime: new GraphQLScalarType({ name: 'DateTime', parseValue: String }),
  Query: {
    maintenances: list,
    maintenance: (_: unknown, args: object, { maintenances }: Context) => maintenances.load(parse(ONE, args).id),
  },
  Residence: { maintenances: list },
  Maintenance: {
    // Async, so that a faulty reference costs only its own entry.
    async __resolveReference({ id, residence, maintenanceId }: Reference, context: Context, info: GraphQLResolveInfo) {
      const pair = { residence_id: String(residence?.id ?? ''), maintenance_id: String(maintenanceId ?? '') };
      const key = parse(ONE, { id: id ?? formatId(pair) }).id;
      return hasRoom(context, info, 1) ? context.maintenances.load(key) : null;
    },
  },
  CreateMaintenancePayload: {
    maintenance: ({ key }: { key: Key }, _: unknown, { maintenances }: Context) => maintenances.load(key),
  },
  Mutation: {
    async createMaintenance(_: unknown, args: object, { write }: Context) {
      const { residenceId, startTime, finishTime, pictureFilenames, ...texts } = parse(NEW, args, 'NOT_SENT').input;
      const times = { start_time: toWireTime(startTime), finish_time: toWireTime(finishTime) };
      const param = { residence_id: residenceId, ...times, ...texts, filename: pictureFilenames ?? undefined };
      const key = { ...(await write('create_maintenance_info', param, WITH_ID.parse)), residence_id: residenceId };
      return { key, createdId: formatId(key) };
    },
    async deleteMaintenance(_: unknown, args: object, { write }: Context) {
      const { id } = parse(ONE, args, 'NOT_SENT');
      await write('delete_maintenance_info', id, VOID.parse);
      return { deletedId: formatId(id), residence: { id: id.residence_id } };
    },
    /** Sends one command for each residence. A failure is data, unless no residence accepts the token. */
    async deleteMaintenances(_: unknown, args: object, { write }: Context) {
      const keys = new Map(parse(MANY, args, 'NOT_SENT').ids.map((key) => [formatId(key), key]));
      const groups = Map.groupBy(keys.values(), ({ residence_id }) => residence_id);
      const [deletedIds, failures]: [string[], Record<string, unknown>[]] = [[], []];
      const deleting = Array.from(groups, async ([residence_id, group]) => {
        const param = { residence_id, maintenances: group.map(({ maintenance_id }) => ({ maintenance_id })) };
        const ids = group.map(formatId);
        await write('batch_delete_maintenance_info', param, VOID.parse).then(
          () => deletedIds.push(...ids),
          ({ message, extensions }) => failures.push(...ids.map((failedId) => ({ failedId, message, ...extensions }))),
        );
      });
      await Promise.all(deleting);
      const isRefused = failures.length === keys.size && failures.every(({ code }) => code === 'UNAUTHENTICATED');
      if (isRefused) throw new GraphQLError(String(failures[0]?.message), { extensions: failures[0] ?? {} });
      return { deletedIds, failures };
    },
  },
};
