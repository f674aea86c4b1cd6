/**
 * What a real browser gets of `npm run dev`. Apollo's own hosts cannot be reached here; where a test needs them, stubs
 * are served in their place.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ConsoleMessage, Page, Request } from 'playwright-core';
import { readExamples } from '../../dev/browser.ts';
import { EXAMPLE } from '../../dev/seed.ts';
import { type RunningBrowser, startBrowser } from '../support/browser.ts';
import { killAll, run } from '../support/process.ts';

const SCRIPT = 'https://embeddable-sandbox.cdn.apollographql.com/v2/embeddable-sandbox.umd.production.min.js';
const FRAME = 'https://sandbox.embed.apollographql.com';
const EXAMPLES = new URL('../../examples/', import.meta.url);
const LIST = readFileSync(new URL('list.graphql', EXAMPLES), 'utf8');
const VARIABLES = { residenceId: EXAMPLE.residenceId };
const HEADERS = { authorization: `Bearer ${EXAMPLE.token}` };
// What the example ticket has, in the words of the result.
const TICKET = ['"state": "IN_PROGRESS"', '"description": "test"'];
const OPERATIONS = readExamples(EXAMPLES).map(({ query }) => /^(?:query|mutation) (\w+)/m.exec(query)?.[1] ?? '');

// As Apollo's does, it puts a frame of Sandbox's origin into the target. What it was told, and what came, are kept.
const STUB = `
  window.EmbeddedSandbox = class {
    constructor(options) {
      window.told = options;
      addEventListener('message', ({ data }) => { window.heard = data.name; });
      const frame = document.createElement('iframe');
      frame.src = '${FRAME}/sandbox/explorer';
      frame.name = JSON.stringify(options);
      document.querySelector(options.target).append(frame);
    }
  };
`;
const ANSWER = `parent.postMessage({ name: 'ExplorerListeningForHandshake' }, '*')`;
// It shows what it was told, for the screenshot.
const ANSWERING = `<title>Sandbox</title><body style="font: 14px sans-serif; background: #f4f6f8; margin: 24px">
  <h2>In place of Apollo Sandbox, which loads from the internet: what it is told</h2><pre></pre>
  <script>
    const { initialEndpoint, initialState: { headers, variables, document: operations } } = JSON.parse(name);
    const lines = [initialEndpoint, JSON.stringify(headers, null, 2), JSON.stringify(variables, null, 2), operations];
    document.querySelector('pre').textContent = lines.join('\\n\\n');
    ${ANSWER}
  </script>`;
const SILENT = '<title>A page of a proxy</title>';

let dev: ReturnType<typeof run>;
let url = '';
let running: RunningBrowser | undefined;

beforeAll(async () => {
  dev = run('dev/main.ts', { PORT: '0' });
  [running, [, url = '']] = await Promise.all([
    startBrowser(),
    dev.until(/Sandbox +(http:\/\/localhost:\d+\/graphql)/),
  ]);
});

afterAll(async () => {
  killAll();
  await running?.stop();
});

/** A page of a browser that was never here before. */
async function newPage(): Promise<Page> {
  if (!running) throw new Error('no browser');
  return running.browser.newPage({ viewport: { width: 1280, height: 800 } });
}

/** Serves these in place of Apollo's script and of the frame that it opens. */
async function serveStubs(page: Page, script: string, frame: string): Promise<void> {
  await page.route(`${FRAME}/**`, (route) => route.fulfill({ contentType: 'text/html', body: frame }));
  await page.route(SCRIPT, (route) => route.fulfill({ contentType: 'text/javascript', body: script }));
}

/** Has the page come with a second policy, beside its own. */
async function forbid(page: Page, policy: string): Promise<void> {
  await page.route(url, async (route) => {
    const response = await route.fetch();
    const own = response.headers()['content-security-policy'];
    await route.fulfill({
      response,
      headers: { ...response.headers(), 'content-security-policy': `${own}, ${policy}` },
    });
  });
}

/** The local GraphiQL of a page that fell back, once its editor shows the first operation. */
async function findGraphiql(page: Page, first = 'query OpenMaintenances') {
  const frame = page.frameLocator('iframe[title=GraphiQL]');
  const query = frame.locator('.graphiql-query-editor .view-lines');
  const tool = frame.locator('.graphiql-editor-tool .view-lines:visible');
  await query.filter({ hasText: first }).waitFor();
  return {
    frame,
    query: async () => squeeze(await query.textContent()),
    async variables() {
      await tool.filter({ hasText: 'residenceId' }).waitFor();
      return readJson(await tool.textContent());
    },
    async headers() {
      await frame.getByRole('button', { name: 'Headers' }).click();
      await tool.filter({ hasText: 'authorization' }).waitFor();
      return readJson(await tool.textContent());
    },
    /** Clicks the play button and waits until the result shows this. */
    async play(...shown: string[]) {
      await frame.getByRole('button', { name: /^Execute query/ }).click();
      const result = frame.locator('.result-window .view-lines');
      for (const text of shown) await result.filter({ hasText: text }).waitFor();
    },
  };
}

/** Without spaces and lines, which an editor shows in its own way. */
function squeeze(text: string | null): string {
  return (text ?? '').replace(/\s/g, '');
}

function readJson(text: string | null): unknown {
  return JSON.parse((text ?? '').replace(/\s/g, ' '));
}

const message = (page: Page) => page.getByRole('status');

describe('without internet', () => {
  it('GraphiQL stands in, filled in, and one click on its play button shows the ticket', async () => {
    const page = await newPage();
    const faults: string[] = [];
    const requests: Request[] = [];
    page.on('console', (line: ConsoleMessage) => line.type() === 'error' && faults.push(line.text()));
    page.on('pageerror', ({ message }) => faults.push(message));
    page.on('request', (request) => requests.push(request));
    await page.goto(url);
    await message(page).waitFor();
    expect(await message(page).textContent()).toMatch(
      /^\s+Apollo Sandbox cannot be used here: its script cannot be loaded\. This is GraphiQL, which needs no internet\.\s/,
    );
    const graphiql = await findGraphiql(page);
    expect(await graphiql.query()).toBe(squeeze(LIST));
    expect(await graphiql.variables()).toEqual(VARIABLES);
    expect(await graphiql.headers()).toEqual(HEADERS);
    await graphiql.play(...TICKET, '"command": "get_maintenance_list"');
    await dev.until(/> \{"command":"get_maintenance_list","id":"c[0-9a-f]{32}","param":\{"residence_id":"r31adc/);
    if (process.env.UPDATE_SCREENSHOTS) await page.screenshot({ path: 'docs/images/graphiql.png' });
    // Nothing else was even asked for from elsewhere, and no policy forbade anything.
    const outside = requests.filter((request) => !/^(blob:)?http:\/\/localhost:/.test(request.url()));
    expect(outside.map((request) => [request.url(), request.failure()?.errorText])).toEqual([
      [SCRIPT, 'net::ERR_NAME_NOT_RESOLVED'],
    ]);
    expect(faults).toEqual(['Failed to load resource: net::ERR_NAME_NOT_RESOLVED']);
    await page.close();
  });

  it('GraphiQL has a tab for each example, with its own variables, so that it never asks which one to run', async () => {
    const page = await newPage();
    await page.goto(url);
    const { frame } = await findGraphiql(page);
    const tabs = frame.getByRole('tab').getByRole('button', { name: new RegExp(OPERATIONS.join('|')) });
    expect(await tabs.allTextContents()).toEqual(OPERATIONS);
    await tabs.filter({ hasText: 'OneMaintenance' }).click();
    await frame.locator('.graphiql-query-editor').filter({ hasText: 'query OneMaintenance' }).waitFor();
    await frame
      .locator('.graphiql-editor-tool')
      .filter({ hasText: `"id": "${EXAMPLE.residenceId}:` })
      .waitFor();
    expect(await frame.locator('.graphiql-query-editor .view-lines').textContent()).not.toContain('r31adc');
    await page.close();
  });

  it('GraphiQL opens with the first example, whatever was typed on that port before', async () => {
    const page = await newPage();
    // Not a page of GraphiQL's, which would store its own tabs over these.
    await page.goto(new URL('/health/live', url).href);
    const old = { query: '{ old }', variables: '{"old":1}', headers: '{"old":"1"}' };
    const tab = { id: 'x', hash: 'x', title: 'Old', operationName: null, response: null, ...old };
    const stored = { ...old, tabState: JSON.stringify({ tabs: [tab], activeTabIndex: 0 }) };
    await page.evaluate((entries) => {
      for (const [name, value] of Object.entries(entries)) localStorage.setItem(`graphiql:${name}`, value);
    }, stored);
    await page.goto(url);
    const graphiql = await findGraphiql(page);
    expect(await graphiql.frame.getByRole('tab').allTextContents()).toContainEqual(expect.stringContaining('Old'));
    expect(await graphiql.variables()).toEqual(VARIABLES);
    expect(await graphiql.headers()).toEqual(HEADERS);
    await graphiql.play(...TICKET);
    await page.close();
  });
});

describe('npm run supergraph', () => {
  it.each(['', 'graphql'])('has the same page at /%s, with its own examples before ours', async (path) => {
    const supergraph = run('dev/supergraph.ts', { PORT: '0' });
    const [, gateway = ''] = await supergraph.until(/Supergraph, Sandbox +(http:\/\/localhost:\d+)\n/);
    const page = await newPage();
    await page.goto(`${gateway}/${path}`);
    const graphiql = await findGraphiql(page, 'query OpenByResidence');
    expect(await graphiql.headers()).toEqual(HEADERS);
    await graphiql.play('"address"', '"state": "IN_PROGRESS"');
    const tabs = graphiql.frame
      .getByRole('tab')
      .getByRole('button', { name: new RegExp(['ByResidence', 'Where', ...OPERATIONS].join('|')) });
    expect(await tabs.allTextContents()).toEqual(['OpenByResidence', 'WhereToGo', ...OPERATIONS]);
    await page.close();
    supergraph.child.kill('SIGINT');
    expect(await supergraph.exit).toBe(0);
  });
});

describe('falls back to GraphiQL where', () => {
  const SILENCE = 'it did not answer within 2 seconds';
  const CASES: [string, string, (page: Page) => Promise<unknown>][] = [
    ['the script is refused', 'its script cannot be loaded', (page) => page.route(SCRIPT, (route) => route.abort())],
    [
      'a policy forbids the script',
      'its script cannot be loaded',
      async (page) => {
        await serveStubs(page, STUB, ANSWERING);
        await forbid(page, "script-src 'unsafe-inline'");
      },
    ],
    [
      'a proxy answers the script with a page of its own',
      'its script does not start',
      (page) => serveStubs(page, '<!doctype html>', ANSWERING),
    ],
    ['the script never comes', SILENCE, (page) => page.route(SCRIPT, () => {})],
    ['the frame stays silent', SILENCE, (page) => serveStubs(page, STUB, SILENT)],
    [
      'a policy forbids the frame',
      SILENCE,
      async (page) => {
        await serveStubs(page, STUB, ANSWERING);
        await forbid(page, "frame-src 'self'");
      },
    ],
    [
      'the frame stays silent and the page talks to itself',
      SILENCE,
      (page) => serveStubs(page, `${STUB} ${ANSWER}`, SILENT),
    ],
  ];

  it.each(CASES)('%s', async (_, reason, arrange) => {
    const page = await newPage();
    await arrange(page);
    await page.goto(url, { waitUntil: 'commit' });
    await message(page).filter({ hasText: reason }).waitFor();
    const graphiql = await findGraphiql(page);
    await graphiql.play(...TICKET);
    expect(await page.locator('iframe').count()).toBe(1);
    await page.close();
  });

  it('and stays there, when the time for an answer is over, too', async () => {
    const page = await newPage();
    await page.clock.install();
    await page.route(SCRIPT, (route) => route.abort());
    await page.goto(url);
    await message(page).filter({ hasText: 'its script cannot be loaded' }).waitFor();
    await page.locator('iframe').evaluate((frame) => frame.setAttribute('data-first', ''));
    await page.clock.fastForward(60_000);
    expect(await message(page).textContent()).toContain('its script cannot be loaded');
    expect(await page.locator('iframe[data-first]').count()).toBe(1);
    await page.close();
  });

  it('and stays there, though the script comes after all', async () => {
    const page = await newPage();
    let deliver = () => {};
    await serveStubs(page, STUB, ANSWERING);
    await page.route(SCRIPT, async (route) => {
      await new Promise<void>((resolve) => {
        deliver = resolve;
      });
      await route.fallback();
    });
    await page.goto(url, { waitUntil: 'commit' });
    await findGraphiql(page);
    deliver();
    await page.waitForFunction(() => 'EmbeddedSandbox' in window);
    await page.waitForLoadState('load');
    expect(await page.evaluate(() => 'told' in window)).toBe(false);
    expect(await page.locator('iframe').count()).toBe(1);
    await page.close();
  });
});

describe('where Sandbox answers', () => {
  async function openSandbox(frame: string) {
    const page = await newPage();
    await page.clock.install();
    await serveStubs(page, STUB, frame);
    await page.goto(url);
    await page.frameLocator('iframe').locator(':root').waitFor({ state: 'attached' });
    return page;
  }

  it('nothing takes its place', async () => {
    const page = await openSandbox(ANSWERING);
    await page.waitForFunction(() => 'heard' in window);
    await page.clock.fastForward(60_000);
    expect(await message(page).isVisible()).toBe(false);
    expect(
      await page.locator('iframe').evaluateAll((frames) => frames.map((frame) => frame.getAttribute('src'))),
    ).toEqual([`${FRAME}/sandbox/explorer`]);
    await page.frameLocator('iframe').getByText('query OpenMaintenances').waitFor();
    if (process.env.UPDATE_SCREENSHOTS) await page.screenshot({ path: 'docs/images/sandbox.png' });
    await page.close();
  });

  it('and where its frame is silent, it is the same clock that ends the wait', async () => {
    const page = await openSandbox(SILENT);
    await page.clock.fastForward(60_000);
    await message(page).waitFor();
    await page.close();
  });

  it('it is told the endpoint, the examples, their variables and the token, and to keep its telemetry off', async () => {
    const page = await openSandbox(ANSWERING);
    const told = await page.evaluate(() => (window as unknown as { told: Record<string, unknown> }).told);
    expect(told).toEqual({
      target: '#tool',
      initialEndpoint: url,
      initialState: {
        document: expect.not.stringContaining('r31adc'),
        variables: {
          ...VARIABLES,
          id: `${EXAMPLE.residenceId}:${EXAMPLE.maintenanceId}`,
          input: expect.objectContaining(VARIABLES),
          deleteId: expect.any(String),
          ids: expect.any(Array),
        },
        headers: HEADERS,
        includeCookies: false,
        pollForSchemaUpdates: false,
      },
      runTelemetry: false,
      endpointIsEditable: false,
      allowDynamicStyles: false,
    });
    const { document } = told.initialState as { document: string };
    const names = readdirSync(EXAMPLES).filter((name) => name.endsWith('.graphql'));
    for (const name of names) expect(document).toContain(readFileSync(new URL(name, EXAMPLES), 'utf8'));
    expect([...document.matchAll(/^(?:query|mutation) (\w+)/gm)].map(([, name]) => name)).toEqual(OPERATIONS);
    await page.close();
  });

  it('the page may ask the endpoint for it', async () => {
    const page = await openSandbox(ANSWERING);
    const answer = await page.evaluate(async () => {
      const { initialEndpoint, initialState } = (window as unknown as { told: Told }).told;
      const { document: query, variables, headers } = initialState;
      const response = await fetch(initialEndpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query, variables, operationName: 'OpenMaintenances' }),
      });
      return response.json();
    });
    expect(answer.data.maintenances[0].id).toBe(`${EXAMPLE.residenceId}:${EXAMPLE.maintenanceId}`);
    await page.close();
  });
});

interface Told {
  readonly initialEndpoint: string;
  readonly initialState: {
    readonly document: string;
    readonly variables: Record<string, unknown>;
    readonly headers: Record<string, string>;
  };
}

describe('hosted Sandbox', () => {
  it.each([
    ['https://studio.apollographql.com', '10086'],
    ['https://studio.apollographql.com.example', 'Failed to fetch'],
  ])('on a page of %s, asking for a ticket brings %s', async (origin, expected) => {
    const page = await newPage();
    await page.context().grantPermissions(['local-network-access'], { origin });
    await page.route(`${origin}/**`, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<title>Sandbox</title>' }),
    );
    await page.goto(`${origin}/sandbox/explorer`);
    const asking = {
      url,
      headers: { 'content-type': 'application/json', ...HEADERS },
      body: JSON.stringify({ query: LIST.replace('id\n', 'contact\n'), variables: VARIABLES }),
    };
    const answer = await page.evaluate(async ({ url, headers, body }) => {
      const asked = fetch(url, { method: 'POST', headers, body });
      return asked.then((response) => response.json()).catch((error: Error) => error.message);
    }, asking);
    expect(answer.data?.maintenances[0].contact ?? answer).toBe(expected);
    await page.close();
  });
});
