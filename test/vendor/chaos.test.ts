import { expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { codes, NEW_MAINTENANCE } from '../support/ask.ts';
import { startThroughChaos, type ThroughChaos } from '../support/chaos.ts';
import type { Toxics } from '../support/chaos-proxy.ts';
import { useMany } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const ID = `${R}:${EXAMPLE.maintenanceId}`;
const DETAIL = `{ maintenance(id: "${ID}") { id } }`;
const READ = `query ($representations: [_Any!]!) {
  maintenances(residenceId: "${R}") { id }
  _entities(representations: $representations) { ... on Maintenance { description } ... on Residence { id } }
}`;
const CREATE = `mutation ($input: CreateMaintenanceInput!) { __typename createMaintenance(input: $input) { createdId } }`;
/** A residence by its key needs no command. */
const OTHER = { __typename: 'Residence', id: 'other' };

/** The code and outcome of the error, if there is an error, and whether the command API receives the command. */
type Effect = { code?: string; outcome?: unknown; arrives: boolean };
const harmless: Effect = { arrives: true };
const timeout: Effect = { code: 'UPSTREAM_TIMEOUT', arrives: false, outcome: 'UNKNOWN' };
const unavailable: Effect = { code: 'UPSTREAM_UNAVAILABLE', arrives: false, outcome: 'UNKNOWN' };

// test/vendor/upstream-faults.test.ts has the faults that a server can cause itself.
const TOXICS: [string, Toxics, Effect][] = [
  ['latency', { request: { latencyMs: 50 }, response: { latencyMs: 50 } }, harmless],
  ['sliced request', { request: { sliceBytes: 16 } }, harmless],
  ['sliced response', { response: { sliceBytes: 16 } }, harmless],
  ['lost request', { request: { timeout: true } }, timeout],
  ['lost response', { response: { timeout: true } }, { ...timeout, arrives: true }],
  ['reset in the request', { request: { resetAfterBytes: 40 } }, unavailable],
  ['close in the request', { request: { limitBytes: 40 } }, unavailable],
  ['reset in the head of the response', { response: { resetAfterBytes: 40 } }, { ...unavailable, arrives: true }],
  ['refused connection', { down: 'refuse' }, { ...unavailable, outcome: 'NOT_SENT' }],
  // The reset may come before or after the subgraph has seen the connection open.
  ['reset connection', { down: 'destroy' }, { ...unavailable, outcome: expect.stringMatching(/^(NOT_SENT|UNKNOWN)$/) }],
];

let chaos: ThroughChaos;
const start = useMany(startThroughChaos);

/** Starts a subgraph behind the proxy. On a busy machine, a command needs a second to arrive. */
async function startUnder(toxics: Toxics): Promise<void> {
  chaos = await start({ ATTEMPT_TIMEOUT_MS: '3000', OPERATION_TIMEOUT_MS: '4000' });
  await chaos.proxy.set(toxics);
}

/** Removes the toxic, after which the next read succeeds. */
async function expectRecovery(): Promise<void> {
  await chaos.proxy.clear();
  expect(await chaos.ask(DETAIL)).toMatchObject({ data: { maintenance: { id: ID } }, errors: [] });
  expect(chaos.logs().filter(({ level }) => Number(level) >= 50)).toEqual([]);
}

it.each(TOXICS)('a read fails no other field, and succeeds afterwards: %s', async (_, toxics, { code, arrives }) => {
  await startUnder(toxics);
  const representations = [OTHER, { __typename: 'Maintenance', id: ID }, OTHER];
  const answer = await chaos.ask(READ, { variables: { representations } });
  expect(codes(answer).sort()).toEqual(code ? ['_entities.1', 'maintenances'].map((path) => [code, path]) : []);
  expect(answer.data).toEqual({
    maintenances: code ? null : [{ id: ID }],
    _entities: [{ id: 'other' }, code ? null : { description: 'test' }, { id: 'other' }],
  });
  // Every attempt has the same command id.
  expect(new Set(chaos.upstream.received.map(({ id }) => id)).size).toBe(Number(arrives));
  expect(new Set(chaos.upstream.commands())).toEqual(new Set(arrives ? [`get_maintenance_list ${R}`] : []));
  await expectRecovery();
});

it.each(TOXICS)('a create is sent and done at most once, and has its outcome: %s', async (_, toxics, effect) => {
  const { code, arrives, outcome } = effect;
  await startUnder(toxics);
  const { store } = chaos.upstream;
  const [example] = store.list(R);
  const { data, errors } = await chaos.ask(CREATE, { variables: { input: NEW_MAINTENANCE } });
  expect(errors).toMatchObject(code ? [{ path: ['createMaintenance'], extensions: { code, outcome } }] : []);
  expect(chaos.upstream.commands()).toEqual(arrives ? [`create_maintenance_info ${R}`] : []);
  await expectRecovery();
  const created = store.list(R).filter((ticket) => ticket !== example);
  expect(created).toHaveLength(Number(arrives));
  const createdId = `${R}:${created[0]?.maintenance_id}`;
  expect(data).toEqual({ __typename: 'Mutation', createMaintenance: code ? null : { createdId } });
});

it('a read on a dead kept connection times out, and the next read gets another connection', async () => {
  await startUnder({});
  const countConnections = () => new Set(chaos.upstream.received.map(({ connection }) => connection)).size;
  for (let time = 0; time < 2; time++) await chaos.ask(DETAIL);
  expect(countConnections()).toBe(1);
  await chaos.proxy.set({ request: { timeout: true } });
  expect(codes(await chaos.ask(DETAIL))).toEqual([['UPSTREAM_TIMEOUT', 'maintenance']]);
  await expectRecovery();
  expect(countConnections()).toBe(2);
});
