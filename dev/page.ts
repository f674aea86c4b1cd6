/**
 * The two pages that a browser gets: Apollo Sandbox, and the GraphiQL that stands in for it. Each comes with the content
 * security policy that allows just what it needs.
 */
import { readFileSync } from 'node:fs';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import { type DefinitionNode, Kind, parse, separateOperations, TokenKind, valueFromASTUntyped } from 'graphql';

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
  /** The operations that are filled in, as one document. Each has a name; the first one is run first. */
  readonly document: string;
  /** The headers that are filled in. */
  readonly headers: Readonly<Record<string, string>>;
}

interface Rendered {
  readonly html: string;
  readonly policy: string;
}

interface Example {
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

export function renderSandboxPage({ document, headers }: Page, nonce: string): Rendered {
  const [first] = split(document);
  const settings = {
    script: SCRIPT,
    frameOrigin: FRAME_ORIGIN,
    patienceMs: PATIENCE_MS,
    options: {
      target: '#tool',
      initialState: {
        document,
        variables: first?.variables,
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

export function renderGraphiqlPage({ document, headers }: Page, nonce: string): Rendered {
  const toJson = (value: unknown) => JSON.stringify(value, null, 2);
  const examples = split(document).map(({ query, variables }) => ({ query, variables: toJson(variables) }));
  // A tab for each operation, so that one click runs it. What was typed here before stays in its tabs: the first
  // operation is asked for by itself, to be in front all the same.
  const options = {
    title: 'GraphiQL',
    ...examples[0],
    headers: toJson(headers),
    initialHeaders: toJson(headers),
    defaultTabs: examples.map((example) => ({ ...example, headers: toJson(headers) })),
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

/** Each operation by itself, with the comments above it and the values that its variables have where none is given. */
function split(document: string): Example[] {
  return Object.values(separateOperations(parse(document))).map(({ definitions }) => ({
    query: definitions.map((definition) => textOf(definition, document)).join('\n\n'),
    variables: Object.fromEntries(definitions.flatMap(defaultsOf)),
  }));
}

function textOf({ loc }: DefinitionNode, document: string): string {
  let first = loc?.startToken;
  while (first?.prev?.kind === TokenKind.COMMENT) first = first.prev;
  return document.slice(first?.start, loc?.end);
}

function defaultsOf(definition: DefinitionNode): [string, unknown][] {
  if (definition.kind !== Kind.OPERATION_DEFINITION) return [];
  return (definition.variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
    defaultValue ? [[variable.name.value, valueFromASTUntyped(defaultValue)]] : [],
  );
}
