/**
 * The page for browsers: `npm run dev` serves it, and the server that ships does not. The tests in a real browser run offline,
 * with stubs of Apollo's hosts, side by side, each in a new browser profile.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { readExamples } from '../../dev/browser.ts';
import { EXAMPLE } from '../../dev/seed.ts';
import { ROUTER_SECRET } from '../support/ask.ts';
import { startBrowser } from '../support/browser.ts';
import { killAll, run } from '../support/process.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const SCRIPT = 'https://embeddable-sandbox.cdn.apollographql.com/v2/embeddable-sandbox.umd.production.min.js';
const FRAME = 'https://sandbox.embed.apollographql.com';
const EXAMPLES = readExamples('.', 'emulator');
const ONE = EXAMPLES.find(({ name }) => name === 'one.graphql');
const LIST = readFileSync('examples/list.graphql', 'utf8');
const VARIABLES = { residenceId: EXAMPLE.residenceId };
const HEADERS = { authorization: `Bearer ${EXAMPLE.token}` };
// The example ticket in the result pane.
const TICKET = ['"state": "IN_PROGRESS"', '"description": "test"'];
// Each example begins with its operation: a run button would show a comment in front.
const OPERATIONS = EXAMPLES.map(({ query }) => /^(?:query|mutation) (\w+)/.exec(query)?.[1] ?? '');

// Replaces Apollo's script: opens a frame of Sandbox's origin, and keeps its options and the messages of the frame.
const STUB = `
  window.EmbeddedSandbox = class {
    constructor(options) {
      window.options = options;
      addEventListener('message', ({ data }) => { window.message = data.name; });
      const frame = document.createElement('iframe');
      frame.src = '${FRAME}/sandbox/explorer';
      frame.name = JSON.stringify(options);
      document.querySelector(options.target).append(frame);
    }
  };
`;
const ANSWER = `parent.postMessage({ name: 'ExplorerListeningForHandshake' }, '*')`;
// Stub of Sandbox's frame: shows its options.
const ANSWERING = `<title>Sandbox</title><body style="font: 14px sans-serif; background: #f4f6f8; margin: 24px">
  <h2>Stub of Apollo Sandbox, which loads from the internet: its options</h2><pre></pre>
  <script>
    const { initialEndpoint, initialState: { headers, variables, document: operations } } = JSON.parse(name);
    const lines = [initialEndpoint, JSON.stringify(headers, null, 2), JSON.stringify(variables, null, 2), operations];
    document.querySelector('pre').textContent = lines.join('\\n\\n');
    ${ANSWER}
  </script>`;
const SILENT = '<title>A page of a proxy</title>';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const STUDIO = 'https://studio.apollographql.com';
const QUERY = `query=${encodeURIComponent('{ __typename }')}`;
const OPERATION = JSON.stringify({ query: `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { contact } }` });
const DATA = { data: { maintenances: [{ contact: '10086' }] } };
const PREFLIGHT = {
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'authorization,content-type',
};

const subgraph = useSubgraph();
let url = '';
let supergraph = '';
let chromium: Awaited<ReturnType<typeof startBrowser>>;

beforeAll(async () => {
  const programs = [run('dev/main.ts', { PORT: '0' }), run('dev/supergraph.ts', { PORT: '0' })];
  chromium = await startBrowser();
  const printed = programs.map((program) => program.until(/Sandbox +(http:\/\/localhost:\S+)/));
  [url = '', supergraph = ''] = (await Promise.all(printed)).map(([, origin = '']) => origin);
});
afterAll(async () => {
  killAll();
  await chromium.stop();
});

async function newPage(): Promise<Page> {
  const page = await chromium.browser.newPage({ viewport: { width: 1280, height: 800 } });
  // Jest's time limit applies.
  page.setDefaultTimeout(0);
  return page;
}

/** Stops the page's only timer, its patience, which a busy machine would exceed. GraphiQL's frame keeps its timers. */
const stopTimer = (page: Page) =>
  page.addInitScript(() => {
    if (window === window.top) window.setTimeout = (() => 0) as unknown as typeof setTimeout;
  });

/** Serves stubs for the script and the frame. */
async function serveStubs(page: Page, script: string, frame: string) {
  await page.route(`${FRAME}/**`, (route) => route.fulfill({ contentType: 'text/html', body: frame }));
  await page.route(SCRIPT, (route) => route.fulfill({ contentType: 'text/javascript', body: script }));
}

const message = (page: Page) => page.getByRole('status');
const squeeze = (text: string | null) => (text ?? '').replace(/\s/g, '');

/** Returns the GraphiQL of a page, once its editor shows the first operation. */
async function findGraphiql(page: Page, first: string) {
  const frame = page.frameLocator('iframe[title=GraphiQL]');
  const query = frame.locator('.graphiql-query-editor .view-lines');
  const tool = frame.locator('.graphiql-editor-tool .view-lines:visible');
  await query.filter({ hasText: first }).waitFor();
  return {
    frame,
    query,
    tabs: frame
      .getByRole('tab')
      .getByRole('button', { name: new RegExp([...OPERATIONS, 'OpenByResidence', 'WhereToGo'].join('|')) }),
    async variablesAndHeaders() {
      const variables = await tool.filter({ hasText: 'residenceId' }).textContent();
      await frame.getByRole('button', { name: 'Headers' }).click();
      const headers = await tool.filter({ hasText: 'authorization' }).textContent();
      return [variables, headers].map((text) => JSON.parse((text ?? '').replace(/\s/g, ' ')));
    },
    /** Clicks the play button and waits until the result shows these texts. */
    async play(...shown: string[]) {
      await frame.getByRole('button', { name: /^Execute query/ }).click();
      const result = frame.locator('.result-window .view-lines');
      for (const text of shown) await result.filter({ hasText: text }).waitFor();
    },
  };
}

it.concurrent('without internet, GraphiQL replaces Sandbox, with a tab for each example, and one click shows the ticket', async () => {
  const page = await newPage();
  const faults: string[] = [];
  const urls: string[] = [];
  page.on('console', (line) => line.type() === 'error' && faults.push(line.text()));
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('request', (request) => urls.push(request.url()));
  await stopTimer(page);
  await page.goto(url);
  const reason = /^\s+Apollo Sandbox is not available: its script cannot be loaded\. /;
  await message(page).filter({ hasText: reason }).waitFor();
  const { frame, query, tabs, variablesAndHeaders, play } = await findGraphiql(page, 'query OpenMaintenances');
  expect(await query.textContent().then(squeeze)).toBe(squeeze(LIST));
  expect(await variablesAndHeaders()).toEqual([VARIABLES, HEADERS]);
  await play(...TICKET, '"command": "get_maintenance_list"');
  if (process.env.UPDATE_SCREENSHOTS) await page.screenshot({ path: 'docs/images/graphiql.png' });
  expect(await tabs.allTextContents()).toEqual(OPERATIONS);
  await tabs.filter({ hasText: 'OneMaintenance' }).click();
  await frame.getByRole('button', { name: 'Variables' }).click();
  const editor = frame.locator('.graphiql-editor-tool');
  await editor.filter({ hasText: `"id": "${ONE?.variables.id}"` }).waitFor();
  expect(urls.filter((requested) => !/^(blob:)?http:\/\/localhost:/.test(requested))).toEqual([SCRIPT]);
  expect(faults).toEqual(['Failed to load resource: net::ERR_NAME_NOT_RESOLVED']);
});

it.concurrent('GraphiQL opens for the supergraph too, with the examples of the supergraph first', async () => {
  const page = await newPage();
  await page.goto(supergraph);
  const { tabs, play } = await findGraphiql(page, 'query OpenByResidence');
  await play('"address"', '"state": "IN_PROGRESS"');
  expect(await tabs.allTextContents()).toEqual(['OpenByResidence', 'WhereToGo', ...OPERATIONS]);
});

const SILENCE = 'it did not answer within 2 seconds';
it.concurrent.each<[title: string, reason: string, arrange: (page: Page) => Promise<unknown>]>([
  [
    'if a proxy replaces the script',
    'its script does not start',
    async (page) => {
      await stopTimer(page);
      await serveStubs(page, '<!doctype html>', ANSWERING);
    },
  ],
  ['if the script does not arrive', SILENCE, (page) => page.route(SCRIPT, () => {})],
  [
    'if the frame is silent, and the page itself answers',
    SILENCE,
    (page) => serveStubs(page, `${STUB} ${ANSWER}`, SILENT),
  ],
])('GraphiQL replaces Sandbox %s', async (_, reason, arrange) => {
  const page = await newPage();
  await arrange(page);
  await page.goto(url, { waitUntil: 'commit' });
  await message(page).filter({ hasText: reason }).waitFor();
  const frames = await page.locator('iframe').evaluateAll((all) => all.map((frame) => frame.getAttribute('src')));
  expect(frames).toEqual(['?graphiql']);
  await page.close();
});

it.concurrent('Sandbox, once it answers, stays, gets the examples and the token without telemetry, and its operations run', async () => {
  const page = await newPage();
  await page.clock.install({ time: 0 });
  await page.clock.pauseAt('1970-01-02');
  await serveStubs(page, STUB, ANSWERING);
  await page.goto(url);
  await page.waitForFunction(() => 'message' in window);
  await page.clock.fastForward(60_000);
  expect(await message(page).isVisible()).toBe(false);
  const frames = await page.locator('iframe').evaluateAll((all) => all.map((frame) => frame.getAttribute('src')));
  expect(frames).toEqual([`${FRAME}/sandbox/explorer`]);
  await page.frameLocator('iframe').getByText('query OpenMaintenances').waitFor();
  const options = await page.evaluate(() => (window as unknown as { options: object }).options);
  const document = EXAMPLES.map(({ query }) => query).join('\n');
  const variables = Object.assign({}, ...EXAMPLES.map((example) => example.variables));
  expect(options).toEqual({
    target: '#tool',
    initialEndpoint: url,
    initialState: { document, variables, headers: HEADERS, includeCookies: false, pollForSchemaUpdates: false },
    runTelemetry: false,
    endpointIsEditable: false,
  });
  const operation = { query: document, variables, operationName: 'OpenMaintenances' };
  const headers = { 'content-type': 'application/json', ...HEADERS };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(operation) });
  expect(await answer.json()).toMatchObject({
    data: { maintenances: [{ id: `${EXAMPLE.residenceId}:${EXAMPLE.maintenanceId}` }] },
  });
});

/** Returns the headers of a response that allow other origins. */
const corsOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')));

const preflight = (origin: string, at = url, headers = {}) =>
  fetch(at, { method: 'OPTIONS', headers: { origin, ...PREFLIGHT, ...headers } });

function ask(origin: string, at = url, headers = {}) {
  const own = { origin, 'content-type': 'application/json', ...HEADERS };
  return fetch(at, { method: 'POST', headers: { ...own, ...headers }, body: OPERATION });
}

describe('npm run dev', () => {
  it.each([
    ['/graphql?', 'Apollo Sandbox'],
    // The URL of GraphiQL after a user edits the operation.
    [`/graphql?graphiql=&${QUERY}`, 'GraphiQL'],
  ])('serves %s as %s without a cache', async (path, title) => {
    const response = await fetch(new URL(path, url), { headers: { accept: BROWSER } });
    expect(await response.text()).toContain(`<title>${title}</title>`);
    const headers = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' };
    expect(Object.fromEntries(response.headers)).toMatchObject(headers);
  });

  it.each([
    ['an operation in the query string', `/graphql?${QUERY}`, BROWSER, 'GET'],
    ['a client that does not accept HTML', '/graphql', '*/*', 'GET'],
    ['a POST', '/graphql', BROWSER, 'POST'],
  ])('answers %s with JSON and no page', async (_, path, accept, method) => {
    const { headers } = await fetch(new URL(path, url), { method, headers: { accept } });
    expect(headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json/);
  });

  it.each([STUDIO, 'http://localhost', 'https://127.0.0.1:8443'])('allows operations from %s', async (origin) => {
    const allowed = await preflight(origin);
    expect(allowed.status).toBe(204);
    expect(corsOf(allowed)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'authorization,content-type',
    });
    const answer = await ask(origin);
    expect(corsOf(answer)).toEqual({ 'access-control-allow-origin': origin });
    expect(await answer.json()).toMatchObject(DATA);
  });

  it.each(['http://studio.apollographql.com', `${STUDIO}.example.com`, `${STUDIO}:8443`, 'http://127.0.0.10', 'null'])(
    'does not allow operations from %s',
    async (origin) => {
      for (const answer of [await preflight(origin), await ask(origin)])
        expect(corsOf(answer)).not.toHaveProperty('access-control-allow-origin');
    },
  );
});

describe('the server that ships', () => {
  const shipped = () => `${subgraph.url}/graphql`;
  const SECRET = { 'router-authorization': ROUTER_SECRET };

  it.each(['/graphql', '/graphql?graphiql'])('serves no page at %s', async (path) => {
    const { status, headers } = await fetch(subgraph.url + path, { headers: { accept: BROWSER, ...SECRET } });
    expect([status, headers.get('content-type')]).toEqual([400, expect.stringMatching(/^application\/json/)]);
  });

  it('allows no other origin', async () => {
    const [refused, answer] = [await preflight(STUDIO, shipped(), SECRET), await ask(STUDIO, shipped(), SECRET)];
    expect([refused.status, corsOf(refused), await answer.json(), corsOf(answer)]).toEqual([404, {}, DATA, {}]);
  });
});
