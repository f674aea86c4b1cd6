/**
 * Renders the two pages for a browser: Apollo Sandbox and, as a fallback, GraphiQL. Each has a minimal content security policy.
 */
import { readFileSync } from 'node:fs';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';

// No hash of the content: Apollo documents only the major version of this script, and changes its content with fixes.
const SCRIPT = 'https://embeddable-sandbox.cdn.apollographql.com/v2/embeddable-sandbox.umd.production.min.js';
const FRAME_ORIGIN = 'https://sandbox.embed.apollographql.com';
// GraphiQL must be ready within three seconds, and takes up to one second itself.
const PATIENCE_MS = 2000;

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
  // Escaped, so that no value can close the script element.
  const json = JSON.stringify(settings).replaceAll('<', '\\u003c');
  return {
    html: TEMPLATE.replaceAll('{{nonce}}', nonce).replace('"{{settings}}"', () => json),
    policy: toPolicy({
      'default-src': "'none'",
      'script-src': `'nonce-${nonce}' ${SCRIPT}`,
      'style-src': `'nonce-${nonce}'`,
      'img-src': 'data:',
      'frame-src': `'self' ${FRAME_ORIGIN}`,
      // Sandbox's frame sends operations through this page.
      'connect-src': "'self'",
      'frame-ancestors': "'none'",
    }),
  };
}

export function renderGraphiqlPage({ examples, headers }: Page, nonce: string): Rendered {
  const toJson = (value: unknown) => JSON.stringify(value, null, 2);
  const tabs = examples.map(({ query, variables }) => ({ query, variables: toJson(variables) }));
  // A tab for each operation, so that one click runs it. GraphiQL also restores the tabs of earlier visits. The separate
  // options of the first operation put its tab in front.
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
      // GraphiQL's editor sets styles by script, and validates operations in workers from blobs.
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
