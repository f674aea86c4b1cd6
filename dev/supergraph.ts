/**
 * `npm run supergraph`: the emulated command API, the subgraph, a neighbor that owns `Residence`, and a gateway before
 * both, in one process. The gateway or router listens on PORT, the subgraph and the neighbor on the next two ports.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { explainStartFailure, firstSignal, shutDown } from '../src/process.ts';
import { readExamples, serveBrowsers } from './browser.ts';
import { startCommandApi } from './maintenance/emulation.ts';
import { readOptions } from './options.ts';
import { describeAsking, LIST_EXAMPLE, localize, startSubgraph } from './subgraph.ts';
import { composeSupergraph } from './supergraph/compose.ts';
import { startGateway } from './supergraph/gateway.ts';
import type { Running } from './supergraph/host.ts';
import { RESIDENCES_SDL, startNeighbour } from './supergraph/neighbour.ts';
import { CannotStart, readSubgraph } from './supergraph/read-subgraph.ts';
import { ROUTERS, type RouterName, startRouter } from './supergraph/routers.ts';

const PORT = Number(process.env.PORT || 4000);
// Any free port if the gateway takes one.
const portAfter = (count: number) => String(PORT && PORT + count);
// Asked for even here, so that a gateway which forgets it is found out before production does.
const ROUTER_SECRET = process.env.ROUTER_SECRET || 'secret-of-the-local-router';
const SDL = readFileSync('schema/maintenance.graphql', 'utf8');

try {
  const { router, write, others } = await readArguments();
  const hasOwnResidences = others.some(({ name }) => name === 'residences');
  if (write !== undefined) {
    const at = (after: number) => `http://localhost:${portAfter(after)}/graphql`;
    if (!hasOwnResidences) others.unshift({ name: 'residences', url: at(2), sdl: RESIDENCES_SDL });
    others.unshift({ name: 'maintenance', url: at(1), sdl: SDL });
    writeFileSync(write, composeSupergraph(others).supergraphSdl);
    console.log(`Composed: ${others.map(({ name, url }) => `${name} at ${url}`).join(', ')}`);
    process.exit();
  }
  const commandApi = await startCommandApi();
  const subgraph = await startSubgraph({ COMMAND_API_URL: commandApi.url, PORT: portAfter(1), ROUTER_SECRET });
  const { HOST: host, TOKEN_HEADER: tokenHeader, routerSecrets } = subgraph.config;
  const [secret = ''] = routerSecrets;
  const running: Pick<Running, 'stop'>[] = [commandApi, subgraph];
  const stop = async () => {
    for (const one of running.toReversed()) await one.stop();
  };
  void shutDown(firstSignal(), stop, subgraph.logger);
  // A terminal that closes must not leave a router running.
  process.once('SIGHUP', () => process.exit(1));
  if (!hasOwnResidences) {
    const neighbour = await startNeighbour({ host, port: Number(portAfter(2)) });
    running.push(neighbour);
    others.unshift({ name: 'residences', url: `${neighbour.url}/graphql`, sdl: RESIDENCES_SDL });
  }
  const shown = others.map(({ name, url }) => `  Subgraph ${name.padEnd(13)} ${url}`);
  const url = `${subgraph.url}/graphql`;
  const headers = { 'router-authorization': secret };
  const subgraphs = [{ name: 'maintenance', url, sdl: SDL, headers, tokenHeader }, ...others];
  // The examples of the supergraph ask for fields of our neighbor.
  const examples = readExamples(...(hasOwnResidences ? [] : ['supergraph']), '.', 'emulator');
  const gateway = router
    ? await startRouter(router, { subgraphs, secret, host, port: PORT, onEnd: fail })
    : await startGateway(subgraphs, { host, port: PORT, ...serveBrowsers(examples, tokenHeader) });
  running.push(gateway);

  const endpoint = localize(router ? `${gateway.url}/graphql` : gateway.url);
  const operation = hasOwnResidences ? LIST_EXAMPLE : String(examples[0]?.query).replace(/(\s|#.*)+/g, ' ');
  console.log(`
  ${(router ? ROUTERS[router].name : 'Supergraph, Sandbox').padEnd(22)} ${endpoint}
  Subgraph maintenance   ${localize(url)}, with Router-Authorization: ${secret}
${shown.join('\n')}
  Command API emulator   ${commandApi.url}
${describeAsking(endpoint, operation.trim(), tokenHeader)}`);
} catch (error) {
  fail(error);
}

/** Reads the command line: a router, if any, and the subgraphs of other teams. */
async function readArguments() {
  const names = Object.keys(ROUTERS).join(', ');
  const { router, subgraph, write } = readOptions(
    `Options:
  --router NAME          a real router: ${names}
  --subgraph NAME=URL    a running subgraph, residences=URL in place of ours; repeatable
  --write FILE           only composes, and writes the supergraph
docs/federation.md has the environment variables, such as PORT.`,
    { router: { type: 'string' }, write: { type: 'string' }, subgraph: { type: 'string', multiple: true } },
  );
  if (router !== undefined && !Object.hasOwn(ROUTERS, router))
    throw new CannotStart(`There is no router "${router}". Choose one of ${names}.`);
  const wrong = subgraph?.find((one) => !/=https?:\/\//.test(one));
  if (wrong) throw new CannotStart(`--subgraph must be NAME=URL, not "${wrong}".`);
  const others = await Promise.all((subgraph ?? []).map(readSubgraph));
  return { router: router as RouterName | undefined, write, others };
}

function fail(error: unknown): never {
  console.error(error instanceof CannotStart ? error.message : (explainStartFailure(error) ?? error));
  process.exit(1);
}
