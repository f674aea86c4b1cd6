/**
 * A naive server of the same schema, over its own store. Each resolver searches the whole store, and graphql's `execute` makes
 * paths and nulls. It follows the schema, docs/apps.md and docs/command-api.md, and imports nothing of src/.
 */
import { buildASTSchema, execute, GraphQLError, parse } from 'graphql';
import type { Ticket } from '../../../dev/maintenance/store.ts';
import { APPS, readDocument, readNames, readTable } from '../documents.ts';

const FEDERATION = `
  scalar _Any
  union _Entity = Maintenance | Residence
  extend type Query { _entities(representations: [_Any!]!): [_Entity]! }`;
const SDL = parse(readDocument('schema/maintenance.graphql') + FEDERATION);
export const NAIVE_SCHEMA = buildASTSchema(SDL, { assumeValidSDL: true });

/** A ticket of the store, whose members may be anything. */
export type AnyTicket = { readonly [M in keyof Ticket]?: unknown };
type Args = Record<string, unknown>;
type Key = readonly [residenceId: string, maintenanceId: string];

export const NEW_TIME = '2026-01-01 00:00:00';
const STATES = new Map<unknown, string>([
  ['wait for confirmation', 'WAIT_FOR_CONFIRMATION'],
  ['in progress', 'IN_PROGRESS'],
  ['completed', 'COMPLETED'],
  ['closed', 'CLOSED'],
]);

/** How the residences of the emulator fail, by the table of docs/apps.md. */
const FAULTS = new Map(
  readTable(APPS, 'residence').flatMap(([id, failure = '']) => {
    const [code, outcome] = readNames(failure);
    return code ? [[readNames(id)[0], { code, outcome, isLost: failure.includes('happened') }]] : [];
  }),
);

function fail(code = '', outcome = 'NOT_SENT'): never {
  throw new GraphQLError(code, { extensions: { code, outcome } });
}
const failInput = () => fail('BAD_USER_INPUT');
const failMember = () => fail('UPSTREAM_INVALID_RESPONSE');

/** Returns residence and maintenance id of a `Maintenance.id`, or undefined if it is malformed. */
export function parseId(id: unknown): Key | undefined {
  const parts = /^((?:[^%:]|%25|%3a)+):((?:[^%:]|%25|%3a)+)$/i.exec(String(id))?.slice(1) ?? [];
  const [residenceId, maintenanceId] = parts.map((part) => part.replace(/%3a/gi, ':').replaceAll('%25', '%'));
  return isId(residenceId) && isId(maintenanceId) ? [residenceId, maintenanceId] : undefined;
}

const isId = (id: unknown): id is string =>
  typeof id === 'string' && id.length >= 1 && id.length <= 256 && id.isWellFormed();
const escapePart = (part: string) => part.replaceAll('%', '%25').replaceAll(':', '%3A');
const formatId = (key: Key) => key.map(escapePart).join(':');

const isNothing = (value: unknown) => value === undefined || value === null || value === '';
/** Returns whether these are 19 characters of a moment in UTC, on a day of the calendar. */
function isMoment(time: string): boolean {
  const ms = Date.parse(`${time}Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(time);
}

// Members of a ticket. An undecodable one fails.
function parseText(value: unknown) {
  if ((value ?? null) === null) return null;
  return typeof value === 'string' ? value.toWellFormed() : failMember();
}
function parseTexts(value: unknown) {
  if ((value ?? null) === null) return null;
  return Array.isArray(value) ? value.map((text) => parseText(text) ?? failMember()) : failMember();
}
function parseState(value: unknown) {
  return isNothing(value) ? null : (STATES.get(value) ?? failMember());
}
function parseTime(value: unknown) {
  if (isNothing(value)) return null;
  const time = String(value).replace(' ', 'T');
  return /^.{10} \d\d:\d\d:\d\d$/.test(String(value)) && isMoment(time) ? `${time}Z` : failMember();
}

/** Returns an RFC 3339 time as the command API writes it. */
function serializeTime(time: string): string {
  const isRight = /T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(time) && isMoment(time.slice(0, 19));
  return isRight ? new Date(time).toISOString().slice(0, 19).replace('T', ' ') : failInput();
}

/** Returns the value, or the error. */
function settle<T>(read: () => T): T | GraphQLError {
  try {
    return read();
  } catch (error) {
    return error as GraphQLError;
  }
}

/** Creates the server. `validTokens` are those that the command API accepts. */
export function createNaiveServer(store: Map<string, AnyTicket[]>, validTokens: readonly string[]) {
  let created = 0;
  let token: string | null;

  const authenticate = () => token ?? fail('UNAUTHENTICATED');

  /** Returns the tickets of a residence for one command, after the change of a write. */
  function send(residenceId: string, change?: (tickets: AnyTicket[]) => AnyTicket[]): AnyTicket[] {
    if (!validTokens.includes(authenticate())) fail('UNAUTHENTICATED', 'REJECTED');
    const fault = FAULTS.get(residenceId);
    if (fault && !fault.isLost) fail(fault.code, fault.outcome);
    const tickets = store.get(residenceId) ?? fail('COMMAND_REJECTED', 'REJECTED');
    if (!change) return tickets;
    store.set(residenceId, change(tickets));
    if (fault) fail(fault.code, fault.outcome);
    return tickets;
  }

  const toResidence = (id: string) => ({ __typename: 'Residence', id, maintenances: (args: Args) => list(id, args) });

  function toMaintenance(residenceId: string, ticket: AnyTicket) {
    const maintenanceId = String(ticket.maintenance_id);
    return {
      ...{ __typename: 'Maintenance', id: formatId([residenceId, maintenanceId]), maintenanceId },
      residence: toResidence(residenceId),
      startTime: () => parseTime(ticket.start_time),
      finishTime: () => parseTime(ticket.finish_time),
      createdTime: () => parseTime(ticket.created_time),
      description: () => parseText(ticket.description),
      contact: () => parseText(ticket.contact),
      feedback: () => parseText(ticket.feedback),
      pictureUrls: () => parseTexts(ticket.maintenance_picture_url),
      state: () => parseState(ticket.state),
    };
  }

  function list(residenceId: unknown, { states, orderBy, first, offset }: Args) {
    authenticate();
    const [from, most] = [Number(offset ?? 0), Number(first ?? 1e9)];
    if (!isId(residenceId) || from < 0 || most < 0) return failInput();
    const all = send(residenceId).filter(({ maintenance_id }) => isId(maintenance_id));
    const matching = all.filter((ticket) => {
      const state = settle(() => parseState(ticket.state));
      return !Array.isArray(states) || states.includes(state) || (states.length > 0 && state instanceof GraphQLError);
    });
    const timeOf = ({ created_time, start_time }: AnyTicket) =>
      settle(() => parseTime(String(orderBy).startsWith('CREATED') ? created_time : start_time));
    const isTimed = (ticket: AnyTicket) => typeof timeOf(ticket) === 'string';
    const timed = matching.filter(isTimed).sort((a, b) => {
      const sign = String(orderBy).endsWith('DESC') ? -1 : 1;
      return sign * String(timeOf(a)).localeCompare(String(timeOf(b)), 'en');
    });
    const ordered = orderBy ? [...timed, ...matching.filter((ticket) => !isTimed(ticket))] : matching;
    return ordered.slice(from, from + most).map((ticket) => toMaintenance(residenceId, ticket));
  }

  function find([residenceId, maintenanceId]: Key) {
    const ticket = send(residenceId).find(({ maintenance_id }) => maintenance_id === maintenanceId);
    return ticket ? toMaintenance(residenceId, ticket) : null;
  }

  function toEntity(representation: unknown) {
    const { __typename, id, residence, maintenanceId } = Object(representation);
    if (__typename === 'Residence') return toResidence(isId(id) ? id : failInput());
    if (__typename !== 'Maintenance') return failInput();
    authenticate();
    const second: Key = [residence?.id, maintenanceId];
    if (id === undefined || id === null) return find(second.every(isId) ? second : failInput());
    const key = typeof id === 'string' ? (parseId(id) ?? failInput()) : failInput();
    const given = [
      (residence ?? null) === null ? key[0] : second[0],
      (maintenanceId ?? null) === null ? key[1] : second[1],
    ];
    return given.join('\n') === key.join('\n') ? find(key) : failInput();
  }

  function create(input: Args) {
    authenticate();
    const { residenceId, description, contact, pictureFilenames } = input;
    const names = (pictureFilenames ?? []) as string[];
    const [start_time, finish_time] = [serializeTime(String(input.startTime)), serializeTime(String(input.finishTime))];
    const isBlank = [description, contact, ...names].some((text) => String(text).trim() === '');
    if (!isId(residenceId) || finish_time <= start_time || isBlank || names.length > 20) return failInput();
    const maintenance_id = `new${created}`;
    const maintenance_picture_url = names.map((name) => `https://pictures.example/${name}`);
    const written = { maintenance_id, start_time, finish_time, description, contact, maintenance_picture_url };
    send(residenceId, (tickets) => {
      created++;
      return [...tickets, { ...written, feedback: '', state: 'wait for confirmation', created_time: NEW_TIME }];
    });
    return [residenceId, maintenance_id] as const;
  }

  function deleteAll(residenceId: string, keys: readonly Key[]) {
    const isGone = ({ maintenance_id }: AnyTicket) => keys.some(([r, m]) => r === residenceId && m === maintenance_id);
    send(residenceId, (tickets) => tickets.filter((ticket) => !isGone(ticket)));
  }

  function deleteMaintenances(ids: readonly string[]) {
    authenticate();
    const keys = ids.map((id) => parseId(id) ?? failInput());
    if (keys.length === 0) failInput();
    const failures = new Map<string, GraphQLError>();
    for (const residenceId of new Set(keys.map(([r]) => r))) {
      const error = settle(() => deleteAll(residenceId, keys));
      if (error) failures.set(residenceId, error);
    }
    if (!validTokens.includes(authenticate())) fail('UNAUTHENTICATED', 'REJECTED');
    const unique = [...new Map(keys.map((key) => [formatId(key), key])).entries()];
    return {
      deletedIds: unique.filter(([, [r]]) => !failures.has(r)).map(([id]) => id),
      failures: unique
        .filter(([, [r]]) => failures.has(r))
        .map(([id, [r]]) => ({ failedId: id, ...failures.get(r)?.extensions })),
    };
  }

  const rootValue = {
    maintenances: ({ residenceId, ...args }: Args) => list(residenceId, args),
    maintenance: ({ id }: Args) => {
      authenticate();
      return find(parseId(id) ?? failInput());
    },
    _entities: ({ representations }: { representations: unknown[] }) =>
      representations.map((representation) => settle(() => toEntity(representation))),
    createMaintenance: ({ input }: { input: Args }) => {
      const key = create(input);
      return { createdId: formatId(key), maintenance: () => find(key) };
    },
    deleteMaintenance: ({ id }: Args) => {
      authenticate();
      const key = parseId(id) ?? failInput();
      deleteAll(key[0], [key]);
      return { deletedId: formatId(key), residence: toResidence(key[0]) };
    },
    deleteMaintenances: ({ ids }: { ids: string[] }) => deleteMaintenances(ids),
  };

  return {
    store,
    /** Executes a valid operation, whose variables may be faulty. Null is no token. */
    async ask(query: string, variableValues: Record<string, unknown>, withToken: string | null) {
      token = withToken;
      const request = { schema: NAIVE_SCHEMA, document: parse(query), rootValue, variableValues };
      const { data, errors = [] } = await execute(request);
      const isMutation = query.startsWith('mutation');
      // graphql has an error for each fault of the variables, and no code.
      const refusal = { code: 'BAD_USER_INPUT', ...(isMutation && { outcome: 'NOT_SENT' }) };
      if (data === undefined) return { data, errors: [{ extensions: refusal }] };
      const isWrite = (path: GraphQLError['path']) => isMutation && path?.length === 1;
      const toError = ({ path = [], extensions: { code, outcome } }: GraphQLError) => {
        return { path, extensions: isWrite(path) ? { code, outcome } : { code } };
      };
      return { data, errors: errors.map(toError) };
    },
  };
}
