/** The commands of the stock template and of the floor, without checks. */
import { randomBytes } from 'node:crypto';

export const PORT = Number(process.env.PORT);
export const COMMANDS_URL = `${process.env.COMMAND_API_URL}/api/v1.0/invoke/open-ability/method/user-commands`;

type Text = 'start_time' | 'finish_time' | 'created_time' | 'description' | 'contact' | 'feedback' | 'state';
/** A repair request of a list. The one of a detail has no `maintenance_id`. */
interface Ticket extends Readonly<Record<Text, string | null>> {
  readonly maintenance_id: string;
  readonly maintenance_picture_url: string[] | null;
}
export type NewMaintenance = Record<'residenceId' | 'startTime' | 'finishTime' | 'description' | 'contact', string>;

/** Sends a command, and returns the body of the reply. */
export type Send = (command: object, authorization: string | undefined) => Promise<unknown>;

export function createVendor(send: Send) {
  async function run<T>(command: string, param: object, authorization: string | undefined): Promise<T> {
    const id = `c${randomBytes(16).toString('hex')}`;
    const reply = (await send({ command, id, param }, authorization)) as { success?: boolean; result: T };
    if (reply.success !== true) throw new Error(`The command API refused ${command}.`);
    return reply.result;
  }
  return {
    async getList(residenceId: string, authorization: string | undefined) {
      const tickets = await run<Ticket[]>('get_maintenance_list', { residence_id: residenceId }, authorization);
      return tickets.map((ticket) => toMaintenance(ticket, residenceId));
    },
    async getOne(id: string, authorization: string | undefined) {
      const [residence_id = '', maintenance_id = ''] = id.split(':');
      const ticket = await run<Ticket>('get_maintenance_info', { residence_id, maintenance_id }, authorization);
      return toMaintenance({ ...ticket, maintenance_id }, residence_id);
    },
    async create({ residenceId, startTime, finishTime, ...others }: NewMaintenance, authorization: string | undefined) {
      const times = { start_time: toWireTime(startTime), finish_time: toWireTime(finishTime) };
      const param = { residence_id: residenceId, ...times, ...others };
      const created = await run<{ maintenance_id: string }>('create_maintenance_info', param, authorization);
      return { createdId: `${residenceId}:${created.maintenance_id}` };
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
    state: ticket.state ? ticket.state.toUpperCase().replaceAll(' ', '_') : null,
  };
}

const toTime = (time: string | null) => (time ? `${time.replace(' ', 'T')}Z` : null);
const toWireTime = (time: string) => time.replace('T', ' ').replace('Z', '');
