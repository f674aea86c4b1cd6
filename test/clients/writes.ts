/** `resultOf` says of each kind of failure what happened to the writes of a mutation, from what each client returns. */
import { setImmediate } from 'node:timers/promises';
import { beforeAll, beforeEach, expect, it } from '@jest/globals';
import { resultOf } from '../../clients/javascript/result.ts';
import { EXAMPLE } from '../../dev/maintenance/seed.ts';
import { startGateway } from '../../dev/supergraph/gateway.ts';
import { NEW_MAINTENANCE, postTo } from '../support/ask.ts';
import { idOf } from '../support/maintenance/visits.ts';
import { type Fault as Breakage, CUT_OFF, type Recorder, startRecorder } from '../support/recorder.ts';
import type { Fault } from '../support/upstream.ts';
import { useMany } from '../support/use-subgraph.ts';
import { useSupergraph } from '../support/use-supergraph.ts';

export const HEADERS = { authorization: `Bearer ${EXAMPLE.token}` };
export const R = idOf('1-101');
const OTHER = idOf('2-201');
export const INPUT = { ...NEW_MAINTENANCE, residenceId: R };
/** Relay requires such names. */
export const MUTATIONS = {
  create: `mutation ScreenCreateMutation($input: CreateMaintenanceInput!) {
    createMaintenance(input: $input) { createdId maintenance { id state } }
  }`,
  delete: 'mutation ScreenDeleteMutation($id: ID!) { deleteMaintenance(id: $id) { deletedId } }',
  deleteAll: `mutation ScreenDeleteAllMutation($ids: [ID!]!) {
    deleteMaintenances(ids: $ids) { deletedIds failures { failedId code outcome } }
  }`,
  both: `mutation ScreenBothMutation($input: CreateMaintenanceInput!, $id: ID!) {
    first: createMaintenance(input: $input) { createdId maintenance { id residence { id name } } }
    second: deleteMaintenance(id: $id) { deletedId }
  }`,
} as const;
export type Mutation = keyof typeof MUTATIONS;

type Response = { readonly data?: unknown; readonly errors?: unknown };
/** Sends a mutation. Resolves to what docs/apps.md says to give to `resultOf`. */
export type Send = (mutation: Mutation, variables: Record<string, unknown>) => Promise<Response | undefined>;

const fail = (prefix: string, status = 503): Fault => {
  return ({ command }) => (command.startsWith(prefix) ? { status } : undefined);
};
/** A fault: reads get 403, and writes take effect. */
export const REFUSE_READS = fail('get_', 403);
const failBoth: Fault = (...sent) => fail('create')(...sent) ?? fail('delete', 403)(...sent);
const refuseOther: Fault = ({ param }) => (param.residence_id === OTHER ? { status: 403 } : undefined);
const answer = (status: number, body: object): Breakage => {
  const text = JSON.stringify(body);
  return (response) => void response.writeHead(status, { 'content-type': 'application/json' }).end(text);
};
const error = (code: string, outcome?: string) => ({ message: 'x', extensions: { code, outcome } });
const [ROUTERS_OWN, OVERLOADED] = [error('SUBREQUEST_HTTP_ERROR'), error('OVERLOADED', 'NOT_SENT')];
const NULL = { data: { createMaintenance: null }, errors: [ROUTERS_OWN, OVERLOADED] };
const ALIASES = { create: ['createMaintenance'], both: ['first', 'second'] };

type Servers = Pick<ReturnType<typeof useSupergraph>, 'upstream' | 'before'> & { readonly router: Recorder };
const failed = (outcome: string, code: string, faults: object[] = []) => ({ outcome, code, faults });
const DONE = expect.objectContaining({ outcome: 'DONE' });
const UNKNOWN = { outcome: 'UNKNOWN', code: undefined, faults: [] };
const OF_ROUTER = failed('UNKNOWN', 'SUBREQUEST_HTTP_ERROR');
const REFUSED = failed('REJECTED', 'FORBIDDEN');
const CUT = failed('UNKNOWN', 'INTERNAL_SERVER_ERROR');
const LOST = failed('UNKNOWN', 'UPSTREAM_UNAVAILABLE');
const NO_ROOM = failed('NOT_SENT', 'OVERLOADED');
const FAULTS = failed('NOT_SENT', 'BAD_USER_INPUT', [
  { argument: 'input.contact', code: 'BLANK', message: 'must not be blank' },
  { argument: 'input.finishTime', code: 'NOT_LATER', message: 'must be later than input.startTime' },
]);
/** With one result, of a create; with two, of both mutations. */
const FAILURES: [title: string, (servers: Servers) => unknown, ...results: [object] | [object, object]][] = [
  ['nothing', () => {}, DONE, DONE],
  ['the first mutation', ({ upstream }) => upstream.fail(fail('create')), LOST, DONE],
  ['both mutations', ({ upstream }) => upstream.fail(failBoth), LOST, REFUSED],
  ['a neighbor with 401', ({ before }) => before.residences.fail(answer(401, {})), DONE, DONE],
  ['reading back', ({ upstream }) => upstream.fail(REFUSE_READS), DONE],
  ['the subgraph’s connection', ({ before }) => before.maintenance.fail(CUT_OFF), CUT, CUT],
  ['the room', ({ before }) => before.maintenance.fail(answer(503, { errors: [OVERLOADED] })), NO_ROOM, NO_ROOM],
  ['the router’s connection', ({ router }) => router.fail(CUT_OFF), UNKNOWN],
  ['the router with 503', ({ router }) => router.fail(answer(503, error('x'))), UNKNOWN],
  ['all with an error of the router', ({ router }) => router.fail(answer(200, { errors: [ROUTERS_OWN] })), OF_ROUTER],
  ['the room, with an error of the router before', ({ router }) => router.fail(answer(200, NULL)), NO_ROOM],
];

/** How a proxy breaks a kept connection after the gateway has answered, instead of passing on the answer. */
const AFTER_THE_WRITE: [title: string, Breakage][] = [
  ['the kept connection closes', CUT_OFF],
  ['the kept connection is reset', ({ socket }) => void socket?.resetAndDestroy()],
  ['a proxy answers 408', (response) => void response.writeHead(408).end()],
  ['a proxy answers 503 with Retry-After: 0', (response) => void response.writeHead(503, { 'retry-after': '0' }).end()],
];

/** Defines the tests. Returns the supergraph. */
export function describeWrites(client: string, connect: (url: string) => Send) {
  const supergraph = useSupergraph(startGateway);
  const start = useMany(startRecorder);
  let router: Recorder;
  beforeAll(async () => {
    router = await start(new URL(supergraph.url).origin);
  });
  beforeEach(() => router.reset());

  it.each(FAILURES)(`${client} tells what happened if this fails: %s`, async (...[, breakIt, ...results]) => {
    breakIt({ ...supergraph, router });
    const mutation = results[1] ? 'both' : 'create';
    const response = await connect(router.url)(mutation, { input: INPUT, id: `${R}:m` });
    expect(ALIASES[mutation].map((alias) => resultOf(response, alias))).toEqual(results);
  });

  it.each(AFTER_THE_WRITE)(`${client} sends a create once if then %s`, async (_, breakIt) => {
    const proxy = await start(new URL(supergraph.url).origin);
    const send = connect(proxy.url);
    await send('delete', { id: `${R}:m` });
    // After a turn of the event loop, fetch() uses this connection again.
    await setImmediate();
    proxy.fail(async (response) => {
      await postTo(supergraph.url, String(proxy.fetches.at(-1)?.body), {});
      breakIt(response);
    });
    expect(resultOf(await send('create', { input: INPUT }), 'createMaintenance')).toEqual(UNKNOWN);
    const writes = supergraph.upstream.received.filter(({ command }) => !command.startsWith('get_'));
    expect(writes.map(({ command }) => command)).toEqual(['delete_maintenance_info', 'create_maintenance_info']);
    const [kept, ...others] = proxy.fetches.map(({ connection }) => connection);
    expect(others).toEqual([kept]);
  });

  it(`${client} tells all faults of a form`, async () => {
    const input = { ...INPUT, finishTime: INPUT.startTime, contact: '' };
    expect(resultOf(await connect(supergraph.url)('create', { input }), 'createMaintenance')).toEqual(FAULTS);
  });

  it(`${client} tells what of a batch happened`, async () => {
    supergraph.upstream.fail(refuseOther);
    const response = await connect(supergraph.url)('deleteAll', { ids: [`${R}:m`, `${OTHER}:m`] });
    expect(resultOf(response, 'deleteMaintenances')).toEqual(DONE);
    const failures = [{ failedId: `${OTHER}:m`, code: 'FORBIDDEN', outcome: 'REJECTED' }];
    expect(response?.data).toMatchObject({ deleteMaintenances: { deletedIds: [`${R}:m`], failures } });
  });
  return supergraph;
}
