/**
 * A naive server of the same queries. Each resolver searches the whole store, and graphql's `execute` makes paths and nulls. It
 * follows the schema, docs/apps.md and docs/command-api.md, and imports nothing of src/.
 */
import { buildASTSchema, execute, GraphQLError, parse } from 'graphql';
import type { Ticket } from '../../../dev/maintenance/store.ts';
import { readDocument } from '../documents.ts';

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

const STATES = new Map<unknown, string>([
  ['wait for confirmation', 'WAIT_FOR_CONFIRMATION'],
  ['in progress', 'IN_PROGRESS'],
  ['completed', 'COMPLETED'],
  ['closed', 'CLOSED'],
]);

/** The code of each residence of the emulator that fails at once. */
const FAULTS = new Map([
  ['rfault-unavailable', 'UPSTREAM_UNAVAILABLE'],
  ['rfault-refused', 'COMMAND_REJECTED'],
  ['rfault-forbidden', 'FORBIDDEN'],
  ['rfault-invalid', 'UPSTREAM_INVALID_RESPONSE'],
]);

function fail(code: string): never {
  throw new GraphQLError(code, { extensions: { code } });
}
const failInput = () => fail('BAD_USER_INPUT');
const failMember = () => fail('UPSTREAM_INVALID_RESPONSE');

/** Returns residence and maintenance id of a `Maintenance.id`, or undefined if it is malformed. */
function parseId(id: unknown): Key | undefined {
  const parts = /^((?:[^%:]|%25|%3a)+):((?:[^%:]|%25|%3a)+)$/i.exec(String(id))?.slice(1) ?? [];
  const [residenceId, maintenanceId] = parts.map((part) => part.replace(/%3a/gi, ':').replaceAll('%25', '%'));
  return isId(residenceId) && isId(maintenanceId) ? [residenceId, maintenanceId] : undefined;
}

const isId = (id: unknown): id is string =>
  typeof id === 'string' && id.length >= 1 && id.length <= 256 && id.isWellFormed();
const escapePart = (part: string) => part.replaceAll('%', '%25').replaceAll(':', '%3A');
const formatId = (key: Key) => key.map(escapePart).join(':');

const isNothing = (value: unknown) => value === undefined || value === null || value === '';
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
  const [, day, clock] = /^(.{10}) (\d\d:\d\d:\d\d)$/.exec(String(value)) ?? [];
  const ms = Date.parse(`${day}T${clock}Z`);
  // JavaScript takes the 30th of February as the first of March.
  const isRight = !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(`${day}T${clock}`);
  return isRight ? `${day}T${clock}Z` : failMember();
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
export function createNaiveServer(store: ReadonlyMap<string, AnyTicket[]>, validTokens: readonly string[]) {
  let token: string | null;

  const authenticate = () => token ?? fail('UNAUTHENTICATED');

  /** Returns the tickets of a residence for one command. */
  function send(residenceId: string): AnyTicket[] {
    if (!validTokens.includes(authenticate())) fail('UNAUTHENTICATED');
    const code = FAULTS.get(residenceId);
    return code ? fail(code) : (store.get(residenceId) ?? fail('COMMAND_REJECTED'));
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

  const rootValue = {
    maintenances: ({ residenceId, ...args }: Args) => list(residenceId, args),
    maintenance: ({ id }: Args) => {
      authenticate();
      return find(parseId(id) ?? failInput());
    },
    _entities: ({ representations }: { representations: unknown[] }) =>
      representations.map((representation) => settle(() => toEntity(representation))),
  };

  return {
    /** Executes a valid query, whose variables may be faulty. Null is no token. */
    async ask(query: string, variableValues: Record<string, unknown>, withToken: string | null) {
      token = withToken;
      const request = { schema: NAIVE_SCHEMA, document: parse(query), rootValue, variableValues };
      const { data, errors = [] } = await execute(request);
      // graphql has an error for each fault of the variables, and no code.
      if (data === undefined) return { data, errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] };
      return { data, errors };
    },
  };
}
