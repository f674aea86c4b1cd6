/**
 * The resolvers. Repair requests that an operation asks for by id cost one command for each residence.
 */
import DataLoader from 'dataloader';
import type { FastifyBaseLogger } from 'fastify';
import { GraphQLError, type GraphQLResolveInfo, GraphQLScalarType, Kind, type SelectionSetNode } from 'graphql';
import pLimit from 'p-limit';
import type { z } from 'zod';
import { LIST, MANY, NEW, ONE, parse, REFERENCE, toWireTime } from './arguments.ts';
import { type Caller, run } from './command-api.ts';
import * as tickets from './tickets.ts';

type Key = tickets.Key;

/** More fields would hold up other operations. */
export const MAX_FIELDS = 300_000;
export const tooMuch = () => new GraphQLError('Too many fields.', { extensions: { code: 'BAD_USER_INPUT' } });

export type Context = ReturnType<typeof createContext>;

/** Creates the context of an operation. Its loaders have one command for each residence. */
export function createContext(token: string | undefined, log: FastifyBaseLogger) {
  const caller: Caller = { token, startedAt: performance.now(), slots: pLimit(32), commands: [] };
  const lists = new Map<string, Promise<tickets.Maintenance[]>>();

  function getList(residence_id: string) {
    const decode = (result: unknown) => tickets.decodeList(result, residence_id);
    const list = lists.get(residence_id) ?? run('get_maintenance_list', { residence_id }, caller, decode);
    lists.set(residence_id, list);
    return list;
  }

  const findInList = async ({ residence_id, maintenance_id }: Key) =>
    (await getList(residence_id)).find(({ maintenanceId }) => maintenanceId === maintenance_id) ?? null;

  /** The vendor documents no reply for an unknown id, so the list decides. */
  const getInfo = (key: Key) =>
    run('get_maintenance_info', key, caller, (result) => tickets.decodeInfo(result, key)).catch((error) => {
      const mayNotExist = /COMMAND_REJECTED|INVALID_RESPONSE/.test(error.extensions.code);
      return mayNotExist ? findInList(key).catch(() => Promise.reject(error)) : Promise.reject(error);
    });

  const maintenances = new DataLoader<Key, tickets.Maintenance | null, string>(
    (keys) => {
      const groups = Map.groupBy(keys, ({ residence_id }) => residence_id);
      const listed = new Set([...lists.keys(), ...Array.from(groups, ([id, { length }]) => (length > 1 ? id : ''))]);
      const find = (key: Key) => (listed.has(key.residence_id) ? findInList(key) : getInfo(key));
      return Promise.all(keys.map((key) => find(key).catch((error: Error) => error)));
    },
    { cacheKeyFn: tickets.formatId },
  );
  return {
    caller,
    log,
    fields: 0,
    getList,
    maintenances,
    /** Sends a write. What was read before is out of date. */
    write<T>(command: string, param: object, decode: (result: unknown) => T) {
      lists.clear();
      maintenances.clearAll();
      return run(command, param, caller, decode);
    },
  };
}

async function listMaintenances(args: object, context: Context, info: GraphQLResolveInfo) {
  const { residenceId, ...selection } = parse(LIST, args);
  const list = select(await context.getList(residenceId), selection);
  for (const { selectionSet } of info.fieldNodes) context.fields += list.length * countFields(selectionSet, info);
  if (context.fields > MAX_FIELDS) throw tooMuch();
  return list;
}

function countFields(set: SelectionSetNode | undefined, info: GraphQLResolveInfo): number {
  const counts = set?.selections.map((node): number => {
    const { selectionSet } = node.kind === Kind.FRAGMENT_SPREAD ? (info.fragments[node.name.value] ?? {}) : node;
    return Number(node.kind === Kind.FIELD) + countFields(selectionSet, info);
  });
  return counts?.reduce((sum, fields) => sum + fields, 0) ?? 0;
}

/** Filters, orders and slices a list. A faulty state may be any. Requests without the time come last. */
function select(
  all: readonly tickets.Maintenance[],
  { states, orderBy, first, offset }: Omit<z.infer<typeof LIST>, 'residenceId'>,
) {
  const mayBeAny = (state: unknown) => state instanceof Error && states?.length !== 0;
  const wanted = all.filter(({ state }) => !states || states.includes(String(state)) || mayBeAny(state));
  const member = orderBy?.startsWith('START') ? 'startTime' : 'createdTime';
  const [sign, missing] = orderBy?.endsWith('DESC') ? [-1, ''] : [1, '~'];
  const timeOf = ({ [member]: time }: tickets.Maintenance) => (typeof time === 'string' ? time : missing);
  if (orderBy) wanted.sort((a, b) => sign * (Number(timeOf(a) > timeOf(b)) - Number(timeOf(a) < timeOf(b))));
  return wanted.slice(offset ?? 0).slice(0, first ?? undefined);
}

export const resolvers = {
  // Takes any text, so that a malformed time comes with the other faults.
  DateTime: new GraphQLScalarType({ name: 'DateTime', parseValue: String }),
  Query: {
    maintenances: (_: unknown, args: object, context: Context, info: GraphQLResolveInfo) =>
      listMaintenances(args, context, info),
    maintenance: (_: unknown, args: object, { maintenances }: Context) => maintenances.load(parse(ONE, args).id),
  },
  Maintenance: {
    // Async, so that a faulty reference costs only its own entry.
    __resolveReference: async (representations: object, { maintenances }: Context) =>
      maintenances.load(parse(REFERENCE, { representations }).representations),
  },
  Residence: {
    maintenances: ({ id }: { id: string }, args: object, context: Context, info: GraphQLResolveInfo) =>
      listMaintenances({ residenceId: id, ...args }, context, info),
  },
  CreateMaintenancePayload: {
    maintenance: ({ key }: { key: Key }, _: unknown, { maintenances }: Context) => maintenances.load(key),
  },
  Mutation: {
    createMaintenance: async (_: unknown, args: object, { write }: Context) => {
      const {
        residenceId: residence_id,
        startTime,
        finishTime,
        pictureFilenames,
        ...texts
      } = parse(NEW, args, 'NOT_SENT').input;
      const times = { start_time: toWireTime(startTime), finish_time: toWireTime(finishTime) };
      const param = { residence_id, ...times, ...texts, filename: pictureFilenames ?? undefined };
      const maintenance_id = await write('create_maintenance_info', param, tickets.decodeId);
      const key = { residence_id, maintenance_id };
      return { key, createdId: tickets.formatId(key) };
    },
    deleteMaintenance: async (_: unknown, args: object, { write }: Context) => {
      const { id } = parse(ONE, args, 'NOT_SENT');
      await write('delete_maintenance_info', id, tickets.decodeObject);
      return { deletedId: tickets.formatId(id), residence: { id: id.residence_id } };
    },
    /** One command for each residence. A failure is data, unless no command's token was accepted. */
    deleteMaintenances: async (_: unknown, args: object, { write }: Context) => {
      const keys = new Map(parse(MANY, args, 'NOT_SENT').ids.map((key) => [tickets.formatId(key), key]));
      const groups = Map.groupBy(keys.values(), ({ residence_id }) => residence_id);
      const errors = new Map<string, GraphQLError>();
      const deleteAll = ([residence_id, group]: [string, Key[]]) => {
        const param = { residence_id, maintenances: group.map(({ maintenance_id }) => ({ maintenance_id })) };
        const deleted = write('batch_delete_maintenance_info', param, tickets.decodeObject);
        return deleted.catch((error) => errors.set(residence_id, error));
      };
      await Promise.all(Array.from(groups, deleteAll));
      const codes = new Set(Array.from(errors.values(), ({ extensions }) => extensions.code));
      if (errors.size === groups.size && codes.size === 1 && codes.has('UNAUTHENTICATED'))
        throw [...errors.values()][0];
      const results = Array.from(keys, ([id, { residence_id }]) => ({ id, error: errors.get(residence_id) }));
      return {
        deletedIds: results.flatMap(({ id, error }) => (error ? [] : id)),
        failures: results.flatMap(({ id, error }) =>
          error ? { failedId: id, message: error.message, ...error.extensions } : [],
        ),
      };
    },
  },
};
