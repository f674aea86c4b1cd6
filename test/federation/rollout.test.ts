/** A rollout and a rollback: the supergraph of one release before the subgraph of another one. */
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type GraphQLSchema, parse, validate } from 'graphql';
import { EXAMPLE } from '../../dev/seed.ts';
import { composeSupergraph } from '../../dev/supergraph/compose.ts';
import { startGateway } from '../../dev/supergraph/gateway.ts';
import type { Running } from '../../dev/supergraph/host.ts';
import { askAt, codes, NEW_MAINTENANCE, ROUTER_SECRET } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { killAll, start, watch } from '../support/process.ts';
import { fieldsOf, ROOT_FIELDS } from '../support/schema.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';

const BASELINE = 'schema/baseline/maintenance.graphql';
/** The schema of the last release, and of this commit. */
const SDLS = { old: readDocument(BASELINE), new: readDocument('schema/maintenance.graphql') };
type Release = keyof typeof SDLS;

const ARGUMENTS: Readonly<Record<string, readonly [definition: string, value: unknown]>> = {
  residenceId: ['ID!', EXAMPLE.residenceId],
  id: ['ID!', `${EXAMPLE.residenceId}:${EXAMPLE.maintenanceId}`],
  // The second one fails, and is data.
  ids: ['[ID!]!', [`${EXAMPLE.residenceId}:${EXAMPLE.maintenanceId}`, 'rfault-refused:m']],
  input: ['CreateMaintenanceInput!', NEW_MAINTENANCE],
};

/** Returns an operation for each root field, with every field of the supergraph's API schema. */
function operationsOf(api: GraphQLSchema) {
  return ROOT_FIELDS.map(({ operation, name, field, type }) => {
    const given = field.args.filter((argument) => argument.name in ARGUMENTS).map((argument) => argument.name);
    const definitions = given.map((one) => `$${one}: ${ARGUMENTS[one]?.[0]}`);
    const selection = fieldsOf(type.name, 3, api).join(' ');
    const query = `${operation} (${definitions}) { ${name}(${given.map((one) => `${one}: $${one}`)}) { ${selection} } }`;
    return { name, query, variables: Object.fromEntries(given.map((one) => [one, ARGUMENTS[one]?.[1]])) };
  });
}

describe.each<[Release, Release]>([
  ['old', 'new'],
  ['new', 'old'],
])('the %s supergraph before the %s subgraph', (supergraph, subgraph) => {
  const folder = mkdtempSync(join(tmpdir(), 'rollout-'));
  const apiOf = (release: Release) => {
    const service = { name: 'maintenance', url: 'http://none.test', sdl: SDLS[release] };
    return composeSupergraph([service]).schema.toAPISchema().toGraphQLJSSchema();
  };
  let upstream: Upstream;
  let gateway: Running;

  beforeAll(async () => {
    upstream = await startUpstream();
    // A server with the schema of the release: it accepts this schema's operations alone.
    for (const path of ['src', 'package.json', 'check-node.mjs']) cpSync(path, join(folder, path), { recursive: true });
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    cpSync(subgraph === 'old' ? BASELINE : 'schema/maintenance.graphql', join(folder, 'schema/maintenance.graphql'));
    const env = { HOST: '127.0.0.1', PORT: '0', COMMAND_API_URL: upstream.url, ROUTER_SECRET };
    const server = watch(start(process.execPath, ['src/main.ts'], env, 'pipe', { cwd: folder }));
    const [, url = ''] = await server.until(/"url":"([^"]+)","msg":"ready"/);
    const headers = { 'router-authorization': ROUTER_SECRET };
    const composed = { name: 'maintenance', url: `${url}/graphql`, sdl: SDLS[supergraph], headers };
    gateway = await startGateway([composed], { host: '127.0.0.1', port: 0 });
  });
  afterAll(async () => {
    killAll();
    await gateway?.stop();
    await upstream?.stop();
    rmSync(folder, { recursive: true });
  });

  // `id` of a payload is only in the old supergraph: the new subgraph must answer it.
  const isAnswered = (query: string) => subgraph === 'new' || validate(apiOf('old'), parse(query)).length === 0;

  it.each(operationsOf(apiOf(supergraph)))(
    '$name is answered if the subgraph has its fields',
    async ({ name, query, variables }) => {
      upstream.reset();
      const answer = await askAt(`${gateway.url}/graphql`, query, { variables });
      if (isAnswered(query)) expect([codes(answer), answer.data[name]]).toEqual([[], expect.anything()]);
      else {
        expect(codes(answer).map(([code]) => code)).toContain('GRAPHQL_VALIDATION_FAILED');
        expect(upstream.commands()).toEqual([]);
      }
    },
  );
});
