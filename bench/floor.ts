/**
 * The floor: Node's HTTP server without GraphQL, which knows an operation by its name. It sends one command for each
 * residence, by got's stream with a request of Node, because other ways to use got cost more.
 */
import http from 'node:http';
import https from 'node:https';
import got from 'got';
import { COMMANDS_URL, createVendor, type NewMaintenance, PORT } from './vendor.ts';

interface Variables {
  readonly residenceId: string;
  readonly id: string;
  readonly input: NewMaintenance;
  readonly representations: readonly { readonly id: string }[];
}

const { Agent, request: startRequest } = COMMANDS_URL.startsWith('https:') ? https : http;
const agent = new Agent({ keepAlive: true });
const posting = got.extend({ method: 'POST', decompress: false, followRedirect: false, throwHttpErrors: false });
const vendor = createVendor((command, authorization = '') => {
  const json = JSON.stringify(command);
  const length = Buffer.byteLength(json);
  const headers = { 'content-type': 'application/json', 'content-length': length, authorization };
  const request = () => startRequest(COMMANDS_URL, { method: 'POST', headers, agent });
  return readJson(posting.stream(COMMANDS_URL, { request }).end(json));
});

const operations: Readonly<Record<string, (variables: Variables, authorization?: string) => Promise<object>>> = {
  List: async ({ residenceId }, authorization) => ({ maintenances: await vendor.getList(residenceId, authorization) }),
  One: async ({ id }, authorization) => ({ maintenance: await vendor.getOne(id, authorization) }),
  Create: async ({ input }, authorization) => ({ createMaintenance: await vendor.create(input, authorization) }),
  Entities: async ({ representations }, authorization) => {
    const residenceIds = new Set(representations.map(({ id }) => id.slice(0, id.indexOf(':'))));
    const lists = await Promise.all(Array.from(residenceIds, (id) => vendor.getList(id, authorization)));
    const found = new Map(lists.flat().map((maintenance) => [maintenance.id, maintenance]));
    return { _entities: representations.map(({ id }) => found.get(id)) };
  },
};

/** Costs less than `json` of node:stream/consumers. */
function readJson<T>(stream: NodeJS.ReadableStream): Promise<T> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk) => chunks.push(chunk)).on('error', reject);
    stream.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
  });
}

const server = http.createServer(async (request, response) => {
  if (request.method !== 'POST') return response.writeHead(405).end();
  const { operationName, variables } = await readJson<{ operationName: string; variables: Variables }>(request);
  const data = await operations[operationName]?.(variables, request.headers.authorization);
  const answer = JSON.stringify({ data });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) });
  response.end(answer);
});
server.listen(PORT, '127.0.0.1');
