/** Renders the two pages for a browser: Apollo Sandbox and, as a fallback, GraphiQL. */
import { readFileSync } from 'node:fs';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';

// Without this style, a pressed tab of GraphiQL moves away from the pointer, and the click is lost.
const STEADY_TABS = '.graphiql-tab { transform: none !important; }';

const TEMPLATE = readFileSync(new URL('page.html', import.meta.url), 'utf8');

export interface Page {
  /** The paths of the GraphQL endpoint. */
  readonly paths: readonly string[];
  /** The initial operations. Each has a name. */
  readonly examples: readonly Example[];
  /** The initial headers. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Example {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

export function renderSandboxPage({ examples, headers }: Page): string {
  const options = {
    target: '#tool',
    initialState: {
      document: examples.map(({ query }) => query).join('\n'),
      // Sandbox has one Variables pane for all operations.
      variables: Object.assign({}, ...examples.map(({ variables }) => variables)),
      headers,
      includeCookies: false,
      pollForSchemaUpdates: false,
    },
    runTelemetry: false,
    endpointIsEditable: false,
  };
  // Escaped, so that no value can close the script element.
  const json = JSON.stringify(options).replaceAll('<', '\\u003c');
  return TEMPLATE.replace('"{{options}}"', () => json);
}

export function renderGraphiqlPage({ examples, headers }: Page): string {
  const toJson = (value: unknown) => JSON.stringify(value, null, 2);
  const tabs = examples.map(({ query, variables }) => ({
    query,
    variables: toJson(variables),
    headers: toJson(headers),
  }));
  // A tab for each operation, so that one click runs it. GraphiQL also restores the tabs of earlier visits. The separate
  // options of the first operation put its tab in front.
  const options = { title: 'GraphiQL', ...tabs[0], initialHeaders: toJson(headers), defaultTabs: tabs };
  return renderGraphiQL(options).replace('</style>', `${STEADY_TABS}</style>`);
}
