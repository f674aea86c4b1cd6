/**
 * The answers that a client gets through a federation router, the commands that they cost, and the fetches of each subgraph.
 * `npm test` runs the suite behind the gateway of `npm run supergraph`, `npm run test:routers` behind each real router.
 */
import { describe, expect, it } from '@jest/globals';
import { readExamples } from '../../../dev/browser.ts';
import { FLATS } from '../../../dev/maintenance/seed.ts';
import { RESIDENCES, RESIDENCES_SDL } from '../../../dev/supergraph/neighbour.ts';
import { codes, ROUTER_SECRET } from '../../support/ask.ts';
import { aliased } from '../../support/maintenance/requests.ts';
import { idOf, VISITED } from '../../support/maintenance/visits.ts';
import type { Fault } from '../../support/recorder.ts';
import { TOKENS } from '../../support/upstream.ts';
import { IDENTITY, type StartGateway, useSupergraph } from '../../support/use-supergraph.ts';
import { until } from '../../support/wait.ts';

const FLAT = idOf('1-101');
const OTHER = idOf('1-201');
const NAMES = RESIDENCES.map(({ name }) => name);
const NESTED = `{
  residences { name address maintenances(states: [WAIT_FOR_CONFIRMATION, IN_PROGRESS], first: 3) { description state } }
}`;
const LIST = `get_maintenance_list ${FLAT}`;
const LIST_OF_EACH = RESIDENCES.map(({ id }) => `get_maintenance_list ${id}`);
const INPUT = `{
  residenceId: "${FLAT}", startTime: "2026-12-01T09:00:00Z", finishTime: "2026-12-01T12:00:00Z", description: "x", contact: "y"
}`;
const READ = `{ maintenances(residenceId: "${FLAT}") { id } }`;
export const CREATE = `mutation { createMaintenance(input: ${INPUT}) { createdId } }`;

/** How a router differs from the others. Its file in supergraph/ says so too. */
export interface Quirks {
  /** Error paths leave out the index of each list above an entity. */
  readonly omitsIndices?: true;
  /** Reads an entity of this subgraph again, by its key, when a neighbor adds to it. */
  readonly readsAgain?: true;
  /** Ends where some requests by `residence { id } maintenanceId` cannot be read. */
  readonly endsByVendorIds?: true;
}

/** Every extension that an error of the subgraph may have. */
export const EXTENSIONS = {
  code: 'COMMAND_REJECTED',
  command: 'delete_maintenance_info',
  commandId: 'c0',
  upstreamCode: 'E1',
  outcome: 'REJECTED',
  errorId: 'e0',
  arguments: [{ argument: 'id', message: 'no' }],
  othersOmitted: true,
};

const LIMIT = 'GRAPHQL_VALIDATION_FAILED NOT_SENT';
const [NO_SECRET, NO_TOKEN] = ['ROUTER_UNAUTHENTICATED NOT_SENT', 'UNAUTHENTICATED NOT_SENT'];
const [HTTP_ERROR, REQUEST_ERROR] = ['SUBREQUEST_HTTP_ERROR', 'SUBGRAPH_REQUEST_ERROR'];

/**
 * Code and outcome of the errors that a client of each router gets, sorted: for too many aliases, a router without the secret
 * and a caller without a token.
 */
const REFUSALS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  '@apollo/gateway': [[LIMIT], [NO_SECRET], [NO_TOKEN]],
  'Apollo Router': [[LIMIT], [NO_SECRET, HTTP_ERROR], [NO_TOKEN]],
  'Hive Router': [[LIMIT], [NO_SECRET, HTTP_ERROR], [NO_TOKEN]],
  'Hive Gateway': [[LIMIT], [NO_SECRET], [NO_TOKEN]],
  'Cosmo Router': [[LIMIT], [NO_SECRET], [NO_TOKEN]],
  Grafbase: [[REQUEST_ERROR], [REQUEST_ERROR], [NO_TOKEN]],
};

const CUT_OFF: Fault = (response) => void response.destroy();
const UNAVAILABLE: Fault = (response) => void response.writeHead(503).end('Service Unavailable');

const pluck = <K extends string>(objects: readonly Record<K, unknown>[], key: K) => objects.map((one) => one[key]);
const nameOf = (residenceId: string) => RESIDENCES.find(({ id }) => id === residenceId)?.name;

const NAMED_RESIDENCES_SDL = RESIDENCES_SDL.replace('name: String', 'name: String!');

/**
 * The key by which a third subgraph refers, the header with the token, the neighbor's schema, and a residence of a neighbor
 * that fails.
 */
const COMPOSITIONS = [
  ['id', 'authorization', RESIDENCES_SDL, { name: null }],
  ['residence { id } maintenanceId', 'x-vendor-authorization', NAMED_RESIDENCES_SDL, null],
] as const;

export function describeBehind(
  router: string,
  start: StartGateway,
  { omitsIndices, readsAgain, endsByVendorIds }: Quirks = {},
): void {
  /** Returns the path of an error as this router writes it. */
  const path = (...parts: (string | number)[]) =>
    parts.filter((part) => !omitsIndices || typeof part === 'string').join('.');

  describe.each(COMPOSITIONS)(`behind ${router}, where visits refer by %s and the token is in %s`, (...composition) => {
    const [visitsBy, tokenHeader, residencesSdl, failed] = composition;
    const supergraph = useSupergraph(start, { visitsBy, tokenHeader, residencesSdl });

    /** Expects these commands in any order, and these fetches of the subgraph, the neighbor and the third subgraph. */
    function expectSent(commands: readonly string[], ...fetches: readonly number[]): void {
      expect(supergraph.upstream.commands().toSorted()).toEqual(commands.toSorted());
      expect(supergraph.fetches()).toEqual(fetches);
    }

    /** Asks an operation that must succeed. Returns its data. */
    async function read(...asking: Parameters<typeof supergraph.ask>) {
      const { status, data, errors } = await supergraph.ask(...asking);
      expect([status, errors]).toEqual([200, []]);
      return data;
    }

    describe('a subgraph that refers to requests', () => {
      const sent = [
        `get_maintenance_info ${idOf('1-202')} ${VISITED[5]?.maintenanceId}`,
        ...['1-101', '1-201'].map((flat) => `get_maintenance_list ${idOf(flat)}`),
      ];

      it('gets their data, and the data of the neighbor about their residences, by one command per residence', async () => {
        const { visits } = await read('{ visits { id maintenance { maintenanceId description residence { name } } } }');
        expect(visits).toEqual(
          VISITED.map(({ maintenanceId, residenceId }, index) => ({
            id: String(index),
            maintenance: { maintenanceId, description: expect.any(String), residence: { name: nameOf(residenceId) } },
          })),
        );
        expectSent(sent, 1, 1, 1);
      });

      if (endsByVendorIds && visitsBy !== 'id') return;

      it('keeps its data if some of them cannot be read', async () => {
        supergraph.upstream.fail(({ param }) => (param.residence_id === OTHER ? { status: 403 } : undefined));
        const answer = await supergraph.ask('{ visits { id maintenance { description } } }');
        const descriptions = VISITED.map(({ residenceId }) => (residenceId === OTHER ? undefined : expect.any(String)));
        // If a key cannot be read, some routers null the entity, others only its fields.
        const read: { maintenance: { description: string | null } | null }[] = answer.data.visits;
        expect(read.map(({ maintenance }) => maintenance?.description ?? undefined)).toEqual(descriptions);
        expect(codes(answer).map(([code]) => code)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
        expectSent(sent, 1, 0, 1);
      });
    });

    it(`a failing neighbor whose field ${failed ? 'may' : 'may not'} be null costs our list nothing`, async () => {
      supergraph.before.residences.fail(CUT_OFF);
      const query = `{ maintenances(residenceId: "${FLAT}") { maintenanceId residence { name } } }`;
      const { data, errors } = await supergraph.ask(query);
      const stored = supergraph.upstream.store.list(FLAT);
      const expected = stored.map(({ maintenance_id }) => ({ maintenanceId: maintenance_id, residence: failed }));
      expect(data.maintenances).toEqual(expected);
      expect(errors).not.toEqual([]);
      expect(supergraph.upstream.commands()).toEqual(readsAgain ? [LIST, LIST] : [LIST]);
    });

    it('sends the documented headers to the subgraph, one token to the command API, no token or secret to the neighbors', async () => {
      const trace = '0af7651916cd43dd8448eb211c80319c';
      const client = { 'apollographql-client-name': 'app', 'apollographql-client-version': '1.2.3' };
      const sent = { 'x-request-id': 'request-1', ...client };
      const others = { cookie: 'canary', 'x-api-key': 'canary', 'router-authorization': 'canary' };
      const query = `{ residence(id: "${FLAT}") { name maintenances { id } } visits { id } }`;
      await read(query, { headers: { ...sent, ...others, traceparent: `00-${trace}-b7ad6b7169203331-01` } });
      const { before, upstream } = supergraph;
      const token = `Bearer ${TOKENS.first}`;
      const traceparent = expect.stringMatching(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
      expect(pluck(before.maintenance.fetches, 'headers')).toMatchObject([
        { ...sent, traceparent, [tokenHeader]: token, 'router-authorization': ROUTER_SECRET },
      ]);
      expect(pluck(upstream.received, 'headers')).toMatchObject([
        { authorization: token, traceparent: expect.stringContaining(trace) },
      ]);
      expect(JSON.stringify(before.maintenance.fetches)).not.toMatch(new RegExp(`canary|${IDENTITY}`));
      expect(JSON.stringify(upstream.received)).not.toMatch(new RegExp(`canary|${ROUTER_SECRET}|${IDENTITY}`));
      expect(supergraph.fetches()).toEqual([1, 1, 1]);
      const neighbors = JSON.stringify([before.residences.fetches, before.visits.fetches]);
      expect(neighbors).not.toMatch(new RegExp(`${TOKENS.first}|${ROUTER_SECRET}|${IDENTITY}`));
    });

    // The other cases depend on none of them.
    if (visitsBy !== 'id') return;

    describe('nested lists of many residences', () => {
      it('cost one fetch, and one command per residence', async () => {
        const { residences } = await read(NESTED);
        expect(residences).toMatchObject(RESIDENCES.map(({ name, address }) => ({ name, address })));
        expect(residences[0].maintenances).toEqual([{ description: 'test', state: 'IN_PROGRESS' }]);
        // Of every four requests of a flat, the first two are open.
        const open = FLATS.map(({ tickets }) => Math.min(tickets, tickets < 5 ? 2 : 3));
        expect(residences.map((one: { maintenances: unknown[] }) => one.maintenances.length)).toEqual([1, ...open]);
        expectSent(LIST_OF_EACH, 1, 1, 0);
      });

      it('lose only the residence whose command hangs', async () => {
        supergraph.upstream.fail(({ param }) => (param.residence_id === FLAT ? 'taken' : undefined));
        const answer = await supergraph.ask(NESTED);
        expect(pluck(answer.data.residences, 'name')).toEqual(NAMES);
        const failed = pluck(answer.data.residences, 'maintenances').map((list) => list === null);
        expect(failed).toEqual(RESIDENCES.map(({ id }) => id === FLAT));
        expect(codes(answer)).toEqual([['UPSTREAM_TIMEOUT', path('residences', 1, 'maintenances')]]);
        expectSent(LIST_OF_EACH, 1, 1, 0);
      });
    });

    it('a mutation creates a request and reads it, with the data of the neighbor', async () => {
      const { createMaintenance } = await read(`mutation {
        createMaintenance(input: ${INPUT}) {
          maintenance { description state residence { name maintenances(orderBy: CREATED_TIME_DESC, first: 1) { contact } } }
        }
      }`);
      expect(createMaintenance.maintenance).toEqual({
        description: 'x',
        state: 'WAIT_FOR_CONFIRMATION',
        residence: { name: nameOf(FLAT), maintenances: [{ contact: 'y' }] },
      });
      const info = `get_maintenance_info ${FLAT} ${supergraph.upstream.store.list(FLAT).at(-1)?.maintenance_id}`;
      expect(supergraph.upstream.commands()).toEqual([
        ...[`create_maintenance_info ${FLAT}`, info, LIST],
        ...(readsAgain ? [info] : []),
      ]);
      expect(supergraph.fetches()).toEqual([readsAgain ? 2 : 1, 1, 0]);
    });

    it.each([
      ['mutation', 'is cut off', CREATE, CUT_OFF],
      ['mutation', 'answers 503', CREATE, UNAVAILABLE],
      ['query', 'is cut off', READ, CUT_OFF],
      ['query', 'answers 503', READ, UNAVAILABLE],
    ])('fetches a %s once if the subgraph %s', async (_, __, operation, fault) => {
      supergraph.before.maintenance.fail(fault);
      const { data, errors } = await supergraph.ask(operation);
      expect(Object.values(data ?? {}).filter((value) => value !== null)).toEqual([]);
      expect(errors).not.toEqual([]);
      expect(supergraph.fetches()).toEqual([1, 0, 0]);
    });

    it('a refused mutation sends nothing, and says so as far as the router passes it on', async () => {
      const { upstream, before } = supergraph;
      // Within one field: Hive Gateway fetches each field of a mutation alone.
      const answers = [await supergraph.ask(CREATE.replace('createdId', `maintenance { ${aliased(101, 'id')} }`))];
      before.maintenance.drop('router-authorization');
      answers.push(await supergraph.ask(CREATE));
      before.maintenance.reset();
      answers.push(await supergraph.ask(CREATE, { headers: { [tokenHeader]: '' } }));
      const told = answers.map(({ errors }) =>
        errors.map(({ extensions: { code, outcome = '' } }) => `${code} ${outcome}`.trim()).toSorted(),
      );
      expect(told).toEqual(REFUSALS[router]);
      expect(upstream.commands()).not.toContain(`create_maintenance_info ${FLAT}`);
    });

    it('reads the effect of a write, even if an identical read is still under way', async () => {
      const held = supergraph.upstream.hold('get_maintenance_list');
      const before = supergraph.ask(READ);
      await until(() => held.length > 0);
      supergraph.upstream.fail(undefined);
      await supergraph.ask(CREATE);
      const after = await supergraph.ask(READ);
      expect(after.data.maintenances).toHaveLength(4);
      held[0]?.release();
      expect((await before).data.maintenances).toEqual([]);
      expect(supergraph.fetches()).toEqual([3, 0, 0]);
    });

    it('passes every documented extension of an error', async () => {
      const error = { message: 'ours', path: ['deleteMaintenance'], extensions: EXTENSIONS };
      const answer = JSON.stringify({ data: { deleteMaintenance: null }, errors: [error] });
      supergraph.before.maintenance.fail((response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
      });
      const { errors } = await supergraph.ask('mutation { deleteMaintenance(id: "a:b") { deletedId } }');
      expect(errors).toMatchObject([error]);
    });

    it.each(readExamples('.', 'supergraph'))('runs the example $name', async ({ query, variables }) => {
      expect(Object.values(await read(query, { variables }))).not.toContain(null);
    });
  });
}
