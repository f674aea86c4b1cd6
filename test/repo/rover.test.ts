/**
 * Apollo's command-line tool against the subgraph in production mode. `rover supergraph compose` and `rover dev` need the
 * internet, so this test leaves them out.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, expect, it } from '@jest/globals';
import { parse, print } from 'graphql';
import { parse as parseYaml } from 'yaml';
import { readDocument } from '../support/documents.ts';
import { killAll, start } from '../support/process.ts';
import { ROUTER_SECRET } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const INTROSPECT = ['subgraph', 'introspect'];
const SECRET = `Router-Authorization: ${ROUTER_SECRET}`;
// Rover writes to its home. Without the two variables, it sends usage data and looks for updates.
const HOME = mkdtempSync(join(tmpdir(), 'rover-'));
const ENV = { HOME, APOLLO_TELEMETRY_DISABLED: '1', APOLLO_ROVER_SKIP_UPDATE: '1' };
const subgraph = useSubgraph();

afterEach(killAll);
afterAll(() => rmSync(HOME, { recursive: true }));

async function rover(...args: string[]) {
  const child = start(process.execPath, ['node_modules/.bin/rover', ...args], ENV);
  const exit = new Promise((resolve) => child.on('close', resolve));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await exit, output, errors };
}

/** Returns the definitions of a schema in one order, without the definitions that federation adds. */
function normalize(sdl: string): string[] {
  const { definitions } = parse(sdl, { noLocation: true });
  return definitions
    .map(print)
    .filter((one) => !FEDERATION.test(one))
    .sort();
}
const FEDERATION = /^directive|^(scalar|enum|union|type) (_|link__|federation__)|^extend type Query \{\n {2}_/;

it('rover subgraph introspect prints the schema, with the secret of the router', async () => {
  const { code, output, errors } = await rover(...INTROSPECT, `${subgraph.url}/graphql`, '--header', SECRET);
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
  expect(normalize(output)).toEqual(normalize(readDocument('schema/maintenance.graphql')));
  expect(subgraph.upstream.commands()).toEqual([]);
});

it.each([
  ['without a secret', []],
  ['with another secret', ['--header', `${SECRET}x`]],
])('rover subgraph introspect prints no schema %s', async (_, header) => {
  const { code, output } = await rover(...INTROSPECT, `${subgraph.url}/graphql`, ...header);
  expect({ code, output }).toEqual({ code: 1, output: '' });
  expect(subgraph.logs()).toMatchObject([{ msg: 'refused a request without the router secret' }]);
});

it('rover supergraph config expand reads supergraph.yaml', async () => {
  const { code, output } = await rover('supergraph', 'config', 'expand', '--config', 'supergraph/supergraph.yaml');
  expect(code).toBe(0);
  expect(parseYaml(output)).toEqual(parseYaml(readDocument('supergraph/supergraph.yaml')));
});
