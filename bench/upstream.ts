/**
 * The command API of the benchmarks. Answers with minimal work, so that the benchmark does not measure the core of the load.
 * `GET /commands` returns the number of received commands. Listens on PORT.
 */
import http from 'node:http';
import { STATES } from '../dev/store.ts';

const lists = new Map<number, Buffer>();
let commands = 0;

function ticket(index: number): Record<string, unknown> {
  return {
    start_time: '2024-01-16 13:32:45',
    finish_time: '2024-01-17 13:32:45',
    description: `Ticket ${index}: 厨房水龙头漏水, the tap in the kitchen drips.`,
    contact: '10086',
    maintenance_picture_url: [`https://test.akubela.com/p/${index}`],
    feedback: index % 2 ? 'Somebody will come tomorrow morning.' : '',
    state: STATES[index % STATES.length],
    created_time: '2024-01-12 13:32:45',
  };
}

function envelope(result: unknown): Buffer {
  return Buffer.from(JSON.stringify({ success: true, timestamp: 1540869200562, result }));
}

function listOf(length: number): Buffer {
  const known = lists.get(length);
  if (known) return known;
  const tickets = Array.from({ length }, (_, index) => ({ maintenance_id: `m${index}`, ...ticket(index) }));
  const body = envelope(tickets);
  lists.set(length, body);
  return body;
}

/** The details that the operations ask for. */
const infos = Array.from({ length: 10 }, (_, index) => envelope(ticket(index)));
const created = envelope({ maintenance_id: 'm0' });

function answer(body: string): { latencyMs: number; reply: Buffer } {
  const { command, param } = JSON.parse(body);
  const [, tickets, latency] = /^r(\d+)x(\d+)-/.exec(param.residence_id) ?? [];
  const latencyMs = Number(latency);
  if (command === 'get_maintenance_list') return { latencyMs, reply: listOf(Number(tickets)) };
  if (command === 'create_maintenance_info') return { latencyMs, reply: created };
  return { latencyMs, reply: infos[Number(param.maintenance_id.slice(1))] as Buffer };
}

const server = http.createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
  if (request.method === 'GET') return response.end(String(commands));
  // A contender that loses the caller's token does less than the others.
  if (!request.headers.authorization?.startsWith('Bearer ')) return response.writeHead(401).end();
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    commands++;
    const { latencyMs, reply } = answer(Buffer.concat(chunks).toString());
    const send = () => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': reply.length });
      response.end(reply);
    };
    if (latencyMs > 0) setTimeout(send, latencyMs);
    else send();
  });
});
// Room for contenders that open a connection for each command.
server.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 4096 });
