/** The subgraph of `npm run dev`, which Node's watch mode starts for main.ts, with Sandbox in the browser. */
import { explainStartFailure, firstSignal, shutDown } from '../src/process.ts';
import { GRAPHIQL, readExamples } from './browser.ts';
import { describeAsking, LIST_EXAMPLE, localize, startSubgraph } from './subgraph.ts';

const watcher = process.ppid;
try {
  const subgraph = await startSubgraph({ ROUTER_SECRET: '' }, readExamples('.', 'emulator'));
  void shutDown(firstSignal(), subgraph.stop, subgraph.logger);
  const url = localize(`${subgraph.url}/graphql`);
  const description = `
  Subgraph and Sandbox   ${url}
  Without internet       ${localize(subgraph.url + GRAPHIQL)}
  Command API emulator   ${subgraph.config.COMMAND_API_URL}
${describeAsking(url, LIST_EXAMPLE, subgraph.config.TOKEN_HEADER)}`;
  // main.ts wrote one line, which the first start takes. The input ends with main.ts, even if that was killed.
  process.stdin.once('data', () => console.log(description)).once('end', () => process.kill(watcher));
} catch (error) {
  const failure = explainStartFailure(error);
  console.error(failure ?? error);
  // An explained failure needs another environment: no restart can help.
  if (failure) process.kill(watcher);
  process.exit(1);
}
