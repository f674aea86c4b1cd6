import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import type { NewTicket } from '../../dev/store.ts';
import { startThroughChaos, type ThroughChaos } from '../support/chaos.ts';
import type { Answer as Reply } from '../support/upstream.ts';

const R = EXAMPLE.residenceId;
const CREATES = 1000;
const AT_ONCE = 50;
const SEED = 20_260_101;
// The command API cannot be reached after each of so many answers, until so many connections were refused.
const DOWN_EVERY = 400;
const REFUSALS = 10;
const INPUT = {
  residenceId: R,
  startTime: '2026-12-01T09:00:00Z',
  finishTime: '2026-12-01T12:00:00Z',
  contact: 'Mr Chen',
};
const CREATE = `mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }`;

type Outcome = 'ID' | 'NOT_SENT' | 'REJECTED' | 'UNKNOWN';

interface Fault {
  /** Of each thousand creates that arrive. */
  readonly weight: number;
  /** Whether the create has been done when it strikes, so that only the answer is lost. */
  readonly done: boolean;
  readonly outcome: Outcome;
  strike(response: ServerResponse): Reply | 'taken';
}

const answers = (reply: Reply) => () => reply;
const FAULTS: Readonly<Record<string, Fault>> = {
  'a reset': {
    weight: 80,
    done: true,
    outcome: 'UNKNOWN',
    strike(response) {
      response.socket?.resetAndDestroy();
      return 'taken';
    },
  },
  'a cut body': {
    weight: 80,
    done: true,
    outcome: 'UNKNOWN',
    strike(response) {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"success":true', () => response.socket?.end());
      return 'taken';
    },
  },
  'no answer in time': { weight: 20, done: true, outcome: 'UNKNOWN', strike: () => 'taken' },
  '502 all the same': { weight: 40, done: true, outcome: 'UNKNOWN', strike: answers({ status: 502, body: '<html>' }) },
  '429': { weight: 30, done: false, outcome: 'UNKNOWN', strike: answers({ status: 429 }) },
  '500': { weight: 30, done: false, outcome: 'UNKNOWN', strike: answers({ status: 500, body: { success: false } }) },
  'a refusal': { weight: 40, done: false, outcome: 'REJECTED', strike: answers({ body: { success: false } }) },
};

/** One create: what it met on its way, and what its caller was told. */
interface Create {
  readonly description: string;
  /** Goes with its commands, and tells them apart where there is no body to read. */
  readonly traceparent: string;
  readonly fault: Fault | undefined;
  /** Connections that were refused, before it arrived if it did. */
  refused: number;
  /** How often the command API received it. */
  arrived: number;
  outcome?: Outcome;
  id?: string | undefined;
}

/** A small seeded generator (mulberry32) of numbers from 0 up to 1: the same faults in each run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function draw(random: () => number): Fault | undefined {
  let point = random() * 1000;
  for (const fault of Object.values(FAULTS)) {
    point -= fault.weight;
    if (point < 0) return fault;
  }
  return undefined;
}

describe('1,000 creates under chaos', () => {
  const random = createRandom(SEED);
  const creates: Create[] = Array.from({ length: CREATES }, (_, index) => ({
    description: `create ${index}`,
    traceparent: `00-${String(index + 1).padStart(32, '0')}-00f067aa0ba902b7-01`,
    fault: draw(random),
    refused: 0,
    arrived: 0,
  }));
  const byTrace = new Map(creates.map((create) => [create.traceparent, create]));
  let chaos: ThroughChaos;

  beforeAll(async () => {
    // No breaker: each create is to be sent into the chaos.
    const env = { ATTEMPT_TIMEOUT_MS: '5000', OPERATION_TIMEOUT_MS: '20000', BREAKER_FAILURES: '10000' };
    chaos = await startThroughChaos(env);
    chaos.upstream.fail(({ param, headers }, response) => {
      const create = byTrace.get(String(headers.traceparent));
      if (!create) return undefined;
      create.arrived++;
      if (create.fault?.done) chaos.upstream.store.create(param as unknown as NewTicket);
      return create.fault?.strike(response);
    });
    await askAll();
  }, 60_000);
  afterAll(() => chaos.stop());

  async function askAll(): Promise<void> {
    let refusalsLeft = 0;
    let answered = 0;
    // A refused connection reaches nobody who could count it but the one who is refused; the trace says for which create.
    const noteRefusal = (message: unknown) => {
      const { request, error } = message as { request: ClientRequest; error: NodeJS.ErrnoException };
      const create = byTrace.get(String(request.getHeader('traceparent')));
      if (!create || error.code !== 'ECONNREFUSED') return;
      create.refused++;
      if (--refusalsLeft === 0) chaos.proxy.clear();
    };
    const queue = creates.values();
    const askNext = async () => {
      for (const create of queue) {
        await ask(create);
        answered++;
        if (answered % DOWN_EVERY !== 0 || answered > CREATES - AT_ONCE) continue;
        refusalsLeft = REFUSALS;
        await chaos.proxy.set({ down: 'refuse' });
      }
    };
    subscribe('http.client.request.error', noteRefusal);
    await Promise.all(Array.from({ length: AT_ONCE }, askNext));
    unsubscribe('http.client.request.error', noteRefusal);
  }

  async function ask(create: Create): Promise<void> {
    const { description, traceparent } = create;
    const { data, errors } = await chaos.ask(CREATE, {
      variables: { input: { ...INPUT, description } },
      headers: { traceparent },
    });
    create.id = data.createMaintenance?.id;
    create.outcome = create.id === undefined ? (errors[0]?.extensions.outcome as Outcome) : 'ID';
  }

  const told = (outcome: Outcome) => creates.filter((create) => create.outcome === outcome);
  const storedIds = ({ description }: Create) =>
    chaos.upstream.store
      .list(R)
      .filter((ticket) => ticket.description === description)
      .map(({ maintenance_id }) => `${R}:${maintenance_id}`);

  it('lost at least 30 % of what failed after it had been done, and some before', () => {
    const struck = creates.filter(({ fault, arrived, refused }) => (fault && arrived > 0) || refused > 0);
    const done = struck.filter(({ fault, arrived }) => fault?.done && arrived > 0);
    expect(done.length / struck.length).toBeGreaterThanOrEqual(0.3);
    expect(creates.filter(({ refused }) => refused > 0).length).toBeGreaterThan(REFUSALS);
    for (const fault of Object.values(FAULTS)) {
      expect(creates.some((create) => create.fault === fault && create.arrived > 0)).toBe(true);
    }
  });

  it('filed not one twice, and sent not one again that had arrived', () => {
    expect(creates.filter((create) => storedIds(create).length > 1)).toEqual([]);
    expect(creates.filter(({ arrived }) => arrived > 1)).toEqual([]);
  });

  it('told of each what it was', () => {
    const counts = (['ID', 'NOT_SENT', 'REJECTED', 'UNKNOWN'] as const).map((outcome) => told(outcome).length);
    expect(counts.reduce((sum, count) => sum + count)).toBe(CREATES);
    expect(told('ID').map(storedIds)).toEqual(told('ID').map(({ id }) => [id]));
    expect(told('NOT_SENT').flatMap(storedIds)).toEqual([]);
    expect(told('REJECTED').flatMap(storedIds)).toEqual([]);
    const stored = told('UNKNOWN').flatMap(storedIds).length;
    // The example ticket of the seed is there too.
    expect(chaos.upstream.store.list(R)).toHaveLength(told('ID').length + stored + 1);
  });

  it('told no less than can be known', () => {
    const arrived = creates.filter((create) => create.arrived > 0);
    expect(arrived.map(({ outcome }) => outcome)).toEqual(arrived.map(({ fault }) => fault?.outcome ?? 'ID'));
    // Where the last connection was taken by the system but not by the proxy, nobody can know that it was not sent.
    const others = creates.filter((create) => create.arrived === 0);
    expect(others.filter(({ outcome }) => outcome !== 'NOT_SENT' && outcome !== 'UNKNOWN')).toEqual([]);
  });

  it('tried again some whose connection was refused, which certainly were not sent', () => {
    expect(told('ID').filter(({ refused }) => refused > 0).length).toBeGreaterThan(0);
  });
});
