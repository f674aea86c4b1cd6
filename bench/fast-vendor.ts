/**
 * A command API with prepared replies, fast enough for 250 replies of 2 MB at once. The caller's token selects the reply:
 * `Bearer <reply>.<anything>`, or `Bearer <reply>+<milliseconds>.<anything>` for a reply after this time.
 */
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { listen } from '../dev/command-api.ts';
import { exampleTicket } from '../dev/maintenance/seed.ts';
import { STATES } from '../dev/maintenance/store.ts';

// Below both 2 MB and 2 MiB.
const LARGEST = 1_990_000;
/** The duration of slow replies in milliseconds, and the number of their equal parts. */
const [SLOW_MS, PARTS] = [2000, 20];
const TICKET = exampleTicket();
const WRITTEN = succeed('{"maintenance_id":"1"}');
/** A ticket of which each member has a wrong type. */
const FAULTY = Object.fromEntries(Object.keys(TICKET).map((member) => [member, 1]));
const TINY = fill(() => ({ maintenance_id: '1' }));
const SMALL = fill(() => TICKET, 1);
const ORDINARY = fill(ordinaryTicket, 6000);

/** A list, and its first ticket without an id as the reply to `get_maintenance_info`. */
const REPLIES = {
  small: SMALL,
  // A detail is the same as the entry of a list with its id.
  alike: fill((index) => ({ ...usualTicket(0), maintenance_id: `m${index}` }), 10),
  twenty: fill(usualTicket, 20),
  hundred: fill(ordinaryTicket, 100),
  ordinary: ORDINARY,
  gzip: { list: gzipSync(ORDINARY.list), info: gzipSync(ORDINARY.info) },
  tiny: TINY,
  faulty: fill((index) => ({ ...FAULTY, maintenance_id: `${index}` })),
  text: fill(() => ({ ...TICKET, maintenance_id: '0', description: 'x'.repeat(1_900_000) })),
  urls: fill(() => ({ ...TICKET, maintenance_id: '0', maintenance_picture_url: Array(450_000).fill('u') })),
  error: TINY,
  slow: TINY,
  'slow-small': SMALL,
};

export type ReplyName = keyof typeof REPLIES;

/**
 * Starts the server on a free port of localhost, with a certificate over TLS. `error` has status 500, also for writes.
 */
export async function startFastVendor(certificate?: { readonly key: string; readonly cert: string }) {
  const listener: RequestListener = (request, response) => {
    const [, selected, ms] = /^Bearer ([\w-]+)(?:\+(\d+))?\./.exec(request.headers.authorization ?? '') ?? [];
    if (selected === undefined) return response.writeHead(401).end();
    const name = selected as ReplyName;
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', async () => {
      const [, command = ''] = /"command":"(\w+)"/.exec(Buffer.concat(chunks).toString()) ?? [];
      const { list, info } =
        command.startsWith('get_') || name === 'error' ? REPLIES[name] : { list: WRITTEN, info: WRITTEN };
      const bytes = command === 'get_maintenance_info' ? info : list;
      if (ms !== undefined) await delay(Number(ms));
      const headers = { 'content-type': 'application/json', 'content-length': bytes.length };
      const coding = name === 'gzip' && bytes !== WRITTEN ? { 'content-encoding': 'gzip' } : {};
      response.writeHead(name === 'error' ? 500 : 200, { ...headers, ...coding });
      if (!name.startsWith('slow')) return response.end(bytes);
      const size = Math.ceil(bytes.length / PARTS);
      for (let part = 0; part < PARTS && !response.destroyed; part++) {
        response.write(bytes.subarray(part * size, (part + 1) * size));
        await delay(SLOW_MS / PARTS);
      }
      response.end();
    });
  };
  const server = certificate ? https.createServer(certificate, listener) : http.createServer(listener);
  // By name, as a vendor is: the processes look the name up.
  const { url, stop } = await listen(server, 0, 'localhost');
  return { url: certificate ? url.replace('http:', 'https:') : url, stop };
}

/** Returns a list of at most `count` tickets and just under 2 MB. */
function fill(make: (index: number) => object, count = Number.POSITIVE_INFINITY) {
  const tickets: string[] = [];
  for (let length = 0, index = 0; index < count; index++) {
    const ticket = JSON.stringify(make(index));
    length += ticket.length + 1;
    if (length > LARGEST) break;
    tickets.push(ticket);
  }
  return { list: succeed(`[${tickets}]`), info: succeed(JSON.stringify({ ...make(0), maintenance_id: undefined })) };
}

function succeed(result: string): Buffer {
  return Buffer.from(`{"success":true,"result":${result}}`);
}

function ordinaryTicket(index: number) {
  const [hour, minute] = [(index * 7) % 24, (index * 37) % 60].map((value) => `${value}`.padStart(2, '0'));
  return { ...TICKET, maintenance_id: `${index}`, start_time: `2024-01-16 ${hour}:${minute}:00` };
}

/** A ticket as tenants write it. */
function usualTicket(index: number) {
  return {
    ...TICKET,
    maintenance_id: `m${index}`,
    description: `Ticket ${index}: 厨房水龙头漏水, the tap in the kitchen drips.`,
    contact: '10086',
    maintenance_picture_url: [`https://test.akubela.com/p/${index}`],
    feedback: index % 2 ? 'Somebody will come tomorrow morning.' : '',
    state: STATES[index % STATES.length],
  };
}
