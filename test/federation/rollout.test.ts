/** A rollout and a rollback: the supergraph of one release before the subgraph of another one. */
import { cpSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type GraphQLSchema, parse, validate } from 'graphql';
import { composeSupergraph } from '../../dev/supergraph/compose.ts';
import { startGateway } from '../../dev/supergraph/gateway.ts';
import type { Running } from '../../dev/supergraph/host.ts';
import { askAt, codes, ROUTER_SECRET } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { M, R, request } from '../support/maintenance/requests.ts';
import { fieldsOf } from '../support/maintenance/schema.ts';
import { WIRE } from '../support/maintenance/wire.ts';
import { start } from '../support/process.ts';
import { useFolder } from '../support/use-folder.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { useMany } from '../support/use-subgraph.ts';
import { MAINTENANCE_SDL, toService } from '../support/use-supergraph.ts';

const BASELINE = 'schema/baseline/maintenance.graphql';
/** The schema of the last release, and of this commit. */
const SDLS = { old: readDocument(BASELINE), new: MAINTENANCE_SDL };
type Release = keyof typeof SDLS;

/** Returns an operation for each root field of the supergraph's API schema, with every field. */
function operationsOf(api: GraphQLSchema) {
  const roots = { ...api.getQueryType()?.getFields(), ...api.getMutationType()?.getFields() };
  return WIRE.filter(({ root }) => roots[root]).map(({ root: name, type, args }) => {
    // The second one of `ids` fails, and is data.
    const given = args.ids ? { ids: [`${R}:${M}`, 'rfault-refused:m'] } : args;
    return { name, ...request(name, given, fieldsOf(type.name, 3, api).join(' ')) };
  });
}

describe.each<[Release, Release]>([
  ['old', 'new'],
  ['new', 'old'],
])('the %s supergraph before the %s subgraph', (supergraph, subgraph) => {
  const apiOf = (release: Release) => composeSupergraph([toService('maintenance', SDLS[release])]).toApi();
  const startServer = useReplicas();
  // Removed after the replicas have ended.
  const { folder, write } = useFolder('rollout');
  const startBefore = useMany(startGateway);
  let upstream: Awaited<ReturnType<typeof startServer>>['upstream'];
  let gateway: Running;

  beforeAll(async () => {
    // A server with the schema of the release: it accepts this schema's operations alone.
    for (const path of ['src', 'package.json', 'check-node.mjs']) cpSync(path, join(folder, path), { recursive: true });
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    cpSync(subgraph === 'old' ? BASELINE : 'schema/maintenance.graphql', join(folder, 'schema/maintenance.graphql'));
    // Without the check that each resolver has a field: the old release has no resolvers of new fields.
    const unchecked = readDocument('src/graphql/schema.ts').replace(/^ {2}checkResolvers\(.*$/m, '');
    if (subgraph === 'old') write('src/graphql/schema.ts', unchecked);
    const startMain = (env: NodeJS.ProcessEnv) => start(process.execPath, ['src/main.ts'], env, { cwd: folder });
    const server = await startServer({}, startMain);
    upstream = server.upstream;
    const headers = { 'router-authorization': ROUTER_SECRET };
    const composed = { name: 'maintenance', url: `${server.url}/graphql`, sdl: SDLS[supergraph], headers };
    gateway = await startBefore([composed], { host: '127.0.0.1', port: 0 });
  });

  // A field that the supergraph shows goes from the subgraph one release later.
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
