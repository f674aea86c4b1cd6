/**
 * The supergraph over real HTTP for a test file: the subgraph that ships before the tests' command API, the neighbour
 * that owns `Residence`, a third subgraph that refers to repair requests, a recorder before each, and a gateway.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { Subgraph as Composed } from '../../dev/supergraph/gateway.ts';
import type { Listening, Running } from '../../dev/supergraph/host.ts';
import { RESIDENCES_SDL, startNeighbour } from '../../dev/supergraph/neighbour.ts';
import { startRecorder } from './recorder.ts';
import { type Asking, askAt, ROUTER_SECRET, startSubgraph } from './subgraph.ts';
import { type KeyFields, startVisits, visitsSdl } from './visits.ts';

export const MAINTENANCE_SDL = readFileSync(new URL('../../schema/maintenance.graphql', import.meta.url), 'utf8');

const FREE = { host: '127.0.0.1', port: 0 } as const;

export type StartGateway = (subgraphs: readonly Composed[], listening: Listening) => Promise<Running>;

interface Composition {
  /** The key that the third subgraph refers by. */
  readonly visitsBy?: KeyFields;
  /** What the supergraph takes the neighbour's SDL for. */
  readonly residencesSdl?: string;
  /** How long the gateway waits for the neighbour. */
  readonly residencesTimeoutMs?: number;
}

export async function startSupergraph(
  startGateway: StartGateway,
  { visitsBy = 'id', residencesSdl = RESIDENCES_SDL, residencesTimeoutMs = 12_000 }: Composition = {},
) {
  const started: { stop(): Promise<void> }[] = [];
  async function keep<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
    const one = await starting;
    started.unshift(one);
    return one;
  }
  async function stop() {
    for (const one of started) await one.stop();
  }

  // A command that hangs costs the tests no more time than this.
  const subgraph = await keep(startSubgraph({ ATTEMPT_TIMEOUT_MS: '1000' }));
  const neighbour = await keep(startNeighbour(FREE));
  const visits = await keep(startVisits(visitsBy));
  const before = {
    maintenance: await keep(startRecorder(subgraph.url)),
    residences: await keep(startRecorder(neighbour.url)),
    visits: await keep(startRecorder(visits.url)),
  };
  const starting = startGateway(
    [
      {
        name: 'maintenance',
        url: before.maintenance.url,
        sdl: MAINTENANCE_SDL,
        headers: { 'router-authorization': ROUTER_SECRET },
      },
      { name: 'residences', url: before.residences.url, sdl: residencesSdl, timeoutMs: residencesTimeoutMs },
      { name: 'visits', url: before.visits.url, sdl: visitsSdl(visitsBy) },
    ],
    FREE,
  );
  const gateway = await keep(starting).catch(async (error) => {
    // Servers that stay open would keep jest from ending.
    await stop();
    throw error;
  });

  return {
    before,
    upstream: subgraph.upstream,
    /** Sends an operation to the gateway. */
    ask: (query: string, asking?: Asking) => askAt(`${gateway.url}/graphql`, query, asking),
    reset() {
      subgraph.upstream.reset();
      for (const recorder of Object.values(before)) recorder.reset();
    },
    stop,
  };
}

export type Supergraph = Awaited<ReturnType<typeof startSupergraph>>;

/** One supergraph for a block of tests, everything as at its start before each. */
export function useSupergraph(startGateway: StartGateway, composition?: Composition) {
  let supergraph: Supergraph;
  beforeAll(async () => {
    supergraph = await startSupergraph(startGateway, composition);
  });
  afterAll(() => supergraph?.stop());
  beforeEach(() => supergraph.reset());
  return {
    ask: (...asking: Parameters<Supergraph['ask']>) => supergraph.ask(...asking),
    get upstream() {
      return supergraph.upstream;
    },
    /** The recorders before the subgraphs. */
    get before() {
      return supergraph.before;
    },
    /** How many fetches reached the subgraph that ships, the neighbour and the third one. */
    fetches: () => {
      const { maintenance, residences, visits } = supergraph.before;
      return [maintenance, residences, visits].map(({ fetches }) => fetches.length);
    },
  };
}
