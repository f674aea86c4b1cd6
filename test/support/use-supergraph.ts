/** A gateway in front of three subgraphs, with a recorder between the gateway and each subgraph. */
import { beforeAll, beforeEach } from '@jest/globals';
import type { Service } from '../../dev/supergraph/compose.ts';
import type { Subgraph as Composed } from '../../dev/supergraph/gateway.ts';
import type { Listening, Running } from '../../dev/supergraph/host.ts';
import { RESIDENCES_SDL, startNeighbour } from '../../dev/supergraph/neighbour.ts';
import { type Asking, askAt, ROUTER_SECRET } from './ask.ts';
import { readDocument } from './documents.ts';
import { KEYS, type KeyFields, startVisits, visitsSdl } from './maintenance/visits.ts';
import { startRecorder } from './recorder.ts';
import { TOKENS } from './upstream.ts';
import { startSubgraph, useMany } from './use-subgraph.ts';

export const MAINTENANCE_SDL = readDocument('schema/maintenance.graphql');
/** Returns a subgraph to compose, which does not run. */
export const toService = (name: string, sdl: string): Service => ({ name, url: `http://${name}.test/graphql`, sdl });
/** What `npm run supergraph` composes. */
export const OURS = [toService('maintenance', MAINTENANCE_SDL), toService('residences', RESIDENCES_SDL)];
/** What composers take: the key by which another subgraph refers, and the subgraphs. */
export const COMPOSITIONS: [key: string, Service[]][] = [
  ['none', OURS.slice(0, 1)],
  ...KEYS.map((key): [string, Service[]] => [key, [...OURS, toService('visits', visitsSdl(key))]]),
];
const FREE = { host: '127.0.0.1', port: 0 } as const;

export type StartGateway = (subgraphs: readonly Composed[], listening: Listening) => Promise<Running>;

/** The values of TOKEN_HEADER in tests: the default, and one that is in no file of supergraph/. */
const TOKEN_HEADERS = ['authorization', 'x-token'] as const;
/** The third subgraph refers by the key `visitsBy`. The gateway composes `residencesSdl` for the neighbor. */
type Composition = { visitsBy?: KeyFields; residencesSdl?: string; tokenHeader?: (typeof TOKEN_HEADERS)[number] };
/** A token that is not for the command API, which would accept it. */
export const IDENTITY = TOKENS.second;

/** Starts a supergraph: a gateway in front of three subgraphs, and a command API. */
export async function startSupergraph(
  startGateway: StartGateway,
  { visitsBy = 'id', residencesSdl = RESIDENCES_SDL, tokenHeader = 'authorization' }: Composition = {},
) {
  const subgraph = await startSubgraph({ TOKEN_HEADER: tokenHeader });
  const neighbor = await startNeighbour(FREE);
  const third = await startVisits(visitsBy);
  const before = {
    maintenance: await startRecorder(subgraph.url),
    residences: await startRecorder(neighbor.url),
    visits: await startRecorder(third.url),
  };
  const headers = { 'router-authorization': ROUTER_SECRET };
  const subgraphs = [
    { name: 'maintenance', url: before.maintenance.url, sdl: MAINTENANCE_SDL, headers, tokenHeader },
    { name: 'residences', url: before.residences.url, sdl: residencesSdl },
    { name: 'visits', url: before.visits.url, sdl: visitsSdl(visitsBy) },
  ];
  const gateway = await startGateway(subgraphs, FREE);
  // A router may have asked as it started.
  for (const recorder of Object.values(before)) recorder.reset();
  const url = `${gateway.url}/graphql`;
  return {
    /** Where the gateway answers GraphQL. */
    url,
    upstream: subgraph.upstream,
    /** The recorders in front of the subgraphs. */
    before,
    /** Sends an operation to the gateway, with the token in the header `tokenHeader` and `IDENTITY` in the other header. */
    ask(query: string, { headers, ...asking }: Asking = {}) {
      const tokens = TOKEN_HEADERS.map((name) => [name, `Bearer ${name === tokenHeader ? TOKENS.first : IDENTITY}`]);
      return askAt(url, query, { ...asking, headers: { ...Object.fromEntries(tokens), ...headers } });
    },
    /** Returns how many fetches reached the subgraph, the neighbor and the third subgraph. */
    fetches: () => Object.values(before).map(({ fetches }) => fetches.length),
    stop: () => Promise.all([gateway, ...Object.values(before), third, neighbor, subgraph].map((one) => one.stop())),
  };
}

/** Starts a supergraph for a block of tests, and resets the command API and the recorders before each test. */
export function useSupergraph(...starting: Parameters<typeof startSupergraph>) {
  const start = useMany(startSupergraph);
  const supergraph = {} as Awaited<ReturnType<typeof startSupergraph>>;
  beforeAll(async () => {
    Object.assign(supergraph, await start(...starting));
  });
  beforeEach(() => {
    supergraph.upstream.reset();
    for (const recorder of Object.values(supergraph.before)) recorder.reset();
  });
  return supergraph;
}
