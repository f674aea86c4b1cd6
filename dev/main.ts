/**
 * `npm run dev`: the emulated command API and the subgraph in one process, with Sandbox in the browser.
 */
import { explainStartFailure, shutDown } from '../src/http/lifecycle.ts';
import { stopSignal } from '../src/signals.ts';
import { GRAPHIQL, readExamples, serveBrowsers } from './browser.ts';
import { readOptions } from './options.ts';
import { describeAsking, LIST_EXAMPLE, localize, MORE_RESIDENCES, startSubgraph, TOKEN } from './subgraph.ts';

readOptions('There are no options. docs/configuration.md has the environment variables, such as PORT.', {});
try {
  const examples = readExamples('.', 'emulator');
  const subgraph = await startSubgraph({ ROUTER_SECRET: '' }, ({ TOKEN_HEADER }) =>
    serveBrowsers({ examples, headers: { [TOKEN_HEADER]: TOKEN } }),
  );
  void stopSignal.then((signal) => shutDown(signal, subgraph.stop, subgraph.logger));
  const url = localize(`${subgraph.url}/graphql`);
  console.log(`
  Subgraph and Sandbox   ${url}
  Without internet       ${localize(subgraph.url + GRAPHIQL)}
  Command API emulator   ${subgraph.commandApiUrl}
${describeAsking(url, LIST_EXAMPLE, subgraph.config.TOKEN_HEADER)}
  More residences        ${MORE_RESIDENCES}
`);
} catch (error) {
  console.error(explainStartFailure(error) ?? error);
  process.exit(1);
}
