/** A gateway as a developer needs it: @apollo/gateway over a supergraph that is composed as it starts. */
import type { IncomingHttpHeaders } from 'node:http';
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import type { ApolloServerOptions, ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginUsageReportingDisabled } from '@apollo/server/plugin/disabled';
import { showCommands } from '../show-commands.ts';
import { composeSupergraph, type Service } from './compose.ts';
import { type Listening, type Running, serveApollo } from './host.ts';

export interface Subgraph extends Service {
  /** Headers of every fetch, such as a secret. Only a subgraph that has some gets headers of the caller too. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The header with the caller's token of the command API: `authorization` by default. */
  readonly tokenHeader?: string;
}

interface Context {
  /** Of the caller. */
  readonly headers: IncomingHttpHeaders;
  /** What the subgraphs report in their extensions, which a gateway drops. */
  readonly commands: unknown[];
}

// As the files in supergraph/ have it for a real router: the milliseconds of a fetch, and the caller's headers.
const TIMEOUT_MS = 12_000;
const PASSED_ON = ['traceparent', 'x-request-id', 'apollographql-client-name', 'apollographql-client-version'];

/** Composes and serves the supergraph. Throws as `composeSupergraph` does. */
export async function startGateway(
  subgraphs: readonly Subgraph[],
  { plugins = [], ...listening }: Listening & { readonly plugins?: readonly ApolloServerPlugin[] },
): Promise<Running> {
  // There is no option for it: without, it reports to Apollo and asks every cloud whether this is one of its machines.
  process.env.APOLLO_TELEMETRY_DISABLED = 'true';
  const gateway = new ApolloGateway({
    supergraphSdl: composeSupergraph(subgraphs).supergraphSdl,
    buildService: ({ name, url = '' }) => createSource(url, subgraphs.find((one) => one.name === name) ?? {}),
  });
  const shown = showCommands<Context>(({ commands }) => commands);
  const options: ApolloServerOptions<Context> = {
    gateway,
    introspection: true,
    includeStacktraceInErrorResponses: false,
    plugins: [shown, ApolloServerPluginUsageReportingDisabled(), ...plugins],
  };
  return serveApollo(options, async ({ headers }) => ({ headers, commands: [] }), listening);
}

function createSource(url: string, { headers: own, tokenHeader = 'authorization' }: Partial<Subgraph>) {
  const passedOn = own ? [tokenHeader, ...PASSED_ON] : [];
  return new RemoteGraphQLDataSource<Context>({
    url,
    // The gateway's own fetcher would use the proxy of the environment for localhost. After a timeout, only the fields of
    // this subgraph fail. If the gateway saw their status, it would replace our errors, such as OVERLOADED.
    async fetcher(address, init) {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const { body, headers, status } = await fetch(address, { ...(init as RequestInit), signal });
      const isOurs = own && headers.get('content-type')?.includes('json');
      return new Response(body, { headers, status: isOurs ? 200 : status });
    },
    willSendRequest({ request, context }) {
      const headers = request.http?.headers;
      for (const name of passedOn) if (context.headers[name]) headers?.set(name, String(context.headers[name]));
      for (const name in own) headers?.set(name, String(own[name]));
    },
    didReceiveResponse({ response, context }) {
      const { commands } = response.extensions ?? {};
      if (Array.isArray(commands)) context.commands.push(...commands);
      return response;
    },
  });
}
