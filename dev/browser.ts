/**
 * The pages of a developer's GraphQL server: Apollo Sandbox, and GraphiQL, which needs no internet. CORS headers let the
 * hosted Sandbox send operations.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import cors from '@fastify/cors';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import type { FastifyInstance } from 'fastify';
import { EXAMPLE } from './maintenance/seed.ts';

// Hosted Sandbox, and all servers on the same machine.
const ORIGINS = /^(https:\/\/studio\.apollographql\.com|https?:\/\/(localhost|127\.0\.0\.1)(:\d+)?)$/;
/** The path of GraphiQL. */
export const GRAPHIQL = '/graphiql';

/** An operation with a name. */
export interface Example {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * Returns the plugin of Apollo Server, and the function that adds routes, for a server that answers GraphQL at /graphql and takes
 * the caller's token in this header.
 */
export function serveBrowsers(examples: readonly Example[], tokenHeader: string) {
  const headers = { [tokenHeader]: `Bearer ${EXAMPLE.token}` };
  const graphiql = renderGraphiqlPage(examples, headers);
  const sandbox = ApolloServerPluginLandingPageLocalDefault({
    document: examples.map(({ query }) => query).join('\n'),
    // Sandbox has one Variables pane for all operations.
    variables: Object.assign({}, ...examples.map(({ variables }) => variables)),
    headers,
    includeCookies: false,
    embed: { runTelemetry: false, initialState: { pollForSchemaUpdates: false } },
  });
  return {
    plugins: [sandbox],
    extend(app: FastifyInstance): void {
      app.register(cors, { methods: ['GET', 'POST'], origin: ORIGINS });
      app.get(GRAPHIQL, (_, reply) => reply.type('text/html; charset=utf-8').send(graphiql));
      app.addHook('onSend', async (_, reply, body) =>
        String(reply.getHeader('content-type')).startsWith('text/html') ? addLink(String(body)) : body,
      );
    },
  };
}

/** Adds a link to GraphiQL to what Apollo's page says where Sandbox does not load. An empty element would cover the link. */
const addLink = (html: string) =>
  html.replace(
    /<\/style>(.*might be offline\.)/s,
    `#embeddableSandbox:empty { display: none; }</style>$1 <a href="${GRAPHIQL}">GraphiQL</a> needs no internet.`,
  );

function renderGraphiqlPage(examples: readonly Example[], sent: Record<string, string>): string {
  const toJson = (value: unknown) => JSON.stringify(value, null, 2);
  const headers = toJson(sent);
  // A tab for each operation, so that one click runs it. GraphiQL also restores the tabs of earlier visits. The separate
  // options of the first operation put its tab in front.
  const tabs = examples.map(({ query, variables }) => ({ query, variables: toJson(variables), headers }));
  const options = { title: 'GraphiQL', endpoint: '/graphql', ...tabs[0], initialHeaders: headers };
  // On a first visit, focus moves each tab by hundreds of pixels, so that a click on it would miss it.
  const still = '<style>.graphiql-tab { transform: none !important; }</style></head>';
  return renderGraphiQL({ ...options, defaultTabs: tabs }).replace('</head>', still);
}

/** The operations of folders below examples/, each `NAME.graphql` with its variables from `NAME.json`: queries come first. */
export function readExamples(...folders: readonly string[]) {
  const files = folders.flatMap((folder) => globSync(`examples/${folder}/*.graphql`).sort());
  const examples = files.map((file) => {
    const values = file.replace('.graphql', '.json');
    const variables = existsSync(values) ? JSON.parse(readFileSync(values, 'utf8')) : {};
    return { name: basename(file), query: readFileSync(file, 'utf8'), variables };
  });
  const writes = ({ query }: Example) => Number(query.startsWith('mutation'));
  return examples.sort((one, other) => writes(one) - writes(other));
}
