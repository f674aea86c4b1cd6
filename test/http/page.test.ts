/**
 * The page of `npm run dev` in a real browser. The tests run offline: where a test needs Apollo's hosts, it serves stubs.
 */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { readExamples } from '../../dev/browser.ts';
import { EXAMPLE } from '../../dev/seed.ts';
import { startBrowser } from '../support/browser.ts';
import { killAll, run } from '../support/process.ts';

const SCRIPT = 'https://embeddable-sandbox.cdn.apollographql.com/v2/embeddable-sandbox.umd.production.min.js';
const FRAME = 'https://sandbox.embed.apollographql.com';
const EXAMPLES = readExamples('.', 'emulator');
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

let dev: ReturnType<typeof run>;
let url = '';
let page: Page;
let chromium: Awaited<ReturnType<typeof startBrowser>>;

beforeAll(async () => {
  dev = run('dev/main.ts', { PORT: '0' });
  chromium = await startBrowser();
  [, url = ''] = await dev.until(/Sandbox +(http:\/\/localhost:\d+\/graphql)/);
});
afterAll(async () => {
  killAll();
  await chromium.stop();
});

// Each page has a new browser profile.
beforeEach(async () => {
  page = await chromium.browser.newPage({ viewport: { width: 1280, height: 800 } });
});
afterEach(() => page.close());

/** Serves stubs for the script and the frame. */
async function serveStubs(script: string, frame: string) {
  await page.route(`${FRAME}/**`, (route) => route.fulfill({ contentType: 'text/html', body: frame }));
  await page.route(SCRIPT, (route) => route.fulfill({ contentType: 'text/javascript', body: script }));
}

const message = () => page.getByRole('status');
const squeeze = (text: string | null) => (text ?? '').replace(/\s/g, '');

/** Returns the GraphiQL of a page, once its editor shows the first operation. */
async function findGraphiql(first = 'query OpenMaintenances') {
  const frame = page.frameLocator('iframe[title=GraphiQL]');
  const query = frame.locator('.graphiql-query-editor .view-lines');
  const tool = frame.locator('.graphiql-editor-tool .view-lines:visible');
  await query.filter({ hasText: first }).waitFor();
  return {
    frame,
    query,
    tabs: () => frame.getByRole('tab').allTextContents(),
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

describe('without internet, GraphiQL', () => {
  it('replaces Sandbox, requests nothing else from the internet, and shows the ticket after one click', async () => {
    const faults: string[] = [];
    const urls: string[] = [];
    page.on('console', (line) => line.type() === 'error' && faults.push(line.text()));
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('request', (request) => urls.push(request.url()));
    await page.goto(url);
    const shown = message().filter({ hasText: /^\s+Apollo Sandbox is not available: its script cannot be loaded\. / });
    await shown.waitFor();
    const graphiql = await findGraphiql();
    expect(await graphiql.query.textContent().then(squeeze)).toBe(squeeze(LIST));
    expect(await graphiql.variablesAndHeaders()).toEqual([VARIABLES, HEADERS]);
    await graphiql.play(...TICKET, '"command": "get_maintenance_list"');
    await dev.until(/> \{"command":"get_maintenance_list","id":"c[0-9a-f]{32}","param":\{"residence_id":"r31adc/);
    if (process.env.UPDATE_SCREENSHOTS) await page.screenshot({ path: 'docs/images/graphiql.png' });
    expect(urls.filter((requested) => !/^(blob:)?http:\/\/localhost:/.test(requested))).toEqual([SCRIPT]);
    expect(faults).toEqual(['Failed to load resource: net::ERR_NAME_NOT_RESOLVED']);
  });

  it('has a tab for each example, with the variables of that example', async () => {
    await page.goto(url);
    const { frame } = await findGraphiql();
    const tabs = frame.getByRole('tab').getByRole('button', { name: new RegExp(OPERATIONS.join('|')) });
    expect(await tabs.allTextContents()).toEqual(OPERATIONS);
    await tabs.filter({ hasText: 'OneMaintenance' }).click();
    await frame
      .locator('.graphiql-editor-tool')
      .filter({ hasText: `"id": "${EXAMPLE.residenceId}:` })
      .waitFor();
  });

  it('opens for the supergraph too, at both paths, with the examples of the supergraph first', async () => {
    const supergraph = run('dev/supergraph.ts', { PORT: '0' });
    const [, gateway = ''] = await supergraph.until(/Supergraph, Sandbox +(http:\/\/localhost:\d+)\n/);
    for (const path of ['/', '/graphql']) {
      await page.goto(gateway + path);
      const graphiql = await findGraphiql('query OpenByResidence');
      await graphiql.play('"address"', '"state": "IN_PROGRESS"');
      const tabs = (await graphiql.tabs()).join();
      expect(tabs).toMatch(new RegExp(['OpenByResidence', 'WhereToGo', ...OPERATIONS].join('.*')));
    }
    supergraph.child.kill('SIGINT');
    expect(await supergraph.exit).toBe(0);
  });
});

const SILENCE = 'it did not answer within 2 seconds';
it.each<[title: string, reason: string, arrange: () => Promise<unknown>]>([
  ['if a proxy replaces the script', 'its script does not start', () => serveStubs('<!doctype html>', ANSWERING)],
  ['if the script does not arrive', SILENCE, () => page.route(SCRIPT, () => {})],
  ['if the frame is silent, and the page itself answers', SILENCE, () => serveStubs(`${STUB} ${ANSWER}`, SILENT)],
])('GraphiQL replaces Sandbox %s', async (_, reason, arrange) => {
  await arrange();
  await page.goto(url, { waitUntil: 'commit' });
  await message().filter({ hasText: reason }).waitFor();
  await (await findGraphiql()).play(...TICKET);
  expect(await page.locator('iframe').count()).toBe(1);
});

it('Sandbox, once it answers, stays, gets the examples and the token without telemetry, and its operations run', async () => {
  await page.clock.install();
  await serveStubs(STUB, ANSWERING);
  await page.goto(url);
  await page.waitForFunction(() => 'message' in window);
  await page.clock.fastForward(60_000);
  expect(await message().isVisible()).toBe(false);
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
