/**
 * A gateway of the MIT world: `@graphql-tools/federation`, which stitches the subgraphs of a supergraph.
 */
import { ApolloServer } from '@apollo/server';
import { getStitchedSchemaFromSupergraphSdl } from '@graphql-tools/federation';
import { composeServices } from '@theguild/federation-composition';
import { passOn, type Subgraph, toServices } from '../../dev/supergraph/gateway.ts';
import { type Listening, serveApollo } from '../../dev/supergraph/host.ts';

interface Context {
  /** Headers of the caller's, which every subgraph gets. */
  readonly passedOn?: Readonly<Record<string, string>>;
}

/** Composes and serves the supergraph, as `startGateway` of dev/ does. */
export async function startStitchingGateway(subgraphs: readonly Subgraph[], listening: Listening) {
  const { supergraphSdl, errors } = composeServices(toServices(subgraphs));
  if (!supergraphSdl) throw new Error(String(errors));
  const schema = getStitchedSchemaFromSupergraphSdl({
    supergraphSdl,
    // What is asked of a subgraph at the same time becomes one operation, its `_entities` aliased.
    batch: true,
    httpExecutorOpts: ({ name }) => {
      const subgraph = subgraphs.find((one) => one.name.toLowerCase() === name.toLowerCase());
      return {
        timeout: subgraph?.timeoutMs ?? 12_000,
        headers: (request) => ({ ...(request?.context as Context | undefined)?.passedOn, ...subgraph?.headers }),
      };
    },
  });
  const apollo = new ApolloServer<Context>({
    schema,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
  });
  return serveApollo(apollo, async ({ headers }) => ({ passedOn: passOn(headers) }), ['/graphql'], listening);
}
