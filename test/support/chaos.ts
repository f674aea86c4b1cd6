import { startChaosProxy } from './chaos-proxy.ts';
import { startSubgraph } from './subgraph.ts';
import { startUpstream } from './upstream.ts';

/** Starts a subgraph that reaches its command API only through a chaos proxy. */
export async function startThroughChaos(env: NodeJS.ProcessEnv = {}) {
  const upstream = await startUpstream();
  const proxy = await startChaosProxy(upstream.url);
  const subgraph = await startSubgraph({ COMMAND_API_URL: proxy.url, ...env });
  const stop = async () => {
    await subgraph.stop();
    proxy.stop();
    await upstream.stop();
  };
  return { ...subgraph, upstream, proxy, stop };
}

export type ThroughChaos = Awaited<ReturnType<typeof startThroughChaos>>;
