/**
 * Apollo Router before this subgraph, as supergraph/ configures it, or with Apollo Connectors in its place. Beside them is a
 * neighbor whose visits refer to repair requests.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { startRouter } from '../dev/supergraph/routers.ts';
import { type Form, readConnectors } from './connectors.ts';
import { type Contender, HEADERS, pinServer } from './contender.ts';

/** The schema of the neighbor. */
export const VISITS = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query { visits(ids: [ID!]!): [Visit!]! }
  type Visit { maintenance: Maintenance }
  type Maintenance @key(fields: "id", resolvable: false) { id: ID! }`;

/** Starts a router before a subgraph that runs. */
export function startRouted(subgraph: Contender): Promise<Contender> {
  const sdl = readFileSync(new URL('../schema/maintenance.graphql', import.meta.url), 'utf8');
  return startBefore({ subgraphs: [{ name: 'maintenance', url: subgraph.url, sdl }] }, subgraph);
}

/** Starts a router that sends the commands itself. */
export async function startConnectors(form: Form, commandApiUrl: string): Promise<Contender> {
  return startBefore(await readConnectors(form, commandApiUrl));
}

async function startBefore(
  options: Awaited<ReturnType<typeof readConnectors>>,
  subgraph?: Contender,
): Promise<Contender> {
  const neighbor = http.createServer({ keepAliveTimeout: 120_000 }, answerVisits).listen(0, '127.0.0.1');
  await once(neighbor, 'listening');
  // Where the router does not start, nothing stops it.
  neighbor.unref();
  const { port } = neighbor.address() as AddressInfo;
  const subgraphs = [...options.subgraphs, { name: 'visits', url: `http://127.0.0.1:${port}`, sdl: VISITS }];
  const secret = HEADERS['router-authorization'];
  const router = await startRouter('apollo', { ...options, subgraphs, secret, host: '127.0.0.1', port: 0 });
  pinServer(router.pid);
  return {
    url: `${router.url}/graphql`,
    pids: [router.pid, ...(subgraph?.pids ?? [])],
    async stop() {
      await router.stop();
      await subgraph?.stop();
      neighbor.close();
    },
  };
}

/** Answers the query `visits` in the process of the load, so that it is not measured. */
async function answerVisits(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const { variables } = JSON.parse(Buffer.concat(await request.toArray()).toString());
  const visits = variables.ids.map((id: string) => ({ maintenance: { __typename: 'Maintenance', id } }));
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ data: { visits } }));
}
