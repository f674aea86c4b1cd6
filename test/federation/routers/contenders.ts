/**
 * This subgraph and the contenders of the benchmarks, each behind a real Apollo Router and before a command API of its own.
 */
import { beforeAll, beforeEach } from '@jest/globals';
import { HEADERS } from '../../../bench/contender.ts';
import { BY_BATCH, BY_LISTS, COMPLETE, KEPT, type Kind, LEAN, MERCURIUS_BY_LISTS } from '../../../bench/contenders.ts';
import { startRouted } from '../../../bench/router.ts';
import { formatMaintenanceId, type Id } from '../../../src/maintenance.ts';
import { type Answer, askAt } from '../../support/ask.ts';
import { startRecorder } from '../../support/recorder.ts';
import type { FieldQuery } from '../../support/requests.ts';
import { startSubgraph } from '../../support/subgraph.ts';
import { startUpstream, type Upstream } from '../../support/upstream.ts';
import { useMany } from '../../support/use-subgraph.ts';
import { idOf } from '../../support/visits.ts';
import { settle, until } from '../../support/wait.ts';

const CONNECTORS = { complete: COMPLETE, kept: KEPT, lean: LEAN, byBatch: BY_BATCH };
/** Both with a loader that reads a list in place of several details. */
const SUBGRAPHS = { template: BY_LISTS, mercurius: MERCURIUS_BY_LISTS };
export type Name = 'ours' | keyof typeof CONNECTORS | keyof typeof SUBGRAPHS;

export type Operation = Pick<FieldQuery, 'query' | 'variables'>;

export interface Contender {
  readonly upstream: Upstream;
  /** Sends an operation to the router. */
  ask(operation: Operation): Promise<Answer>;
  /** Resolves when this many identical reads have sent a command, or wait for the command of another read. */
  haveAsked(reads: number): Promise<void>;
  reset(): void;
}

/** Starts all contenders for a block of tests. Resets them before each test. */
export function useContenders(): Readonly<Record<Name, Contender>> {
  const contenders = {} as Record<Name, Contender>;
  const routed = useMany(startRouted);
  const start = useMany((kind: Kind, commandApiUrl: string) => kind.start(commandApiUrl));
  const recorders = useMany(startRecorder);
  const subgraphs = useMany(startSubgraph);
  const upstreams = useMany(startUpstream);

  async function startOurs(): Promise<Contender> {
    // Once open, the circuit breaker stays open.
    const env = { ROUTER_SECRET: HEADERS['router-authorization'], BREAKER_OPEN_MS: '60000' };
    const { upstream, url } = await subgraphs(env);
    const recorder = await recorders(url);
    const router = await routed({ url: recorder.url, pids: [], stop: async () => {} });
    return {
      upstream,
      ask: ({ query, variables }) => askAt(router.url, query, { variables }),
      async haveAsked(reads) {
        await until(() => recorder.fetches.length === reads);
        await settle(url);
      },
      reset() {
        reset(upstream);
        recorder.reset();
      },
    };
  }

  async function startOther(kind: Kind, isRouter: boolean): Promise<Contender> {
    const upstream = await upstreams();
    const started = await start(kind, upstream.url);
    const router = isRouter ? started : await routed(started);
    // Connectors lean take the id of each command from it.
    const headers = { 'x-command-id': HEADERS['x-command-id'] };
    return {
      upstream,
      ask: ({ query, variables }) => askAt(router.url, query, { variables, headers }),
      haveAsked: (reads) => until(() => upstream.received.length === reads),
      reset: () => reset(upstream),
    };
  }

  beforeAll(async () => {
    // One after the other: where one does not start, the others stop.
    contenders.ours = await startOurs();
    for (const [name, kind] of Object.entries(CONNECTORS)) contenders[name as Name] = await startOther(kind, true);
    for (const [name, kind] of Object.entries(SUBGRAPHS)) contenders[name as Name] = await startOther(kind, false);
  });
  beforeEach(() => {
    for (const contender of Object.values(contenders)) contender.reset();
  });
  return contenders;
}

/** A residence whose id has to be escaped, and its requests with the days on which they start. */
export const ODD = 'r%:1' as Id;
const ODD_DAYS = Object.entries({ 'a:%3A': '09', 'b%25': '', c: '08', d: '07', e: '07' });
export const ODD_IDS = ODD_DAYS.map(([id]) => formatMaintenanceId({ residenceId: ODD, maintenanceId: id as Id }));

/** Resets a command API, with `ODD`. A create answers the id of the residence's first request, so that it is the same for all. */
function reset(upstream: Upstream): void {
  upstream.reset();
  const odd = upstream.store.list(idOf('1-201')).map((ticket, index) => {
    const [maintenance_id = '', day] = ODD_DAYS[index] ?? [];
    return { ...ticket, maintenance_id, start_time: day ? `2026-01-${day} 08:00:00` : '' };
  });
  upstream.store.residences.set(ODD, odd);
  upstream.fail(({ command, param }) => {
    if (command !== 'create_maintenance_info') return undefined;
    const maintenance_id = upstream.store.list(String(param.residence_id))[0]?.maintenance_id;
    return { body: { success: true, result: { maintenance_id } } };
  });
}
