/**
 * Apollo Router as it ships, with supergraph/router.yaml, between a caller and a running container: what a gateway made of
 * JavaScript cannot show. For Docker alone; the Router's image is Apollo's, under the Elastic License 2.0.
 */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { composeServices } from '@apollo/composition';
import { EXAMPLE } from '../seed.ts';
import { toServices } from '../supergraph/gateway.ts';
import { RESIDENCES, RESIDENCES_SDL, startNeighbour } from '../supergraph/neighbour.ts';
import { fetchOnceUp } from './fetch-once-up.ts';

const ROUTER = 'http://127.0.0.1:4000';
const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const docker = (...args: string[]) => promisify(execFile)('docker', args);
const { name, address } = RESIDENCES.find(({ id }) => id === EXAMPLE.residenceId) ?? {};

/** What `examples/supergraph/where.graphql` has to be answered: a part is ours, and a part is the neighbour's. */
export const EXPECTED = {
  data: { maintenance: { description: 'test', startTime: '2024-01-16T13:32:45Z', residence: { name, address } } },
};

/** Asks through the Router of an image, such as ghcr.io/apollographql/router:v2.13.0, and resolves to its answer. */
export async function askThroughRouter(image: string, subgraphUrl: string, secret: string, signal: AbortSignal) {
  const folder = mkdtempSync(join(tmpdir(), 'router-'));
  // The Router has a user of its own.
  chmodSync(folder, 0o755);
  const neighbour = await startNeighbour({ host: '127.0.0.1', port: 0 });
  let container: string | undefined;
  try {
    const { supergraphSdl, errors } = composeServices(
      toServices([
        { name: 'maintenance', url: `${subgraphUrl}/graphql`, sdl: read('schema/maintenance.graphql') },
        { name: 'residences', url: `${neighbour.url}/graphql`, sdl: RESIDENCES_SDL },
      ]),
    );
    if (errors) throw new AggregateError(errors, String(errors));
    writeFileSync(join(folder, 'supergraph.graphql'), supergraphSdl);
    const files = { [folder]: '/supergraph', [fileURLToPath(new URL('../../supergraph', import.meta.url))]: '/config' };
    const environment = [`ROUTER_SECRET=${secret}`, 'APOLLO_TELEMETRY_DISABLED=1'];
    const started = await docker(
      ...['run', '--detach', '--network=host'],
      ...environment.flatMap((one) => ['--env', one]),
      ...Object.entries(files).flatMap(([from, to]) => ['--volume', `${from}:${to}:ro`]),
      ...[image, '--config', '/config/router.yaml', '--supergraph', '/supergraph/supergraph.graphql'],
    );
    container = started.stdout.trim();
    const response = await fetchOnceUp(ROUTER, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${EXAMPLE.token}` },
      body: JSON.stringify({ query: read('examples/supergraph/where.graphql') }),
      signal,
    });
    if (response) return await response.json();
    const { stdout, stderr } = await docker('logs', container);
    throw new Error(`The Router does not answer. It said:\n${stdout}${stderr}`);
  } finally {
    if (container) await docker('rm', '--force', '--volumes', container);
    await neighbour.stop();
    rmSync(folder, { recursive: true });
  }
}
