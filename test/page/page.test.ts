/**
 * The page for browsers: the servers of developers have it, the server that ships does not. A real browser reaches this machine
 * only, and a stub replaces Apollo's script.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { BrowserContext } from 'playwright-core';
import { readExamples } from '../../dev/browser.ts';
import { EXAMPLE } from '../../dev/maintenance/seed.ts';
import { ROUTER_SECRET } from '../support/ask.ts';
import { killAll, run } from '../support/process.ts';
import { startRecorder } from '../support/recorder.ts';
import { useFolder } from '../support/use-folder.ts';
import { useMany, useSubgraph } from '../support/use-subgraph.ts';
import { startBrowser } from './browser.ts';

const SCRIPT = 'https://embeddable-sandbox.cdn.apollographql.com/v2/embeddable-sandbox.umd.production.min.js**';
const STUDIO = 'https://studio.apollographql.com';
const HEADERS = { authorization: `Bearer ${EXAMPLE.token}` };
const JSON_HEADERS = { 'content-type': 'application/json', ...HEADERS };
const EXAMPLES = readExamples('.', 'emulator');
// Each example begins with its operation: a run button would show a comment in front.
const nameOf = ({ query }: { query: string }) => /^(?:query|mutation) (\w+)/.exec(query)?.[1] ?? '';

const subgraph = useSubgraph();
const startProxy = useMany(startRecorder);
const urls = { dev: '', supergraph: '' };
let browser: BrowserContext;

beforeAll(async () => {
  const programs = [run('dev/main.ts', { PORT: '0' }), run('dev/supergraph.ts', { PORT: '0' })];
  browser = await startBrowser(folder);
  const printed = programs.map((program) => program.until(/Sandbox +(http:\/\/localhost:\S+)/));
  [urls.dev = '', urls.supergraph = ''] = (await Promise.all(printed)).map(([, url = '']) => url);
});
afterAll(async () => {
  killAll();
  await browser?.browser()?.close();
});
// Removed after the browser has ended.
const { folder } = useFolder('browser');

it.each<[keyof typeof urls, string[], string[]]>([
  ['dev', [], ['"state": "IN_PROGRESS"', '"description": "test"', '"command": "get_maintenance_list"']],
  ['supergraph', ['OpenByResidence', 'WhereToGo'], ['"address"', '"state": "IN_PROGRESS"']],
])(
  'npm run %s without internet: the page leads to GraphiQL, where one click runs the first example',
  async (server, further, result) => {
    const page = await browser.newPage();
    await page.goto(urls[server]);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.getByText('Apollo Sandbox cannot be loaded').getByRole('link', { name: 'GraphiQL' }).click();
    const names = [...further, ...EXAMPLES.map(nameOf)];
    await page
      .locator('.graphiql-query-editor .view-lines')
      .filter({ hasText: `query ${names[0]}` })
      .waitFor();
    await page.getByRole('button', { name: /^Execute query/ }).click();
    for (const text of result) await page.locator('.result-window .view-lines').filter({ hasText: text }).waitFor();
    if (server === 'dev' && process.env.UPDATE_SCREENSHOTS) await page.screenshot({ path: 'docs/images/graphiql.png' });
    const tabs = page.getByRole('tab').getByRole('button', { name: new RegExp(names.join('|')) });
    expect(await tabs.allTextContents()).toEqual(names);
    expect(asked.filter((url) => !/^(blob:)?http:\/\/localhost:/.test(url))).toEqual([]);
  },
);

it('npm run dev: Sandbox gets the examples and the token, without telemetry', async () => {
  const page = await browser.newPage();
  const body = `window.EmbeddedSandbox = class {
    constructor(options) { window.options = options; document.querySelector(options.target).append('Sandbox'); }
  };`;
  await page.route(SCRIPT, (route) => route.fulfill({ contentType: 'text/javascript', body }));
  await page.goto(urls.dev);
  await page.getByText('Sandbox', { exact: true }).waitFor();
  const options = await page.evaluate(() => (window as unknown as { options: Record<string, object> }).options);
  const document = EXAMPLES.map(({ query }) => query).join('\n');
  const variables = Object.assign({}, ...EXAMPLES.map((example) => example.variables));
  const initialState = { document, variables, headers: HEADERS, includeCookies: false, pollForSchemaUpdates: false };
  expect(options).toMatchObject({ initialEndpoint: urls.dev, initialState, runTelemetry: false });
});

/** Returns the value of the header that allows an origin, after a preflight and after an operation. */
async function allowedOrigins(url: string, origin: string, headers = {}) {
  const asked = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
  const sending = { origin, ...JSON_HEADERS, ...headers };
  const answers = [
    await fetch(url, { method: 'OPTIONS', headers: { ...asked, ...headers } }),
    await fetch(url, { method: 'POST', headers: sending, body: '{"query":"{ __typename }"}' }),
  ];
  return answers.map((answer) => answer.headers.get('access-control-allow-origin'));
}

it('npm run dev allows operations from hosted Sandbox and from this machine, and no others', async () => {
  for (const origin of [STUDIO, 'https://127.0.0.1:8443'])
    expect(await allowedOrigins(urls.dev, origin)).toEqual([origin, origin]);
  for (const origin of [`${STUDIO}.example.com`, 'http://127.0.0.10'])
    expect(await allowedOrigins(urls.dev, origin)).toEqual([null, null]);
});

it('the server that ships serves no page, and allows no other origin', async () => {
  const secret = { 'router-authorization': ROUTER_SECRET };
  const answer = await fetch(`${subgraph.url}/graphql`, { headers: { accept: 'text/html,*/*;q=0.8', ...secret } });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([400, expect.stringMatching(/json/)]);
  expect(await allowedOrigins(`${subgraph.url}/graphql`, STUDIO, secret)).toEqual([null, null]);
});

it('a browser sends a POST again if its kept connection closes before the answer, as docs/apps.md says', async () => {
  const proxy = await startProxy(subgraph.url);
  const page = await browser.newPage();
  await page.goto(proxy.url);
  const post = (body: string) =>
    page.evaluate((body) => fetch('', { method: 'POST', body }).then((answer) => answer.text(), String), body);
  await post('first');
  proxy.fail((response) => void response.destroy());
  expect(await post('second')).toMatch('Failed to fetch');
  expect(proxy.fetches.filter(({ body }) => body === 'second')).toHaveLength(2);
});
