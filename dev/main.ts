/**
 * `npm run dev`: the emulated command API and the subgraph in one process, with Sandbox in the browser.
 */
import { explainStartFailure, shutDown } from '../src/http/lifecycle.ts';
import { stopSignal } from '../src/signals.ts';
import { readExamples, serveBrowsers } from './browser.ts';
import { readOptions } from './options.ts';
import { EXAMPLE } from './seed.ts';
import { describeAsking, LIST_EXAMPLE, localize, MORE_RESIDENCES, startSubgraph } from './subgraph.ts';

const PAGE = {
  paths: ['/graphql'],
  examples: readExamples('.', 'emulator'),
  headers: { authorization: `Bearer ${EXAMPLE.token}` },
};

readOptions({}, 'docs/configuration.md has the environment variables, such as PORT.');
try {
  const subgraph = await startSubgraph({ ROUTER_SECRET: '' }, (app) => serveBrowsers(app, PAGE));
  void stopSignal.then((signal) => shutDown(signal, subgraph.stop, subgraph.logger));
  const url = localize(`${subgraph.url}/graphql`);
  console.log(`
  Subgraph and Sandbox   ${url}
  Command API emulator   ${subgraph.commandApiUrl}
${describeAsking(url, LIST_EXAMPLE)}
  More residences        ${MORE_RESIDENCES}
`);
} catch (error) {
  console.error(explainStartFailure(error) ?? error);
  process.exit(1);
}
