import { randomBytes } from 'node:crypto';
import type { COMMANDS } from '../../src/maintenance/commands.ts';
import { STATES as VENDOR_STATES } from '../../src/maintenance/tickets.ts';
import { CommandRefused } from '../command-api.ts';

/** A ticket as the command API writes it. */
export interface Ticket {
  maintenance_id: string;
  start_time: string;
  finish_time: string;
  description: string;
  contact: string;
  maintenance_picture_url: string[];
  feedback: string;
  state: string;
  created_time: string;
}

/** The vendor's texts for the states, in the order of a repair. */
export const STATES = [...VENDOR_STATES.keys()].map(String);

type Given = Pick<Ticket, 'start_time' | 'finish_time' | 'description' | 'contact'>;
export type NewTicket = Given & { residence_id: string; filename?: string[] };

/** The residences and their tickets, in memory. */
export class Store {
  readonly residences: Map<string, Ticket[]>;

  constructor(residences: Map<string, Ticket[]>) {
    this.residences = residences;
  }

  list(residenceId: string): Ticket[] {
    const tickets = this.residences.get(residenceId);
    if (!tickets) throw new CommandRefused('There is no such residence.', 200);
    return tickets;
  }

  info(residenceId: string, maintenanceId: string): Omit<Ticket, 'maintenance_id'> {
    const ticket = this.list(residenceId).find(({ maintenance_id }) => maintenance_id === maintenanceId);
    if (!ticket) throw new CommandRefused('There is no such maintenance.', 200);
    const { maintenance_id: _, ...info } = ticket;
    return info;
  }

  create({ residence_id, filename = [], ...given }: NewTicket): string {
    const maintenance_id = `m${randomBytes(16).toString('hex')}`;
    this.list(residence_id).push({
      maintenance_id,
      ...given,
      maintenance_picture_url: filename.map((name) => `https://pictures.example/${name}`),
      feedback: '',
      state: String(STATES[0]),
      created_time: new Date().toISOString().slice(0, 19).replace('T', ' '),
    });
    return maintenance_id;
  }

  /** Also succeeds for tickets that do not exist, because the vendor's answer is unknown. */
  delete(residenceId: string, tickets: readonly Pick<Ticket, 'maintenance_id'>[]): void {
    const ids = new Set(tickets.map(({ maintenance_id }) => maintenance_id));
    const left = this.list(residenceId).filter(({ maintenance_id }) => !ids.has(maintenance_id));
    this.residences.set(residenceId, left);
  }
}

/** The parameters of all commands. */
export type Param = NewTicket & { maintenance_id: string; maintenances: readonly Pick<Ticket, 'maintenance_id'>[] };

/** Runs a command whose parameters are checked, and returns its result. */
export const RUNS: Readonly<Record<keyof typeof COMMANDS, (store: Store, param: Param) => unknown>> = {
  getMaintenanceList: (store, { residence_id }) => store.list(residence_id),
  getMaintenanceInfo: (store, { residence_id, maintenance_id }) => store.info(residence_id, maintenance_id),
  createMaintenanceInfo: (store, param) => ({ maintenance_id: store.create(param) }),
  deleteMaintenanceInfo: (store, { residence_id, ...ticket }) => store.delete(residence_id, [ticket]),
  batchDeleteMaintenanceInfo: (store, { residence_id, maintenances }) => store.delete(residence_id, maintenances),
};
