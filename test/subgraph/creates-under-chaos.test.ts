import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import type { NewTicket } from '../../dev/store.ts';
import { startThroughChaos, type ThroughChaos } from '../support/chaos.ts';
import { NEW_MAINTENANCE } from '../support/subgraph.ts';
import type { Answer as Reply } from '../support/upstream.ts';

const R = EXAMPLE.residenceId;
const CREATES = 1000;
const CONCURRENCY = 50;
const SEED = 20_260_101;
// After every 400 creates, the command API refuses the next 10 connections.
const DOWN_EVERY = 400;
const REFUSALS = 10;
const CREATE = `mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }`;

type Outcome = 'ID' | 'NOT_SENT' | 'REJECTED' | 'UNKNOWN';

interface Fault {
  /** How many of each thousand creates have the fault. */
  readonly weight: number;
  /** Whether the command API creates the ticket before the fault, so that only its reply is lost. */
  readonly done?: true;
  readonly outcome: Outcome;
  strike(response: ServerResponse): unknown;
}

const FAULTS: readonly Fault[] = [
  { weight: 80, done: true, outcome: 'UNKNOWN', strike: (response) => response.socket?.resetAndDestroy() },
  {
    weight: 80,
    done: true,
    outcome: 'UNKNOWN',
    strike: (response) => response.writeHead(200, { 'content-length': '100' }).write('{', () => response.socket?.end()),
  },
  // No response.
  { weight: 20, done: true, outcome: 'UNKNOWN', strike: () => {} },
  { weight: 40, done: true, outcome: 'UNKNOWN', strike: (response) => response.writeHead(502).end() },
  { weight: 30, outcome: 'UNKNOWN', strike: (response) => response.writeHead(429).end() },
  { weight: 30, outcome: 'UNKNOWN', strike: (response) => response.writeHead(500).end('{"success":false}') },
  { weight: 40, outcome: 'REJECTED', strike: (response) => response.end('{"success":false}') },
];

interface Create {
  readonly description: string;
  /** Identifies the create when a connection is refused, where no body can be read. */
  readonly traceparent: string;
  readonly fault: Fault | undefined;
  refusals: number;
  /** How often the command API received the create. */
  arrivals: number;
  outcome?: Outcome;
  id?: string | undefined;
}

/** Returns a seeded generator (mulberry32) of numbers from 0 to 1, so that each run has the same faults. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('1,000 creates under chaos', () => {
  const random = createRandom(SEED);
  const lottery = FAULTS.flatMap((fault) => Array<Fault>(fault.weight).fill(fault));
  const creates: Create[] = Array.from({ length: CREATES }, (_, index) => ({
    description: `create ${index}`,
    traceparent: `00-${String(index + 1).padStart(32, '0')}-00f067aa0ba902b7-01`,
    fault: lottery[Math.floor(random() * 1000)],
    refusals: 0,
    arrivals: 0,
  }));
  const byTrace = new Map(creates.map((create) => [create.traceparent, create]));
  let chaos: ThroughChaos;
  let refusalsLeft = 0;

  // The proxy cannot count the connections that the system refuses.
  function countRefusal(message: unknown): void {
    const { request, error } = message as { request: ClientRequest; error: NodeJS.ErrnoException };
    const create = byTrace.get(String(request.getHeader('traceparent')));
    if (!create || error.code !== 'ECONNREFUSED') return;
    create.refusals++;
    if (--refusalsLeft === 0) chaos.proxy.clear();
  }

  beforeAll(async () => {
    // No breaker, so that every create is sent.
    const time = { ATTEMPT_TIMEOUT_MS: '5000', OPERATION_TIMEOUT_MS: '20000' };
    chaos = await startThroughChaos({ ...time, BREAKER_FAILURES: '10000' });
    chaos.upstream.fail(({ param, headers }, response): Reply | 'taken' | undefined => {
      const create = byTrace.get(String(headers.traceparent));
      if (create) create.arrivals++;
      if (!create?.fault) return undefined;
      if (create.fault.done) chaos.upstream.store.create(param as unknown as NewTicket);
      create.fault.strike(response);
      return 'taken';
    });
    const queue = creates.entries();
    const sendNext = async () => {
      for (const [index, create] of queue) {
        const { description, traceparent } = create;
        const variables = { input: { ...NEW_MAINTENANCE, description } };
        const { data, errors } = await chaos.ask(CREATE, { variables, headers: { traceparent } });
        create.id = data.createMaintenance?.id;
        create.outcome = create.id === undefined ? (errors[0]?.extensions.outcome as Outcome) : 'ID';
        if (index % DOWN_EVERY !== DOWN_EVERY - 1) continue;
        refusalsLeft = REFUSALS;
        await chaos.proxy.set({ down: 'refuse' });
      }
    };
    subscribe('http.client.request.error', countRefusal);
    await Promise.all(Array.from({ length: CONCURRENCY }, sendNext));
    unsubscribe('http.client.request.error', countRefusal);
  }, 60_000);
  afterAll(() => chaos.stop());

  const withOutcome = (outcome: Outcome) => creates.filter((create) => create.outcome === outcome);
  const storedIds = ({ description }: Create) =>
    chaos.upstream.store
      .list(R)
      .filter((ticket) => ticket.description === description)
      .map(({ maintenance_id }) => `${R}:${maintenance_id}`);

  it('meet every fault, at least 30 % of all faults after the create was done, and refused connections', () => {
    const struck = creates.filter(({ fault, arrivals, refusals }) => (fault && arrivals > 0) || refusals > 0);
    const done = struck.filter(({ fault, arrivals }) => fault?.done && arrivals > 0);
    expect(done.length / struck.length).toBeGreaterThanOrEqual(0.3);
    expect(struck.filter(({ refusals }) => refusals > 0).length).toBeGreaterThan(REFUSALS);
    const arrived = creates.filter(({ arrivals }) => arrivals > 0);
    expect(new Set(arrived.map(({ fault }) => fault))).toEqual(new Set([...FAULTS, undefined]));
  });

  it('arrive at most once and are stored at most once', () => {
    expect(creates.filter((create) => create.arrivals > 1 || storedIds(create).length > 1)).toEqual([]);
  });

  it('are stored under the id that the caller gets, and not at all with NOT_SENT or REJECTED', () => {
    expect(withOutcome('ID').map(storedIds)).toEqual(withOutcome('ID').map(({ id }) => [id]));
    expect([...withOutcome('NOT_SENT'), ...withOutcome('REJECTED')].flatMap(storedIds)).toEqual([]);
  });

  it('have the outcome of their fault', () => {
    const arrived = creates.filter(({ arrivals }) => arrivals > 0);
    expect(arrived.map(({ outcome }) => outcome)).toEqual(arrived.map(({ fault }) => fault?.outcome ?? 'ID'));
    // UNKNOWN if the system, but not the proxy, accepted the last connection.
    const others = creates.filter(({ arrivals }) => arrivals === 0);
    expect(others.filter(({ outcome }) => outcome !== 'NOT_SENT' && outcome !== 'UNKNOWN')).toEqual([]);
  });

  it('are sent again after a refused connection', () => {
    expect(withOutcome('ID').filter(({ refusals }) => refusals > 0)).not.toEqual([]);
  });
});
