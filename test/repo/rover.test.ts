/** Apollo's command-line tool against the subgraph in production mode, without the commands that need the internet. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from '@jest/globals';
import { parse, print } from 'graphql';
import { readDocument } from '../support/documents.ts';
import { ROUTER_SECRET } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const SECRET = `Router-Authorization: ${ROUTER_SECRET}`;
// Rover writes to its home. Without the two variables, it sends usage data and looks for updates.
const HOME = mkdtempSync(join(tmpdir(), 'rover-'));
const env = { HOME, APOLLO_TELEMETRY_DISABLED: '1', APOLLO_ROVER_SKIP_UPDATE: '1' };
const subgraph = useSubgraph();

afterAll(() => rmSync(HOME, { recursive: true }));

/** Returns the definitions of a schema in one order, without the definitions that federation adds. */
function normalize(sdl: string): string[] {
  const ADDED = /^directive|^(scalar|enum|union|type) (_|link__|federation__)|^extend type Query \{\n {2}_/;
  const definitions = parse(sdl, { noLocation: true }).definitions.map(print);
  return definitions.filter((definition) => !ADDED.test(definition)).sort();
}

it('rover subgraph introspect prints the schema, with the secret of the router', async () => {
  const args = ['node_modules/.bin/rover', 'subgraph', 'introspect', `${subgraph.url}/graphql`, '--header', SECRET];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
  expect(normalize(stdout)).toEqual(normalize(readDocument('schema/maintenance.graphql')));
  expect(stderr).toBe('');
  expect(subgraph.upstream.commands()).toEqual([]);
});
