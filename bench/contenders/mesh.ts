/**
 * GraphQL Mesh: no resolver is written, its JSON Schema handler makes a subgraph of a description of the command API
 * (mesh/mesh.config.ts), and Hive Gateway's runtime serves that. A kept connection is what its page "Connection Pooling"
 * advises.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, createServer } from 'node:http';
import { createGatewayRuntime, type GatewayPlugin } from '@graphql-hive/gateway-runtime';

const agent = new Agent({ keepAlive: true });

/** A getter, so that each command of a request has a different id. */
const command = {
  get id() {
    return `c${randomBytes(16).toString('hex')}`;
  },
};
const commandIds: GatewayPlugin = { onContextBuilding: ({ extendContext }) => extendContext({ command }) };

const gateway = createGatewayRuntime({
  subgraph: readFileSync(new URL('mesh/subgraph.graphql', import.meta.url), 'utf8'),
  customAgent: () => agent,
  plugins: () => [commandIds],
  graphiql: false,
  landingPage: false,
  logging: false,
});

const server = createServer(gateway).listen(Number(process.env.PORT), '127.0.0.1');

// The runtime listens to the signal too, so that Node no longer ends the process at it.
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
