import { afterEach, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { startThroughChaos, type ThroughChaos } from '../support/chaos.ts';
import type { Toxics } from '../support/chaos-proxy.ts';
import type { Answer } from '../support/subgraph.ts';

const R = EXAMPLE.residenceId;
const M = EXAMPLE.maintenanceId;
const ID = `${R}:${M}`;
const READ = `query ($others: [_Any!]!) {
  __typename
  maintenances(residenceId: "${R}") { id description }
  _entities(representations: $others) { ... on Residence { id } }
}`;
const ENTITIES = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) { ... on Maintenance { id description } ... on Residence { id } }
}`;
const CREATE = `mutation ($input: CreateMaintenanceInput!) { __typename createMaintenance(input: $input) { id } }`;
const INPUT = {
  residenceId: R,
  startTime: '2026-12-01T09:00:00Z',
  finishTime: '2026-12-01T12:00:00Z',
  description: 'under chaos',
  contact: 'Mr Chen',
};
/** A residence by its key alone: data that needs no command. */
const OTHER = { __typename: 'Residence', id: 'other' };

interface Harm {
  /** The code of the error that it becomes; null where the data comes all the same. */
  readonly code: string | null;
  /** Whether a command arrives at the command API. */
  readonly arrives: boolean;
  /** What is known of a write. */
  readonly outcome?: 'NOT_SENT' | 'UNKNOWN' | RegExp;
}
const harmless: Harm = { code: null, arrives: true };
const timeout = (arrives: boolean): Harm => ({ code: 'UPSTREAM_TIMEOUT', arrives, outcome: 'UNKNOWN' });
const unavailable = (arrives: boolean): Harm => ({ code: 'UPSTREAM_UNAVAILABLE', arrives, outcome: 'UNKNOWN' });

// A command is some 400 bytes and its answer 400, of which the head takes 150.
const TOXICS: [string, Toxics, Harm][] = [
  ['latency', { request: { latencyMs: 50 }, response: { latencyMs: 50 } }, harmless],
  ['latency beyond the time of an attempt', { response: { latencyMs: 60_000 } }, timeout(true)],
  ['latency of the request beyond it', { request: { latencyMs: 60_000 } }, timeout(false)],
  ['little bandwidth', { response: { bytesPerSecond: 4000 } }, harmless],
  ['too little bandwidth', { response: { bytesPerSecond: 20 } }, timeout(true)],
  ['slow close', { response: { slowCloseMs: 60_000 } }, harmless],
  ['slicer', { response: { sliceBytes: 16 } }, harmless],
  ['slicer of the request', { request: { sliceBytes: 16 } }, harmless],
  ['timeout', { response: { timeout: true } }, timeout(true)],
  ['timeout of the request', { request: { timeout: true } }, timeout(false)],
  ['reset before the answer', { response: { resetAfterBytes: 0 } }, unavailable(true)],
  ['reset in the head of the answer', { response: { resetAfterBytes: 40 } }, unavailable(true)],
  ['reset in the body of the answer', { response: { resetAfterBytes: 200 } }, unavailable(true)],
  ['reset before the request', { request: { resetAfterBytes: 0 } }, unavailable(false)],
  ['reset in the request', { request: { resetAfterBytes: 40 } }, unavailable(false)],
  ['close before the answer', { response: { limitBytes: 0 } }, unavailable(true)],
  ['close in the head of the answer', { response: { limitBytes: 40 } }, unavailable(true)],
  ['close in the body of the answer', { response: { limitBytes: 200 } }, unavailable(true)],
  ['close in the request', { request: { limitBytes: 40 } }, unavailable(false)],
  ['down, refusing', { down: 'refuse' }, { code: 'UPSTREAM_UNAVAILABLE', arrives: false, outcome: 'NOT_SENT' }],
  // Whether the connection is seen to stand before it is reset is a race, and so is what can be said of a write.
  ['down, destroying', { down: 'destroy' }, { ...unavailable(false), outcome: /^(NOT_SENT|UNKNOWN)$/ }],
];

let chaos: ThroughChaos;

afterEach(() => chaos.stop());

/** Each test has a subgraph of its own: none inherits a connection, a breaker or a budget from the harm before. */
async function startUnder(toxics: Toxics, { code }: Harm): Promise<void> {
  // Short only where it must run out, so that a busy machine fails no other.
  chaos = await startThroughChaos({
    ATTEMPT_TIMEOUT_MS: code === 'UPSTREAM_TIMEOUT' ? '300' : '3000',
    OPERATION_TIMEOUT_MS: '4000',
  });
  await chaos.proxy.set(toxics);
}

const created = () => chaos.upstream.store.list(R).filter(({ description }) => description === INPUT.description);

function expectErrors(answer: Answer, path: (string | number)[], { code, outcome }: Harm, isWrite = false): void {
  expect(answer.status).toBe(200);
  const known = outcome instanceof RegExp ? expect.stringMatching(outcome) : outcome;
  const extensions = { code, ...(isWrite && { outcome: known }) };
  expect(answer.errors).toMatchObject(code === null ? [] : [{ path, extensions }]);
  expect(answer.errors).toHaveLength(code === null ? 0 : 1);
}

/** Without the toxic, everything works at the next request. */
async function expectRecovery(): Promise<void> {
  await chaos.proxy.clear();
  const { data, errors } = await chaos.ask(`{ maintenance(id: "${ID}") { id } }`);
  expect(errors).toEqual([]);
  expect(data).toEqual({ maintenance: { id: ID } });
  const unforeseen = chaos.logs().filter(({ level }) => Number(level) >= 50);
  expect(unforeseen).toEqual([]);
}

describe('between subgraph and command API, costs no more than what it strikes', () => {
  it.each(TOXICS)('of a read: %s', async (_, toxics, harm) => {
    await startUnder(toxics, harm);
    const answer = await chaos.ask(READ, { variables: { others: [OTHER] } });
    expectErrors(answer, ['maintenances'], harm);
    expect(answer.data).toEqual({
      __typename: 'Query',
      maintenances: harm.code === null ? [{ id: ID, description: 'test' }] : null,
      _entities: [{ id: 'other' }],
    });
    // A read may be tried again, as the same command.
    const ids = new Set(chaos.upstream.received.map(({ id }) => id));
    expect(ids.size).toBe(harm.arrives ? 1 : 0);
    expect(new Set(chaos.upstream.commands())).toEqual(new Set(harm.arrives ? [`get_maintenance_list ${R}`] : []));
    await expectRecovery();
  });

  it.each(TOXICS)('of a mutation: %s', async (_, toxics, harm) => {
    await startUnder(toxics, harm);
    const answer = await chaos.ask(CREATE, { variables: { input: INPUT } });
    expectErrors(answer, ['createMaintenance'], harm, true);
    // Sent once, and what arrived was done once, whatever the caller was told.
    expect(chaos.upstream.commands()).toEqual(harm.arrives ? [`create_maintenance_info ${R}`] : []);
    expect(created()).toHaveLength(harm.arrives ? 1 : 0);
    const id = `${R}:${created()[0]?.maintenance_id}`;
    expect(answer.data).toEqual({ __typename: 'Mutation', createMaintenance: harm.code === null ? { id } : null });
    await expectRecovery();
    expect(created()).toHaveLength(harm.arrives ? 1 : 0);
  });

  it.each(TOXICS)('of _entities: %s', async (_, toxics, harm) => {
    await startUnder(toxics, harm);
    const representations = [OTHER, { __typename: 'Maintenance', id: ID }, OTHER];
    const answer = await chaos.ask(ENTITIES, { variables: { representations } });
    expectErrors(answer, ['_entities', 1], harm);
    expect(answer.data).toEqual({
      _entities: [{ id: 'other' }, harm.code === null ? { id: ID, description: 'test' } : null, { id: 'other' }],
    });
    expect(new Set(chaos.upstream.commands())).toEqual(new Set(harm.arrives ? [`get_maintenance_info ${R} ${M}`] : []));
    await expectRecovery();
  });
});

it('strikes a kept connection, and the next read has another', async () => {
  await startUnder({}, timeout(false));
  const read = () => chaos.ask(`{ maintenance(id: "${ID}") { id } }`);
  await read();
  await read();
  expect(chaos.proxy.connections()).toBe(1);
  await chaos.proxy.set({ request: { timeout: true } });
  expect((await read()).errors).toMatchObject([{ extensions: { code: 'UPSTREAM_TIMEOUT' } }]);
  await expectRecovery();
  expect(chaos.proxy.connections()).toBe(2);
});
