import { type ChaosProxy, startChaosProxy } from './chaos-proxy.ts';
import { type Subgraph, startSubgraph } from './subgraph.ts';
import { startUpstream, type Upstream } from './upstream.ts';

/** A subgraph that reaches its command API through a chaos proxy only. */
export async function startThroughChaos(env: NodeJS.ProcessEnv = {}) {
  const upstream: Upstream = await startUpstream();
  const proxy: ChaosProxy = await startChaosProxy(upstream.url);
  const { ask, logs, logText, stop }: Subgraph = await startSubgraph({ COMMAND_API_URL: proxy.url, ...env });
  return {
    ask,
    logs,
    logText,
    upstream,
    proxy,
    async stop() {
      await stop();
      proxy.stop();
      await upstream.stop();
    },
  };
}

export type ThroughChaos = Awaited<ReturnType<typeof startThroughChaos>>;
