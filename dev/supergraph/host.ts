/** An Apollo Server over HTTP, as far as a developer needs it. */
import { ApolloServer, type ApolloServerOptions, type BaseContext } from '@apollo/server';
import { type ApolloFastifyContextFunction, fastifyApolloHandler } from '@as-integrations/fastify';
import { type FastifyInstance, fastify } from 'fastify';

export interface Listening {
  readonly host: string;
  readonly port: number;
  /** Extends the host before it listens. */
  readonly extend?: (app: FastifyInstance) => void;
}

/** A running server. */
export interface Running {
  /** Scheme, host and port. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts an Apollo Server and serves GraphQL at / and /graphql. Rejects where it cannot listen, with Node's own error. */
export async function serveApollo<T extends BaseContext>(
  options: ApolloServerOptions<T>,
  context: ApolloFastifyContextFunction<T>,
  { host, port, extend }: Listening,
): Promise<Running> {
  const apollo = new ApolloServer<T>({ ...options, stopOnTerminationSignals: false });
  await apollo.start();
  const app = fastify();
  for (const url of ['/', '/graphql'])
    app.route({ method: ['GET', 'POST'], url, handler: fastifyApolloHandler(apollo, { context }) });
  extend?.(app);
  return {
    url: await app.listen({ host, port }),
    async stop() {
      await app.close();
      await apollo.stop();
    },
  };
}
