/**
 * This subgraph and the contenders of the benchmarks, each behind a real Apollo Router and before a command API of its own.
 */
import { beforeAll, beforeEach } from '@jest/globals';
import type { Form } from '../../bench/connectors.ts';
import { HEADERS, start } from '../../bench/contender.ts';
import { startConnectors, startRouted } from '../../bench/router.ts';
import { formatMaintenanceId, type Id } from '../../src/maintenance.ts';
import { type Answer, askAt } from '../support/ask.ts';
import { startRecorder } from '../support/recorder.ts';
import type { FieldQuery } from '../support/requests.ts';
import { startSubgraph } from '../support/subgraph.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { useMany } from '../support/use-subgraph.ts';
import { idOf } from '../support/visits.ts';
import { settle, until } from '../support/wait.ts';

/** Both with a loader that reads a list in place of several details. */
const PROGRAMS = { template: 'stock', mercurius: 'mercurius' } as const;
export type Name = 'ours' | Form | keyof typeof PROGRAMS;
const NAMES: readonly Name[] = ['ours', 'complete', 'kept', 'lean', 'byBatch', 'template', 'mercurius'];

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
  const connectors = useMany(startConnectors);
  const programs = useMany(start);
  const recorders = useMany(startRecorder);
  const subgraphs = useMany(startSubgraph);
  const upstreams = useMany(startUpstream);

  async function startOurs(): Promise<Contender> {
    // Once open, the circuit breaker stays open.
    const env = { ROUTER_SECRET: HEADERS['router-authorization'], BREAKER_OPEN_MS: '60000' };
    const { upstream, url } = await subgraphs(env);
    const recorder = await recorders(url);
    const router = await routed({ url: recorder.url, pids: [], stop: async () => {} }, false);
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

  async function startOther(name: Exclude<Name, 'ours'>): Promise<Contender> {
    const upstream = await upstreams();
    const router = await (name === 'template' || name === 'mercurius'
      ? startProgram(PROGRAMS[name], upstream.url)
      : connectors(name, upstream.url, false));
    // Connectors lean take the id of each command from it.
    const headers = { 'x-command-id': HEADERS['x-command-id'] };
    return {
      upstream,
      ask: ({ query, variables }) => askAt(router.url, query, { variables, headers }),
      haveAsked: (reads) => until(() => upstream.received.length === reads),
      reset: () => reset(upstream),
    };
  }

  async function startProgram(name: string, COMMAND_API_URL: string) {
    const program = [`bench/contenders/${name}.ts`, 'by-lists'];
    return routed(await programs(name, program, { COMMAND_API_URL }, { pinned: false }), false);
  }

  beforeAll(async () => {
    // One after the other: where one does not start, the others stop.
    for (const name of NAMES) contenders[name] = await (name === 'ours' ? startOurs() : startOther(name));
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
