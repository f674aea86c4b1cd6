/**
 * Apollo Server by lists: what Apollo's template (subgraph-template-typescript-apollo-server-boilerplate) and the README of
 * @apollo/subgraph show, with got's own example of a JSON call, and a DataLoader that reads one list in place of several
 * details. All five commands, without filters, order and checks. Everything else is left as it comes.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import DataLoader from 'dataloader';
import got from 'got';
import { gql } from 'graphql-tag';

const COMMANDS_URL = `${process.env.COMMAND_API_URL}/api/v1.0/invoke/open-ability/method/user-commands`;
const TOKEN_HEADER = process.env.TOKEN_HEADER ?? 'authorization';

interface Context {
  readonly authorization: string | undefined;
  /** Reads a repair request that another subgraph refers to, by its id. */
  readonly references: Pick<DataLoader<string, unknown>, 'load'>;
}

type Times = 'start_time' | 'finish_time' | 'created_time';
type Others = 'description' | 'contact' | 'feedback' | 'state';
/** As it comes in a list; a detail has no `maintenance_id`. */
interface Ticket extends Readonly<Record<Times | Others, string | null>> {
  readonly maintenance_id: string;
  readonly maintenance_picture_url: string[] | null;
}

type Text = 'residenceId' | 'startTime' | 'finishTime' | 'description' | 'contact';
interface NewMaintenance extends Readonly<Record<Text, string>> {
  readonly pictureFilenames?: string[] | null;
}

/** By one of the two keys. */
type Reference =
  | { readonly id: string }
  | { readonly maintenanceId: string; readonly residence: { readonly id: string } };

async function run<T>(command: string, param: object, authorization: string | undefined): Promise<T> {
  const json = { command, id: `c${randomBytes(16).toString('hex')}`, param };
  const reply = await got
    .post(COMMANDS_URL, { json, headers: { authorization } })
    .json<{ success?: boolean; result: T }>();
  if (reply.success !== true) throw new Error(`The command API refused ${command}.`);
  return reply.result;
}

async function getList(residenceId: string, authorization: string | undefined) {
  const tickets = await run<Ticket[]>('get_maintenance_list', { residence_id: residenceId }, authorization);
  return tickets.map((ticket) => toMaintenance(ticket, residenceId));
}

async function getOne(id: string, authorization: string | undefined) {
  const param = parseId(id);
  const ticket = await run<Omit<Ticket, 'maintenance_id'>>('get_maintenance_info', param, authorization);
  return toMaintenance({ ...ticket, maintenance_id: param.maintenance_id }, param.residence_id);
}

/** Reads with one command for each residence. A failure costs only the ids of its residence. */
async function getMany(ids: readonly string[], authorization: string | undefined) {
  const found = new Map<string, object>();
  const read = async ([residenceId, [first = '', ...others]]: [string, string[]]) => {
    try {
      const isList = others.length > 0;
      const tickets = isList ? await getList(residenceId, authorization) : [await getOne(first, authorization)];
      for (const maintenance of tickets) found.set(maintenance.id, maintenance);
    } catch (error) {
      for (const id of [first, ...others]) found.set(id, error as Error);
    }
  };
  await Promise.all(Array.from(byResidence(ids), read));
  return ids.map((id) => found.get(id) ?? null);
}

function createContext(authorization: string | undefined): Context {
  return { authorization, references: new DataLoader((ids) => getMany(ids, authorization)) };
}

const resolvers = {
  Query: {
    maintenances: (_: unknown, { residenceId }: { residenceId: string }, { authorization }: Context) =>
      getList(residenceId, authorization),
    maintenance: (_: unknown, { id }: { id: string }, { authorization }: Context) => getOne(id, authorization),
  },
  Maintenance: {
    __resolveReference: (reference: Reference, { references }: Context) => references.load(toId(reference)),
  },
  Residence: {
    maintenances: ({ id }: { id: string }, _: unknown, { authorization }: Context) => getList(id, authorization),
  },
  CreateMaintenancePayload: {
    maintenance: ({ createdId }: { createdId: string }, _: unknown, { authorization }: Context) =>
      getOne(createdId, authorization),
  },
  Mutation: {
    createMaintenance: async (_: unknown, { input }: { input: NewMaintenance }, { authorization }: Context) => {
      const param = {
        residence_id: input.residenceId,
        start_time: toWireTime(input.startTime),
        finish_time: toWireTime(input.finishTime),
        description: input.description,
        contact: input.contact,
        ...(input.pictureFilenames && { filename: input.pictureFilenames }),
      };
      const created = await run<{ maintenance_id: string }>('create_maintenance_info', param, authorization);
      return { createdId: `${input.residenceId}:${created.maintenance_id}` };
    },
    deleteMaintenance: async (_: unknown, { id }: { id: string }, { authorization }: Context) => {
      const param = parseId(id);
      await run('delete_maintenance_info', param, authorization);
      return { deletedId: id, residence: { id: param.residence_id } };
    },
    deleteMaintenances: async (_: unknown, { ids }: { ids: string[] }, { authorization }: Context) => {
      const deletedIds: string[] = [];
      const failures: object[] = [];
      const deleteOf = async ([residence_id, ids]: [string, string[]]) => {
        const maintenances = ids.map((id) => ({ maintenance_id: parseId(id).maintenance_id }));
        try {
          await run('batch_delete_maintenance_info', { residence_id, maintenances }, authorization);
          deletedIds.push(...ids);
        } catch {
          const failure = { code: 'UPSTREAM_UNAVAILABLE', message: 'The delete failed.', outcome: 'UNKNOWN' };
          failures.push(...ids.map((failedId) => ({ failedId, ...failure })));
        }
      };
      await Promise.all(Array.from(byResidence(ids), deleteOf));
      return { deletedIds, failures };
    },
  },
};

const toId = (reference: Reference) =>
  'id' in reference ? reference.id : `${reference.residence.id}:${reference.maintenanceId}`;
const byResidence = (ids: readonly string[]) => Map.groupBy(ids, (id) => parseId(id).residence_id);

function parseId(id: string) {
  const [residence_id = '', maintenance_id = ''] = id.split(':');
  return { residence_id, maintenance_id };
}

function toMaintenance(ticket: Ticket, residenceId: string) {
  return {
    id: `${residenceId}:${ticket.maintenance_id}`,
    maintenanceId: ticket.maintenance_id,
    residence: { id: residenceId },
    startTime: toTime(ticket.start_time),
    finishTime: toTime(ticket.finish_time),
    createdTime: toTime(ticket.created_time),
    description: ticket.description,
    contact: ticket.contact,
    feedback: ticket.feedback,
    pictureUrls: ticket.maintenance_picture_url,
    state: toState(ticket.state),
  };
}

const toTime = (time: string | null) => (time ? `${time.replace(' ', 'T')}Z` : null);
const toState = (state: string | null) => (state ? state.toUpperCase().replaceAll(' ', '_') : null);
const toWireTime = (time: string) => time.replace('T', ' ').replace('Z', '');

const typeDefs = gql(readFileSync('schema/maintenance.graphql', 'utf8'));
const server = new ApolloServer<Context>({ schema: buildSubgraphSchema([{ typeDefs, resolvers }]) });

const { url } = await startStandaloneServer(server, {
  context: async ({ req: { headers } }) => createContext(headers[TOKEN_HEADER]?.toString()),
  listen: { host: '127.0.0.1', port: Number(process.env.PORT) },
});

console.log(`Subgraph ready at ${url}`);
