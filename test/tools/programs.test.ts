/** The other programs of package.json as processes: what they serve, and why they refuse to start. */
import { afterAll, expect, it } from '@jest/globals';
import { freePort, PATH, serve } from '../../dev/command-api.ts';
import { EXAMPLE } from '../../dev/maintenance/seed.ts';
import { ROUTER_SECRET } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { killAll, run, start, watch } from '../support/process.ts';
import { useFolder } from '../support/use-folder.ts';

const taken = await serve(() => {});
const TAKEN = new URL(taken.url).port;
afterAll(killAll);
afterAll(taken.stop);
const { write } = useFolder('programs');

it.concurrent('npm run emulator serves the given port, prints a command that works, and refuses another token', async () => {
  const port = String(await freePort());
  const pattern = /curl (http:\S+) [\s\S]+-H 'Authorization: (.+)' -d '(.+)'\n/;
  const [, url = '', authorization = '', body = ''] = await run('dev/emulator.ts', {}, ['--port', port]).until(pattern);
  expect(url).toBe(`http://127.0.0.1:${port}${PATH}`);
  const send = async (authorization: string) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json', authorization };
    return (await fetch(url, { method: 'POST', headers, body })).json();
  };
  const result = [{ maintenance_id: EXAMPLE.maintenanceId }];
  expect(await send(authorization)).toMatchObject({ success: true, result });
  expect(await send('Bearer other')).toMatchObject({ success: false, message: expect.any(String) });
});

const REQUIRED = { HOST: '127.0.0.1', PORT: '0', COMMAND_API_URL: 'http://127.0.0.1:9', ROUTER_SECRET };
// Each variable with its default and without Markdown; config.test.ts has all of them.
const HELP =
  /^Environment.+\n {2}COMMAND_API_URL=\n {6}Required: .+\n[^`[]+\n {2}MAX_ATTEMPTS=3\n {6}Attempts.+\n[^`[]+$/;
const FAULTS = /^Invalid environment:\n {2}COMMAND_API_URL is .+\n {2}PORT must be .+\n {2}ROUTER_SECRET is .+\n$/;
it.concurrent.each<[program: string, env: NodeJS.ProcessEnv, code: number, message: RegExp]>([
  ['src/main.ts', { PORT: 'x' }, 1, FAULTS],
  ['src/main.ts', { ...REQUIRED, HOST: 'x.invalid' }, 1, /^Cannot listen: .*x.invalid. Check .+\.\n$/],
  ['src/main.ts', { ...REQUIRED, METRICS_PORT: TAKEN }, 1, /^Port \d+ is in use. Set METRICS_PORT to a free port.\n$/],
  ['dev/main.ts', { PORT: TAKEN, HOST: '127.0.0.1' }, 1, /^Port \d+ is in use. Set PORT to a free port.\n/],
  ['dev/maintenance/contract.ts', { COMMAND_API_URL: 'x' }, 2, /^\nCOMMAND_API_URL [\s\S]+\nSet these variables\.\n$/],
  ['src/main.ts --help', {}, 0, HELP],
  ['src/main.ts --nosuch', {}, 1, /^[^\n]*'--nosuch'[^\n]*\n$/],
  ['dev/maintenance/contract.ts --nosuch', {}, 1, /^.*'--nosuch'.*\nOptions:\n {2}--write .+\n.+\n$/],
])('%s says why it ends (row %#)', async (program, env, code, message) => {
  const [file = '', ...args] = program.split(' ');
  const running = run(file, env, args);
  expect(await running.exit).toBe(code);
  expect(running.output()).toMatch(message);
});

it.concurrent.each([
  ['node/bin/node', 'run node_modules/.bin/node'],
  ['node/index.js', 'npm skipped .+ --ignore-scripts=false'],
  ['other', 'The package `node` is not installed. .+'],
])('a program says which Node it needs, and with node_modules/%s: %s', async (file, advice) => {
  write(`${file}/node_modules/${file}`, '');
  const pretend = "data:text/javascript,Object.defineProperty(process, 'versions', { value: { node: '24.4.1' } })";
  const program = write(`${file}/check-node.mjs`, readDocument('check-node.mjs'));
  const { exit, output } = watch(start(process.execPath, ['--import', pretend, program], {}));
  expect(await exit).toBe(1);
  expect(output()).toMatch(new RegExp(`^.+ Node 24, from 24.5, or Node 26. It runs on 24.4.1.\n.*${advice}\n$`));
});
