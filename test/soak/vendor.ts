/**
 * A command API with prepared replies, fast enough for 250 replies of 2 MB at once. The caller's token selects the reply:
 * `Bearer <reply>.<anything>`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { serve } from '../../dev/command-api.ts';
import { exampleTicket } from '../../dev/seed.ts';
import type { Ticket } from '../../dev/store.ts';

interface Reply {
  /** Status of every reply, 200 by default. */
  readonly status?: number;
  readonly list: Buffer;
  /** The first ticket of the list without its id: the reply to `get_maintenance_info`. */
  readonly info: Buffer;
  /** Duration of each reply in milliseconds. The reply is sent in equal parts. */
  readonly lastsMs?: number;
}

// Below both 2 MB and 2 MiB.
const LARGEST = 1_990_000;
const PARTS = 20;
const WRITTEN = succeed('{"maintenance_id":"1"}');
const FAULTY = {
  ...{ start_time: 1, finish_time: 1, created_time: 1, state: 1 },
  ...{ description: 1, contact: 1, feedback: 1, maintenance_picture_url: 1 },
};
const TINY = fill(() => ({ maintenance_id: '1' }));
const SMALL = fill(exampleTicket, 1);
const REFUSAL = Buffer.from('{"success":false}');

export const REPLIES = {
  small: SMALL,
  hundred: fill(ordinaryTicket, 100),
  ordinary: fill(ordinaryTicket, 6000),
  tiny: TINY,
  faulty: fill((index) => ({ maintenance_id: `${index}`, ...FAULTY })),
  text: fill(() => ({ ...exampleTicket(), maintenance_id: '0', description: 'x'.repeat(1_900_000) })),
  urls: fill(() => ({ ...exampleTicket(), maintenance_id: '0', maintenance_picture_url: Array(450_000).fill('u') })),
  ids: fill((index) => ({ maintenance_id: idOf('ids', index) })),
  refusal: { list: REFUSAL, info: REFUSAL },
  error: { ...TINY, status: 500 },
  slow: { ...TINY, lastsMs: 2000 },
  'slow-small': { ...SMALL, lastsMs: 2000 },
} as const satisfies Record<string, Reply>;

export type ReplyName = keyof typeof REPLIES;

/** Returns the id of a ticket in a list. The ids of the reply `ids` are long, and triple in length when escaped. */
export function idOf(reply: string, index: number): string {
  return reply === 'ids' ? `${index}`.padStart(256, ':') : `${index}`;
}

/** Starts the server on a free port of the loopback interface. */
export function startVendor() {
  return serve((request, response) => {
    let command: string | undefined;
    request.on('error', () => {});
    request.once('data', (chunk: Buffer) => {
      [, command] = /"command":"(\w+)"/.exec(chunk.toString('latin1', 0, 100)) ?? [];
    });
    request.on('end', async () => {
      const name = /^Bearer ([\w-]+)\./.exec(request.headers.authorization ?? '')?.[1] as ReplyName;
      const { list, info, status = 200, lastsMs }: Reply = REPLIES[name];
      const isRead = command?.startsWith('get_') || status !== 200;
      const bytes = isRead ? (command === 'get_maintenance_info' ? info : list) : WRITTEN;
      response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length });
      for (let part = 0; lastsMs !== undefined && part < PARTS && !response.destroyed; part++) {
        const [start, end] = [part, part + 1].map((at) => Math.floor((at * bytes.length) / PARTS));
        response.write(bytes.subarray(start, end));
        await delay(lastsMs / PARTS);
      }
      response.end(lastsMs === undefined ? bytes : undefined);
    });
  });
}

/** Returns a list of at most `count` tickets and just under 2 MB. */
function fill(
  make: (index: number) => Partial<Record<keyof Ticket, unknown>>,
  count = Number.POSITIVE_INFINITY,
): Reply {
  const tickets: string[] = [];
  for (let length = 0, index = 0; index < count; index++) {
    const ticket = JSON.stringify(make(index));
    length += ticket.length + 1;
    if (length > LARGEST) break;
    tickets.push(ticket);
  }
  const { maintenance_id: _, ...info } = make(0);
  return { list: succeed(`[${tickets}]`), info: succeed(JSON.stringify(info)) };
}

function succeed(result: string): Buffer {
  return Buffer.from(`{"success":true,"result":${result}}`);
}

function ordinaryTicket(index: number): Ticket {
  const [hour, minute] = [index * 7, index * 37].map((value, at) => `${value % (at ? 60 : 24)}`.padStart(2, '0'));
  return { ...exampleTicket(), maintenance_id: `${index}`, start_time: `2024-01-16 ${hour}:${minute}:00` };
}
