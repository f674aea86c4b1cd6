/** `npm run dev`: the emulated command API and the subgraph in one process, with Sandbox in the browser. */
import { explainStartFailure, firstSignal, shutDown } from '../src/process.ts';
import { GRAPHIQL, readExamples } from './browser.ts';
import { readOptions } from './options.ts';
import { describeAsking, LIST_EXAMPLE, localize, startSubgraph } from './subgraph.ts';

readOptions('There are no options. docs/configuration.md has the environment variables, such as PORT.', {});
try {
  const subgraph = await startSubgraph({ ROUTER_SECRET: '' }, readExamples('.', 'emulator'));
  void shutDown(firstSignal(), subgraph.stop, subgraph.logger);
  const url = localize(`${subgraph.url}/graphql`);
  console.log(`
  Subgraph and Sandbox   ${url}
  Without internet       ${localize(subgraph.url + GRAPHIQL)}
  Command API emulator   ${subgraph.commandApiUrl}
${describeAsking(url, LIST_EXAMPLE, subgraph.config.TOKEN_HEADER)}`);
} catch (error) {
  console.error(explainStartFailure(error) ?? error);
  process.exit(1);
}
