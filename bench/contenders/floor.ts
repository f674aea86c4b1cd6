/**
 * The least that a service on got costs: node:http, `got.post` as got's README has it, and the four operations by name. It reads
 * each residence once. No GraphQL, no checks, no limits, no log.
 */
import http from 'node:http';
import got from 'got';
import { COMMAND, type Context, createVendor, PORT, type Send } from './vendor.ts';

// biome-ignore lint/suspicious/noExplicitAny: no checks
type Operation = (variables: any, context: Context) => Promise<unknown>;

const send: Send = async (json, authorization) =>
  JSON.parse((await got.post(COMMAND.url, { json, headers: { authorization } })).body);
const {
  resolvers: { Query, Mutation },
  createContext,
} = createVendor(send);

const operations: Readonly<Record<string, Operation>> = {
  List: async (variables, context) => ({ maintenances: await Query.maintenances(undefined, variables, context) }),
  One: async (variables, context) => ({ maintenance: await Query.maintenance(undefined, variables, context) }),
  Create: async (variables, context) => ({
    createMaintenance: await Mutation.createMaintenance(undefined, variables, context),
  }),
  async Entities({ representations }: { representations: { id: string }[] }, context) {
    const residenceIds = new Set(representations.map(({ id }) => id.slice(0, id.indexOf(':'))));
    const load = (residenceId: string) => Query.maintenances(undefined, { residenceId }, context);
    const lists = await Promise.all(Array.from(residenceIds, load));
    const known = new Map(lists.flat().map((maintenance) => [maintenance.id, maintenance]));
    return { _entities: representations.map(({ id }) => known.get(id) ?? null) };
  },
};

const server = http.createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const { operationName, variables } = JSON.parse(Buffer.concat(chunks).toString());
    const context = createContext(request.headers.authorization);
    const data = await operations[operationName]?.(variables, context).catch(() => null);
    if (data === null) return response.writeHead(502).end();
    const body = Buffer.from(JSON.stringify({ data }));
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length });
    response.end(body);
  });
});
server.listen(Number(PORT), '127.0.0.1');
