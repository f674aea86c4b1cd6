/** What clients get, and at what cost, behind the gateway for developers and each router that the environment names. */
import { execFileSync } from 'node:child_process';
import { afterAll, describe, expect, it } from '@jest/globals';
import { readExamples } from '../../../dev/browser.ts';
import { startGateway } from '../../../dev/supergraph/gateway.ts';
import { RESIDENCES, RESIDENCES_SDL } from '../../../dev/supergraph/neighbour.ts';
import { describeMissing, ROUTERS, type RouterName, startRouter } from '../../../dev/supergraph/routers.ts';
import { askAt, codes, ROUTER_SECRET } from '../../support/ask.ts';
import { EXTENSIONS } from '../../support/documents.ts';
import { idOf, VISITED } from '../../support/maintenance/visits.ts';
import { killAll, run } from '../../support/process.ts';
import { CUT_OFF } from '../../support/recorder.ts';
import { itUnless } from '../../support/skip.ts';
import { TOKENS } from '../../support/upstream.ts';
import { useMany } from '../../support/use-subgraph.ts';
import { IDENTITY, type StartGateway, startSupergraph, useSupergraph } from '../../support/use-supergraph.ts';
import { until } from '../../support/wait.ts';

/** What a router cannot do, as its file in supergraph/ says too. */
const CANNOT = {
  'name the index of a list in the path of an error': ['Hive Gateway', 'Cosmo Router'],
  'read an entity once if a neighbor adds to it': ['Hive Gateway'],
  'pass on the error of an answer with status 401': ['Grafbase'],
};

const FLAT = idOf('1-101');
const list = (residenceId: string) => `get_maintenance_list ${residenceId}`;
const LIST = list(FLAT);
const READ = `{ maintenances(residenceId: "${FLAT}") { maintenanceId residence { name } } }`;
const NESTED = '{ residences { name maintenances(first: 3) { state } } }';
const create = (selection: string) => `mutation { createMaintenance(input: { residenceId: "${FLAT}", description: "x",
  contact: "y", startTime: "2026-12-01T09:00:00Z", finishTime: "2026-12-01T12:00:00Z" }) { ${selection} } }`;
const CREATE = create('createdId');
const UNAVAILABLE: typeof CUT_OFF = (response) => void response.writeHead(503).end('Service Unavailable');
const nameOf = (residenceId: string) => RESIDENCES.find(({ id }) => id === residenceId)?.name;
const { APOLLO_ROUTER } = process.env;
const names = (Object.keys(ROUTERS) as RouterName[]).filter((name) => !describeMissing(name));
if (names.length === 0) itUnless('Set APOLLO_ROUTER, or see docs/federation.md.', 'real routers', () => {});
/** The key by which a third subgraph refers, the header with the token, the neighbor's schema, and a residence that fails. */
const COMPOSITIONS = [
  ['id', 'authorization', RESIDENCES_SDL, { name: null }],
  ['residence { id } maintenanceId', 'x-token', RESIDENCES_SDL.replace('name: String', 'name: String!'), null],
] as const;
/** The gateway for developers, and each router that the environment names. */
const GATEWAYS: [router: string, start: StartGateway][] = [
  ['@apollo/gateway', startGateway],
  ...names.map((name): [string, StartGateway] => [
    ROUTERS[name].name,
    (subgraphs, listening) => startRouter(name, { subgraphs, secret: ROUTER_SECRET, ...listening }),
  ]),
];
afterAll(killAll);
const startAlone = useMany(startSupergraph);

for (const [router, start] of GATEWAYS)
  describe.each(COMPOSITIONS)(`behind ${router}, where visits refer by %s and the token is in %s`, (...composition) => {
    const [visitsBy, tokenHeader, residencesSdl, failed] = composition;
    const supergraph = useSupergraph(start, { visitsBy, tokenHeader, residencesSdl });
    const cannot = (what: keyof typeof CANNOT) => CANNOT[what].includes(router);
    const readsAgain = cannot('read an entity once if a neighbor adds to it');

    /** Asks an operation that must succeed. Returns its data. */
    async function read(...asking: Parameters<typeof supergraph.ask>) {
      const { status, data, errors } = await supergraph.ask(...asking);
      expect([status, errors]).toEqual([200, []]);
      return data;
    }

    it('references get their data and their residences by one fetch each, and one command per residence', async () => {
      const { visits } = await read('{ visits { maintenance { maintenanceId description residence { name } } } }');
      const expected = VISITED.map(({ maintenanceId, residenceId }) => ({
        maintenance: { maintenanceId, description: expect.any(String), residence: { name: nameOf(residenceId) } },
      }));
      expect(visits).toEqual(expected);
      const detail = `get_maintenance_info ${idOf('1-202')} ${VISITED[5]?.maintenanceId}`;
      expect(supergraph.upstream.commands().sort()).toEqual([detail, LIST, list(idOf('1-201'))].sort());
      expect(supergraph.fetches()).toEqual([1, 1, 1]);
    });

    it(`a failing neighbor whose field ${failed ? 'may' : 'may not'} be null costs our list nothing`, async () => {
      supergraph.before.residences.fail(CUT_OFF);
      const { data, errors } = await supergraph.ask(READ);
      expect(data.maintenances).toEqual(Array(3).fill({ maintenanceId: expect.any(String), residence: failed }));
      expect(errors).not.toEqual([]);
      expect(supergraph.upstream.commands()).toEqual(readsAgain ? [LIST, LIST] : [LIST]);
    });

    it('sends the documented headers to the subgraph, one token to the vendor, no token or secret to the neighbors', async () => {
      const { before, upstream } = supergraph;
      const trace = '0af7651916cd43dd8448eb211c80319c';
      const sent = { 'x-request-id': '1', 'apollographql-client-name': 'app', 'apollographql-client-version': '1.2' };
      const others = { cookie: 'canary', 'x-api-key': 'canary', 'router-authorization': 'canary' };
      const query = `{ residence(id: "${FLAT}") { name maintenances { id } } visits { id } }`;
      await read(query, { headers: { ...sent, ...others, traceparent: `00-${trace}-b7ad6b7169203331-01` } });
      const traceparent = expect.stringMatching(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
      const token = `Bearer ${TOKENS.first}`;
      const ours = { ...sent, traceparent, [tokenHeader]: token, 'router-authorization': ROUTER_SECRET };
      expect(before.maintenance.fetches).toMatchObject([{ headers: ours }]);
      expect(upstream.received).toMatchObject([{ headers: { authorization: token, traceparent } }]);
      expect(JSON.stringify(before.maintenance.fetches)).not.toMatch(new RegExp(`canary|${IDENTITY}`));
      expect(JSON.stringify(upstream.received)).not.toMatch(new RegExp(`canary|${ROUTER_SECRET}|${IDENTITY}`));
      const neighbors = JSON.stringify([before.residences.fetches, before.visits.fetches]);
      expect(neighbors).not.toMatch(new RegExp(`${TOKENS.first}|${ROUTER_SECRET}|${IDENTITY}`));
    });

    // The other cases depend on none of them.
    if (visitsBy !== 'id') return;

    it('nested lists cost one fetch, and one command per residence, and lose only the residence that fails', async () => {
      supergraph.upstream.fail(({ param }) => (param.residence_id === FLAT ? { status: 403 } : undefined));
      const answer = await supergraph.ask(NESTED);
      const lists = RESIDENCES.map(({ id, name }) => ({ name, maintenances: id === FLAT ? null : expect.any(Array) }));
      expect(answer.data.residences).toEqual(lists);
      const index = cannot('name the index of a list in the path of an error') ? '' : '1.';
      expect(codes(answer)).toEqual([['FORBIDDEN', `residences.${index}maintenances`]]);
      expect(supergraph.upstream.commands().sort()).toEqual(RESIDENCES.map(({ id }) => list(id)).sort());
      expect(supergraph.fetches()).toEqual([1, 1, 0]);
    });

    it('a mutation creates a request and reads it, with the data of the neighbor', async () => {
      const { createMaintenance } = await read(create('maintenance { residence { name maintenances { contact } } }'));
      const maintenances = expect.arrayContaining([{ contact: 'y' }]);
      expect(createMaintenance.maintenance.residence).toEqual({ name: nameOf(FLAT), maintenances });
      const detail = `get_maintenance_info ${FLAT} ${supergraph.upstream.store.list(FLAT).at(-1)?.maintenance_id}`;
      const commands = [`create_maintenance_info ${FLAT}`, detail, LIST, ...(readsAgain ? [detail] : [])];
      expect([supergraph.upstream.commands(), supergraph.fetches()]).toEqual([commands, [readsAgain ? 2 : 1, 1, 0]]);
    });

    it.each([CUT_OFF, UNAVAILABLE])('asks a failing subgraph only once (row %#)', async (fault) => {
      const { maintenance } = supergraph.before;
      for (const operation of [CREATE, READ]) {
        maintenance.reset();
        maintenance.fail(fault);
        expect((await supergraph.ask(operation)).errors).not.toEqual([]);
        expect(supergraph.fetches()).toEqual([1, 0, 0]);
      }
    });

    it('does not share a read with an identical read that is still under way', async () => {
      const held = supergraph.upstream.hold('get_maintenance_list');
      const asked = [supergraph.ask(NESTED), supergraph.ask(NESTED)];
      await until(() => supergraph.fetches()[0] === asked.length);
      held.end();
      // A read that joined another one would only be sent after that one has timed out.
      expect((await Promise.all(asked)).flatMap(({ errors }) => errors)).toEqual([]);
    });

    it('a router without the secret, and a caller without a token, write nothing', async () => {
      const anonymous = await supergraph.ask(CREATE, { headers: { [tokenHeader]: '' } });
      supergraph.before.maintenance.drop('router-authorization');
      const told = [anonymous, await supergraph.ask(CREATE)].flatMap(codes).map(([code]) => code);
      const hidden = cannot('pass on the error of an answer with status 401') && 'SUBGRAPH_REQUEST_ERROR';
      expect(told).toEqual(expect.arrayContaining(['UNAUTHENTICATED', hidden || 'ROUTER_UNAUTHENTICATED']));
      expect(supergraph.upstream.received).toEqual([]);
    });

    it('passes every documented extension of an error', async () => {
      const error = { message: 'ours', path: ['deleteMaintenance'], extensions: EXTENSIONS };
      const answer = JSON.stringify({ data: { deleteMaintenance: null }, errors: [error] });
      const answers: typeof CUT_OFF = (response) => response.setHeader('content-type', 'application/json').end(answer);
      supergraph.before.maintenance.fail(answers);
      const { errors } = await supergraph.ask('mutation { deleteMaintenance(id: "a:b") { deletedId } }');
      expect(errors).toMatchObject([error]);
    });

    it.each(readExamples('.', 'supergraph'))('runs the example $name', async ({ query, variables }) => {
      expect(Object.values(await read(query, { variables }))).not.toContain(null);
    });
  });

for (const name of names)
  it(`npm run supergraph -- --router ${name} serves the supergraph, and ends with Ctrl-C`, async () => {
    const { until, child, exit } = run('dev/supergraph.ts', { ...process.env, PORT: '0' }, ['--router', name]);
    const [, url = ''] = await until(/ (http:\/\/localhost:\d+\/graphql)\n {2}Subgraph/);
    expect(await askAt(url, NESTED)).toMatchObject({ data: { residences: expect.any(Array) }, errors: [] });
    child.kill('SIGINT');
    expect(await exit).toBe(0);
  });

// Concurrent tests begin with the file, and those here mostly wait: at the end of the file, they hold up no other test.
it.concurrent.each(GATEWAYS)(
  'behind %s, a subgraph that hangs costs only its own data, not the `createdId` of a write that reads it',
  async (_, start) => {
    const supergraph = await startAlone(start);
    const { maintenance, residences } = supergraph.before;
    maintenance.fail(() => {});
    const reading = supergraph.ask(NESTED);
    await until(() => maintenance.fetches.length > 0);
    maintenance.reset();
    residences.fail(() => {});
    const written = await supergraph.ask(create('createdId maintenance { residence { name } }'));
    const { data, errors } = await reading;
    expect(data.residences[0]).toEqual({ name: expect.any(String), maintenances: null });
    expect(written.data.createMaintenance.createdId).toEqual(expect.any(String));
    expect([errors, written.errors]).not.toContainEqual([]);
  },
);

if (APOLLO_ROUTER) {
  it.each(['router.yaml', 'router.dev.yaml'])('supergraph/apollo/%s passes `router config validate`', (file) => {
    const args = ['config', 'validate', `supergraph/apollo/${file}`];
    expect(execFileSync(APOLLO_ROUTER, args, { env: { ROUTER_SECRET }, encoding: 'utf8' })).toContain('is valid!');
  });
}
