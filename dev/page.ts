/**
 * The two pages that a browser gets: Apollo Sandbox, and the GraphiQL that stands in for it. Each comes with the content
 * security policy that allows just what it needs.
 */
import { readFileSync } from 'node:fs';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';

// Apollo documents a major version of this script, and keeps putting repairs into it: hence no hash of its content.
const SCRIPT = 'https://embeddable-sandbox.cdn.apollographql.com/v2/embeddable-sandbox.umd.production.min.js';
const FRAME_ORIGIN = 'https://sandbox.embed.apollographql.com';
// GraphiQL is to stand there within three seconds, and it takes a moment itself.
const PATIENCE_MS = 2000;

// Without it, the tab of GraphiQL that is pressed jumps aside from under the pointer, and the click is lost.
const STEADY_TABS = '.graphiql-tab { transform: none !important; }';

const TEMPLATE = readFileSync(new URL('page.html', import.meta.url), 'utf8');

export interface Page {
  /** The paths that the server answers GraphQL at. */
  readonly paths: readonly string[];
  /** The operations that are filled in. Each has a name. */
  readonly examples: readonly Example[];
  /** The headers that are filled in. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Example {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

interface Rendered {
  readonly html: string;
  readonly policy: string;
}

export function renderSandboxPage({ examples, headers }: Page, nonce: string): Rendered {
  const settings = {
    script: SCRIPT,
    frameOrigin: FRAME_ORIGIN,
    patienceMs: PATIENCE_MS,
    options: {
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
      // The policy allows no style that a script sets.
      allowDynamicStyles: false,
    },
  };
  // Nothing that is filled in may end the element that it stands in.
  const json = JSON.stringify(settings).replaceAll('<', '\\u003c');
  return {
    html: TEMPLATE.replaceAll('{{nonce}}', nonce).replace('"{{settings}}"', () => json),
    policy: toPolicy({
      'default-src': "'none'",
      'script-src': `'nonce-${nonce}' ${SCRIPT}`,
      'style-src': `'nonce-${nonce}'`,
      'img-src': 'data:',
      'frame-src': `'self' ${FRAME_ORIGIN}`,
      // Sandbox's frame lets this page ask for it.
      'connect-src': "'self'",
      'frame-ancestors': "'none'",
    }),
  };
}

export function renderGraphiqlPage({ examples, headers }: Page, nonce: string): Rendered {
  const toJson = (value: unknown) => JSON.stringify(value, null, 2);
  const tabs = examples.map(({ query, variables }) => ({ query, variables: toJson(variables) }));
  // A tab for each operation, so that one click runs it. What was typed here before stays in its tabs: the first
  // operation is asked for by itself, to be in front all the same.
  const options = {
    title: 'GraphiQL',
    ...tabs[0],
    headers: toJson(headers),
    initialHeaders: toJson(headers),
    defaultTabs: tabs.map((tab) => ({ ...tab, headers: toJson(headers) })),
  };
  return {
    html: renderGraphiQL(options)
      .replace('</style>', `${STEADY_TABS}</style>`)
      .replace('<script>', `<script nonce="${nonce}">`),
    policy: toPolicy({
      'default-src': "'none'",
      'script-src': `'nonce-${nonce}'`,
      // Its editor sets styles by script, and checks what is typed in workers that it makes of text.
      'style-src': "'unsafe-inline'",
      'worker-src': 'blob:',
      'font-src': 'data:',
      'img-src': 'data:',
      'connect-src': "'self'",
      'frame-ancestors': "'self'",
    }),
  };
}

function toPolicy(directives: Readonly<Record<string, string>>): string {
  const all = { ...directives, 'base-uri': "'none'", 'form-action': "'none'" };
  return Object.entries(all)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');
}
