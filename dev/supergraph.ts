/**
 * `npm run supergraph`: the emulated command API, the subgraph, a neighbor that owns `Residence`, and a gateway before
 * both, in one process. `-- --router NAME` starts a real router in place of the gateway; `-- --subgraph NAME=URL` composes a
 * running subgraph of another team in. The gateway or router listens on PORT; the subgraph and the neighbor listen on the
 * next two ports.
 */
import { readFileSync } from 'node:fs';
import { explainStartFailure, stopOnSignal } from '../src/http/lifecycle.ts';
import { readExamples, serveBrowsers } from './browser.ts';
import { readOptions } from './options.ts';
import { EXAMPLE } from './seed.ts';
import { describeAsking, localize, startSubgraph } from './subgraph.ts';
import { CannotStart, GRAPHQL_PATHS, readSubgraph, startGateway } from './supergraph/gateway.ts';
import type { Running } from './supergraph/host.ts';
import { RESIDENCES_SDL, startNeighbour } from './supergraph/neighbour.ts';
import { ROUTERS, type RouterName, startRouter } from './supergraph/routers.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');

const PAGE = {
  paths: GRAPHQL_PATHS,
  examples: ['../examples/supergraph/', '../examples/'].flatMap((path) => readExamples(new URL(path, import.meta.url))),
  headers: { authorization: `Bearer ${EXAMPLE.token}` },
};
const PORT = Number(process.env.PORT || 4000);
// Asked for even here, so that a gateway which forgets it is found out before production does.
const ROUTER_SECRET = process.env.ROUTER_SECRET || 'secret-of-the-local-router';

try {
  const { router, others } = await readArguments();
  const subgraph = await startSubgraph({ PORT: portAfter(1), ROUTER_SECRET });
  const { HOST: host } = subgraph.config;
  const running: Pick<Running, 'stop'>[] = [subgraph];
  stopOnSignal(async () => {
    for (const one of running.toReversed()) await one.stop();
  }, subgraph.logger);
  // A terminal that closes must not leave a router running.
  process.once('SIGHUP', () => process.exit(1));
  const neighbour = await startNeighbour({ host, port: Number(portAfter(2)) });
  running.push(neighbour);
  const maintenance = {
    name: 'maintenance',
    url: `${subgraph.url}/graphql`,
    sdl: read('../schema/maintenance.graphql'),
    headers: { 'router-authorization': ROUTER_SECRET },
  };
  const residences = { name: 'residences', url: `${neighbour.url}/graphql`, sdl: RESIDENCES_SDL };
  const subgraphs = [maintenance, residences, ...others];
  const gateway = router
    ? await startRouter(router, { subgraphs, secret: ROUTER_SECRET, host, port: PORT, onEnd: exitWithRouter })
    : await startGateway(subgraphs, { host, port: PORT, extend: (app) => serveBrowsers(app, PAGE) });
  running.push(gateway);

  const url = localize(router ? `${gateway.url}/graphql` : gateway.url);
  const operation = read('../examples/supergraph/open-by-residence.graphql')
    .replace(/^#.*$/gm, '')
    .replace(/\s+/g, ' ')
    .trim();
  console.log(`
  ${(router ? ROUTERS[router].name : 'Supergraph, Sandbox').padEnd(22)} ${url}
  Subgraph maintenance   ${localize(maintenance.url)}, with Router-Authorization: ${ROUTER_SECRET}
  Subgraph residences    ${localize(residences.url)}${others.map(({ name, url }) => `\n  Subgraph ${name.padEnd(13)} ${url}`).join('')}
  Command API emulator   ${subgraph.commandApiUrl}
${describeAsking(url, operation)}
`);
} catch (error) {
  console.error(error instanceof CannotStart ? error.message : (explainStartFailure(error) ?? error));
  process.exit(1);
}

/** Reads the command line: a router, if any, and the subgraphs of other teams. */
async function readArguments() {
  const options = { router: { type: 'string' }, subgraph: { type: 'string', multiple: true } } as const;
  const { router, subgraph = [] } = readOptions(options);
  if (router !== undefined && !Object.hasOwn(ROUTERS, router))
    throw new CannotStart(`There is no router "${router}". Choose one of ${Object.keys(ROUTERS).join(', ')}.`);
  return { router: router as RouterName | undefined, others: await Promise.all(subgraph.map(readSubgraph)) };
}

function exitWithRouter(output: string): void {
  console.error(`The router ended by itself:\n${output}`);
  process.exit(1);
}

/** The gateway's port plus `count`; any free one where the gateway takes one. */
function portAfter(count: number): string {
  return String(PORT === 0 ? 0 : PORT + count);
}
