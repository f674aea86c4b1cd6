import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NewTicket } from '../../dev/maintenance/store.ts';
import { NEW_MAINTENANCE } from '../support/ask.ts';
import { R } from '../support/maintenance/requests.ts';
import { type Subgraph, startSubgraph } from '../support/use-subgraph.ts';

// After every 400 creates, the command API refuses the next 10 connections.
const DOWN_EVERY = 400;
const REFUSALS = 10;
const CREATE = `mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { createdId } }`;

type Outcome = 'ID' | 'NOT_SENT' | 'REJECTED' | 'UNKNOWN';
interface Fault {
  /** How many of the creates have the fault. */
  readonly count: number;
  /** Whether the command API creates the ticket before the fault, so that only its reply is lost. */
  readonly isDone: boolean;
  readonly outcome: Outcome;
  strike(response: ServerResponse): unknown;
}
const LONGER = { 'content-length': '100' };
const lost = { isDone: true, outcome: 'UNKNOWN' } as const;
const FAULTS: readonly Fault[] = [
  { ...lost, count: 80, strike: (response) => response.socket?.resetAndDestroy() },
  { ...lost, count: 80, strike: (response) => response.writeHead(200, LONGER).write('{', () => response.destroy()) },
  // No response.
  { ...lost, count: 20, strike: () => {} },
  { ...lost, count: 40, strike: (response) => response.writeHead(502).end() },
  { ...lost, count: 30, isDone: false, strike: (response) => response.writeHead(429).end() },
  { ...lost, count: 30, isDone: false, strike: (response) => response.writeHead(500).end('{"success":false}') },
  { count: 40, isDone: false, outcome: 'REJECTED', strike: (response) => response.end('{"success":false}') },
];

describe('1,000 creates under chaos', () => {
  const faults = FAULTS.flatMap((fault) => Array<Fault>(fault.count).fill(fault));
  const creates = Array.from({ length: 1000 }, (_, index) => ({
    description: `create ${index}`,
    /** Identifies the create when a connection is refused, where no body can be read. */
    traceparent: `00-${String(index + 1).padStart(32, '0')}-00f067aa0ba902b7-01`,
    // 389 and 1,000 have no common factor: each fault gets its share, spread over all creates.
    fault: faults[(index * 389) % 1000],
    refusals: 0,
    /** How often the command API received the create. */
    arrivals: 0,
    outcome: undefined as Outcome | undefined,
    id: undefined as string | undefined,
  }));
  type Create = (typeof creates)[number];
  const byTrace = new Map(creates.map((create) => [create.traceparent, create]));
  let subgraph: Subgraph;
  let refusalsLeft = 0;

  // The fake cannot count the connections that the system refuses.
  function countRefusal(message: unknown): void {
    const { request, error } = message as { request: ClientRequest; error: NodeJS.ErrnoException };
    const create = byTrace.get(String(request.getHeader('traceparent')));
    if (!create || error.code !== 'ECONNREFUSED') return;
    create.refusals++;
    if (--refusalsLeft === 0) subgraph.upstream.restart();
  }

  beforeAll(async () => {
    // No breaker, so that every create is sent.
    const env = { ATTEMPT_TIMEOUT_MS: '5000', OPERATION_TIMEOUT_MS: '20000', BREAKER_FAILURES: '10000' };
    subgraph = await startSubgraph(env);
    subgraph.upstream.fail(({ param, headers }, response) => {
      const create = byTrace.get(String(headers.traceparent));
      if (create) create.arrivals++;
      if (!create?.fault) return undefined;
      if (create.fault.isDone) subgraph.upstream.store.create(param as unknown as NewTicket);
      create.fault.strike(response);
      return 'taken';
    });
    const queue = creates.entries();
    const sendNext = async () => {
      for (const [index, create] of queue) {
        const { description, traceparent } = create;
        const variables = { input: { ...NEW_MAINTENANCE, description } };
        const { data, errors } = await subgraph.ask(CREATE, { variables, headers: { traceparent } });
        create.id = data.createMaintenance?.createdId;
        create.outcome = create.id === undefined ? (errors[0]?.extensions.outcome as Outcome) : 'ID';
        if (index % DOWN_EVERY !== DOWN_EVERY - 1) continue;
        refusalsLeft = REFUSALS;
        subgraph.upstream.refuse();
      }
    };
    subscribe('http.client.request.error', countRefusal);
    await Promise.all(Array.from({ length: 50 }, sendNext));
    unsubscribe('http.client.request.error', countRefusal);
  });
  afterAll(() => subgraph.stop());

  const withOutcome = (outcome: Outcome) => creates.filter((create) => create.outcome === outcome);
  const storedIds = ({ description }: Create) => {
    const stored = subgraph.upstream.store.list(R).filter((ticket) => ticket.description === description);
    return stored.map(({ maintenance_id }) => `${R}:${maintenance_id}`);
  };

  it('arrive and are stored at most once, with the outcome of their fault', () => {
    expect(creates.filter((create) => create.arrivals > 1 || storedIds(create).length > 1)).toEqual([]);
    const arrived = creates.filter(({ arrivals }) => arrivals > 0);
    expect(new Set(arrived.map(({ fault }) => fault))).toEqual(new Set([...FAULTS, undefined]));
    expect(arrived.map(({ outcome }) => outcome)).toEqual(arrived.map(({ fault }) => fault?.outcome ?? 'ID'));
    // UNKNOWN if the system, but not the fake, accepted the last connection.
    const others = creates.filter(({ arrivals }) => arrivals === 0);
    expect(others.filter(({ outcome }) => outcome !== 'NOT_SENT' && outcome !== 'UNKNOWN')).toEqual([]);
  });

  it('are stored under the id that the caller gets, and not at all with NOT_SENT or REJECTED', () => {
    expect(withOutcome('ID').map(storedIds)).toEqual(withOutcome('ID').map(({ id }) => [id]));
    expect([...withOutcome('NOT_SENT'), ...withOutcome('REJECTED')].flatMap(storedIds)).toEqual([]);
  });

  it('are sent again after a refused connection', () => {
    expect(creates.filter(({ refusals }) => refusals > 0).length).toBeGreaterThan(REFUSALS);
    expect(withOutcome('ID').filter(({ refusals }) => refusals > 0)).not.toEqual([]);
  });
});
