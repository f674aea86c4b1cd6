import { afterEach, expect, it } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { freePort } from '../../dev/command-api.ts';
import { RESIDENCES } from '../../dev/supergraph/neighbour.ts';
import { killAll, run } from '../support/process.ts';
import { askAt, codes } from '../support/subgraph.ts';

afterEach(killAll);

const ask = (url: string, query: string, headers: Record<string, string> = {}) =>
  askAt(url, query, { token: null, headers });

it('serves the supergraph and its subgraphs, prints what to try, and ends with Ctrl-C', async () => {
  const supergraph = run('dev/supergraph.ts', { PORT: '0' });
  const printed = async (pattern: RegExp) => (await supergraph.until(pattern))[1] ?? '';
  const url = await printed(/Supergraph, Sandbox +(http:\/\/localhost:\d+)\n/);
  const maintenance = await printed(/Subgraph maintenance +(http:\/\/localhost:\d+\/graphql), with/);
  const secret = await printed(/, with Router-Authorization: (\S+)\n/);
  const residences = await printed(/Subgraph residences +(http:\/\/localhost:\d+\/graphql)\n/);
  const authorization = await printed(/Authorization: (Bearer \S+)/);
  const operation = await printed(/Operation +(query OpenByResidence \{.+\})\n/);

  for (const path of ['', '/', '/graphql']) {
    const { data, extensions } = await ask(url + path, operation, { authorization });
    const { id: _, ...first } = RESIDENCES[0] ?? {};
    expect(data.residences).toHaveLength(RESIDENCES.length);
    expect(data.residences[0]).toEqual({ ...first, maintenances: [{ description: 'test', state: 'IN_PROGRESS' }] });
    const commands = RESIDENCES.map(({ id }) => ({ command: 'get_maintenance_list', residenceId: id }));
    expect(extensions).toMatchObject({ commands });
    expect((await ask(url + path, getIntrospectionQuery())).errors).toEqual([]);
    const page = await fetch(url + path, { headers: { accept: 'text/html' } });
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
  }
  const twoFetches = '{ maintenances(residenceId: "none") { id } residences { maintenances { id } } }';
  const { commands } = (await ask(url, twoFetches, { authorization })).extensions ?? {};
  expect(commands).toHaveLength(1 + RESIDENCES.length);
  expect(commands).toContainEqual(expect.objectContaining({ residenceId: 'none', code: 'COMMAND_REJECTED' }));
  expect(codes(await ask(maintenance, '{ __typename }'))).toEqual([['ROUTER_UNAUTHENTICATED', undefined]]);
  const accepted = await ask(maintenance, '{ __typename }', { 'router-authorization': secret });
  expect(accepted).toMatchObject({ data: { __typename: 'Query' }, extensions: { commands: [] } });
  expect((await ask(residences, '{ residences { id } }')).data.residences).toHaveLength(RESIDENCES.length);

  supergraph.child.kill('SIGINT');
  expect(await supergraph.exit).toBe(0);
});

it('connects to no host outside, even if the environment has an account and a proxy', async () => {
  const proxy = `http://127.0.0.1:${await freePort()}`;
  const account = { APOLLO_KEY: 'service:graph:canary', APOLLO_GRAPH_REF: 'graph@current' };
  // Node prints each connection.
  const env = { PORT: '0', NODE_DEBUG: 'net', ...account, HTTP_PROXY: proxy, http_proxy: proxy };
  const supergraph = run('dev/supergraph.ts', env);
  const [, url = ''] = await supergraph.until(/Supergraph, Sandbox +(http:\/\/localhost:\d+)\n/);
  const { data } = await ask(url, '{ residences { name } }');
  expect(data).toEqual({ residences: RESIDENCES.map(({ name }) => ({ name })) });
  supergraph.child.kill('SIGTERM');
  expect(await supergraph.exit).toBe(0);
  const connections = supergraph.output().match(/(?<=: find host |: attempting to connect to )\S+/g) ?? [];
  expect(connections).not.toEqual([]);
  expect(connections.filter((host) => !/^(localhost$|(127\.0\.0\.1|::1):\d+$)/.test(host))).toEqual([]);
});

it.each([
  ['--router nope', {}, /^There is no router "nope"\. Choose one of apollo, hive, grafbase, hive-gateway, .+\n$/],
  ['--router apollo', {}, /^Apollo Router is not installed\. Set APOLLO_ROUTER to the path of .+ `router`\.\n$/],
  ['--router apollo', { APOLLO_ROUTER: 'no' }, /^Apollo Router did not start:\nError: spawn .+ ENOENT\n$/],
  ['--router apollo', { APOLLO_ROUTER: '/bin/echo' }, /^Apollo Router did not start:\n.*--config .+\n/],
  ['--subgraph nosuch', {}, /^--subgraph must be NAME=URL, not "nosuch"\.\n$/],
  ['--subgraph a=http://[::1]:9', {}, /^The subgraph "a" does not answer \{ _service \{ sdl \} \} at .+:9\/?\.\n$/],
  ['', { PORT: 'x' }, /^Invalid environment:\n {2}PORT must be a whole number from 0 to 65535\n$/],
])('refuses the options "%s" with the environment %j in plain words', async (args, env, message) => {
  const supergraph = run('dev/supergraph.ts', { PORT: '0', ...env }, args.split(' ').filter(Boolean));
  expect(await supergraph.exit).toBe(1);
  expect(supergraph.output()).toMatch(message);
});
