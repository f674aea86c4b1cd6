/** The initial data of the emulated command API: the examples of the vendor's page, and a block of flats. */
import { createHash } from 'node:crypto';
import { STATES, type Ticket } from './store.ts';

/** The residence, ticket and token of the vendor's page. */
export const EXAMPLE = {
  token: 'ac45e846ca23ab42c9ae469d988ae32a9',
  residenceId: 'r31adc223cc4b3bedb6bd4742dedcfa52',
  maintenanceId: 'm31adc223cc4b3bedb6bd4742dedcfa52',
} as const;

const NAMES = ['1-101', '1-102', '1-201', '1-202', '2-101', '2-102', '2-201', '2-202', 'shared'];
const TICKETS = [3, 0, 5, 1, 4, 2, 8, 6, 200];
/** The flats of the block, each with its number of tickets. The last flat represents the shared rooms. */
export const FLATS = NAMES.map((name, at) => ({ id: idOf('r', `flat ${name}`), name, tickets: Number(TICKETS[at]) }));

/** For these residences, the emulator answers late, or writes or reads with 503. It executes all commands but writes of the last. */
export const ODD = { slow: 'rfault-slow', lost: 'rfault-lost', unread: 'rfault-unread', unwritten: 'rfault-unwritten' };

const FAULTS = [
  ['厨房水龙头漏水', 'The kitchen tap drips'],
  ['客厅灯不亮', 'The living room light stays dark'],
  ['空调不制冷', 'The air conditioner does not cool'],
  ['下水道堵塞', 'The drain is blocked'],
  ['门锁打不开', 'The door lock is stuck'],
  ['窗户关不严', 'A window does not close'],
  ['墙面渗水', 'Water seeps through the wall'],
  ['电梯有异响', 'The lift makes a strange noise'],
] as const;

/** Returns the tickets by residence id. The data is the same at every start. */
export function seed(): Map<string, Ticket[]> {
  const tickets = new Map<string, Ticket[]>();
  for (const id of [EXAMPLE.residenceId, ...Object.values(ODD)]) tickets.set(id, [exampleTicket()]);
  for (const { id, name, tickets: length } of FLATS) {
    const filed = Array.from({ length }, (_, index) => flatTicket(name, index));
    tickets.set(id, filed);
  }
  return tickets;
}

/** The ticket of the vendor's page. */
export function exampleTicket(): Ticket {
  return {
    maintenance_id: EXAMPLE.maintenanceId,
    start_time: '2024-01-16 13:32:45',
    finish_time: '2024-01-17 13:32:45',
    description: 'test',
    contact: '10086',
    maintenance_picture_url: ['https://test.akubela.com/p'],
    feedback: 'test',
    state: 'in progress',
    created_time: '2024-01-12 13:32:45',
  };
}

function flatTicket(flat: string, index: number): Ticket {
  const [chinese, english] = FAULTS[(index + flat.length * 3) % FAULTS.length] ?? FAULTS[0];
  const progress = index % STATES.length;
  const filed = Date.UTC(2026, 0, 5, 8, 15) + index * 31 * 3_600_000;
  return {
    maintenance_id: idOf('m', `ticket ${flat} ${index}`),
    start_time: toText(filed + 24 * 3_600_000),
    finish_time: toText(filed + 27 * 3_600_000),
    description: index % 3 === 0 ? chinese : index % 3 === 1 ? english : `${chinese} / ${english}`,
    contact: `${index % 2 === 0 ? '王女士' : 'Mr Chen'} 1380013${String(8000 + index)}`,
    maintenance_picture_url: index % 4 === 1 ? [`https://pictures.example/${flat}/${index}.jpg`] : [],
    feedback: progress >= 2 ? '已处理 / Done' : '',
    state: String(STATES[progress]),
    created_time: toText(filed),
  };
}

function idOf(letter: string, name: string): string {
  return letter + createHash('sha256').update(name).digest('hex').slice(0, 32);
}

const toText = (time: number) => new Date(time).toISOString().slice(0, 19).replace('T', ' ');
