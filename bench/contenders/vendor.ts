/**
 * The command API for contenders whose users write resolvers by hand: the wire's form and the public schema's, with nothing
 * that would favour one of them. How a command gets there is each contender's own.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const PATH = '/api/v1.0/invoke/open-ability/method/user-commands';

export const { COMMAND_API_URL = '', PORT } = process.env;

export const COMMAND = { origin: COMMAND_API_URL, path: PATH, url: COMMAND_API_URL + PATH } as const;

export const TYPE_DEFS = readFileSync(new URL('../../schema/maintenance.graphql', import.meta.url), 'utf8');

export interface Context {
  readonly authorization: string | undefined;
}

interface Command {
  readonly command: string;
  readonly id: string;
  readonly param: Readonly<Record<string, unknown>>;
}

/** Sends a command and answers the body of a 2xx; throws at any other status. */
export type Send = (command: Command, authorization: string | undefined) => Promise<unknown>;

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

/** The resolvers of the parts of the public schema that are measured. */
export function createResolvers(send: Send) {
  async function run<T>(command: string, param: Command['param'], { authorization }: Context): Promise<T> {
    const id = `c${randomBytes(16).toString('hex')}`;
    const reply = (await send({ command, id, param }, authorization)) as { success?: boolean; result: T };
    if (reply.success !== true) throw new Error(`The command API refused ${command}.`);
    return reply.result;
  }

  async function getMaintenance(id: string, context: Context) {
    const [residence_id = '', maintenance_id = ''] = id.split(':');
    const param = { residence_id, maintenance_id };
    const ticket = await run<Omit<Ticket, 'maintenance_id'>>('get_maintenance_info', param, context);
    return toMaintenance({ ...ticket, maintenance_id }, residence_id);
  }

  return {
    Query: {
      maintenances: async (_: unknown, { residenceId }: { residenceId: string }, context: Context) => {
        const tickets = await run<Ticket[]>('get_maintenance_list', { residence_id: residenceId }, context);
        return tickets.map((ticket) => toMaintenance(ticket, residenceId));
      },
      maintenance: (_: unknown, { id }: { id: string }, context: Context) => getMaintenance(id, context),
    },
    Maintenance: {
      __resolveReference: ({ id }: { id: string }, context: Context) => getMaintenance(id, context),
    },
    Mutation: {
      createMaintenance: async (_: unknown, { input }: { input: NewMaintenance }, context: Context) => {
        const param = {
          residence_id: input.residenceId,
          start_time: toWireTime(input.startTime),
          finish_time: toWireTime(input.finishTime),
          description: input.description,
          contact: input.contact,
          ...(input.pictureFilenames && { filename: input.pictureFilenames }),
        };
        const created = await run<{ maintenance_id: string }>('create_maintenance_info', param, context);
        return { createdId: `${input.residenceId}:${created.maintenance_id}` };
      },
    },
  };
}

function toMaintenance(ticket: Ticket, residenceId: string) {
  return {
    id: `${residenceId}:${ticket.maintenance_id}`,
    maintenanceId: ticket.maintenance_id,
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
