/**
 * The subgraph behind two gateways of different makers, over real HTTP: what clients get, which commands it costs, and
 * how many fetches reach us: one for each step of the gateway's plan.
 */
import { globSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { EXAMPLE, FLATS } from '../dev/seed.ts';
import { startGateway } from '../dev/supergraph/gateway.ts';
import { RESIDENCES, RESIDENCES_SDL } from '../dev/supergraph/neighbour.ts';
import type { Fault, Fetch } from './support/recorder.ts';
import { startStitchingGateway } from './support/stitching-gateway.ts';
import { codes, ROUTER_SECRET } from './support/subgraph.ts';
import { TOKENS } from './support/upstream.ts';
import { useSupergraph } from './support/use-supergraph.ts';
import { idOf, KEYS, VISITED } from './support/visits.ts';

const GATEWAYS = [
  { name: '@apollo/gateway', start: startGateway, stitches: false },
  // It leaves the indices of lists out of the path of an error in an entity.
  { name: '@graphql-tools/federation', start: startStitchingGateway, stitches: true },
];

const FLAT = idOf('1-101');
const OTHER = idOf('1-201');
const NESTED = `{
  residences { name address maintenances(states: [WAIT_FOR_CONFIRMATION, IN_PROGRESS], first: 3) { description state } }
}`;
const LIST_OF_EACH = RESIDENCES.map(({ id }) => `get_maintenance_list ${id}`);
const INPUT = `{
  residenceId: "${FLAT}", startTime: "2026-12-01T09:00:00Z", finishTime: "2026-12-01T12:00:00Z", description: "x", contact: "y"
}`;

describe.each(GATEWAYS)('behind $name', ({ start, stitches }) => {
  const supergraph = useSupergraph(start);
  const commands = () => supergraph.upstream.commands().toSorted();

  describe('nested repair requests of many residences', () => {
    it('cost one fetch, and one command a residence', async () => {
      const { status, data, errors } = await supergraph.ask(NESTED);
      expect([status, errors]).toEqual([200, []]);
      expect(data.residences.map(({ name, address }: Record<string, unknown>) => ({ name, address }))).toEqual(
        RESIDENCES.map(({ name, address }) => ({ name, address })),
      );
      const lengths = data.residences.map((one: { maintenances: unknown[] }) => one.maintenances.length);
      // Of every four requests of a flat, the first two are open.
      expect(lengths).toEqual([1, ...FLATS.map(({ tickets }) => Math.min(tickets, tickets < 5 ? 2 : 3))]);
      expect(data.residences[0].maintenances).toEqual([{ description: 'test', state: 'IN_PROGRESS' }]);
      expect(commands()).toEqual(LIST_OF_EACH.toSorted());
      expect(supergraph.fetches()).toEqual([1, 1, 0]);
    });

    it.each([
      ['refused', { body: { success: false, code: 'NO' } }, 'COMMAND_REJECTED', 1],
      ['forbidden', { status: 403 }, 'FORBIDDEN', 1],
      ['unreachable at each attempt', { status: 503 }, 'UPSTREAM_UNAVAILABLE', 3],
    ])('fail for the one residence whose command is %s', async (_, fault, code, attempts) => {
      supergraph.upstream.fail(({ param }) => (param.residence_id === FLAT ? fault : undefined));
      const answer = await supergraph.ask(NESTED);
      expect(answer.data.residences.map(({ name }: { name: string }) => name)).toEqual(
        RESIDENCES.map(({ name }) => name),
      );
      const failed = answer.data.residences.map((one: { maintenances: unknown }) => one.maintenances === null);
      expect(failed).toEqual(RESIDENCES.map(({ id }) => id === FLAT));
      expect(codes(answer)).toEqual([[code, stitches ? 'residences.maintenances' : 'residences.1.maintenances']]);
      expect(answer.errors[0]?.extensions.command).toBe('get_maintenance_list');
      const tried = Array(attempts - 1).fill(`get_maintenance_list ${FLAT}`);
      expect(commands()).toEqual([...LIST_OF_EACH, ...tried].toSorted());
      expect(supergraph.fetches()).toEqual([1, 1, 0]);
    });

    it.each([
      ['an expired token', 'expired', LIST_OF_EACH],
      ['no token', null, []],
    ])('fail with %s, and the neighbour’s data stays', async (_, token, sent) => {
      const answer = await supergraph.ask(NESTED, { token });
      expect(answer.data.residences).toEqual(
        RESIDENCES.map(({ name, address }) => ({ name, address, maintenances: null })),
      );
      const path = (index: number) => (stitches ? 'residences.maintenances' : `residences.${index}.maintenances`);
      expect(codes(answer).toSorted()).toEqual(RESIDENCES.map((_, index) => ['UNAUTHENTICATED', path(index)]));
      expect(commands()).toEqual(sent.toSorted());
      expect(supergraph.fetches()).toEqual([1, 1, 0]);
    });
  });

  describe('a mutation', () => {
    it('files a request and reads it, with the neighbour’s data', async () => {
      const { data, errors } = await supergraph.ask(`mutation {
        createMaintenance(input: ${INPUT}) {
          maintenance { description state residence { name maintenances(orderBy: CREATED_TIME_DESC, first: 1) { contact } } }
        }
      }`);
      expect(errors).toEqual([]);
      const residence = { name: nameOf(FLAT), maintenances: [{ contact: 'y' }] };
      expect(data.createMaintenance.maintenance).toEqual({
        description: 'x',
        state: 'WAIT_FOR_CONFIRMATION',
        residence,
      });
      const created = supergraph.upstream.store.list(FLAT).at(-1)?.maintenance_id;
      const info = `get_maintenance_info ${FLAT} ${created}`;
      // The one that stitches asks for the request's residence once more, to no purpose, as an operation of its own.
      expect(supergraph.upstream.commands()).toEqual([
        `create_maintenance_info ${FLAT}`,
        info,
        `get_maintenance_list ${FLAT}`,
        ...(stitches ? [info] : []),
      ]);
      expect(supergraph.fetches()).toEqual([stitches ? 2 : 1, 1, 0]);
    });

    it('deletes a request and reads what is left', async () => {
      const { data, errors } = await supergraph.ask(`mutation {
        deleteMaintenance(id: "${EXAMPLE.residenceId}:${EXAMPLE.maintenanceId}") { residence { name maintenances { id } } }
      }`);
      expect(errors).toEqual([]);
      expect(data.deleteMaintenance.residence).toEqual({ name: nameOf(EXAMPLE.residenceId), maintenances: [] });
      expect(supergraph.upstream.commands()).toEqual([
        `delete_maintenance_info ${EXAMPLE.residenceId} ${EXAMPLE.maintenanceId}`,
        `get_maintenance_list ${EXAMPLE.residenceId}`,
      ]);
      expect(supergraph.fetches()).toEqual([1, 1, 0]);
    });

    it('reads after each of two writes what it did', async () => {
      const write = `createMaintenance(input: ${INPUT}) { maintenance { residence { maintenances { id } } } }`;
      const { data, errors } = await supergraph.ask(`mutation { one: ${write} two: ${write} }`);
      expect(errors).toEqual([]);
      const lengths = [data.one, data.two].map(({ maintenance }) => maintenance.residence.maintenances.length);
      expect(lengths).toEqual([4, 5]);
      const created = supergraph.upstream.store.list(FLAT).slice(3);
      const each = created.map(({ maintenance_id }) => [
        `create_maintenance_info ${FLAT}`,
        `get_maintenance_info ${FLAT} ${maintenance_id}`,
        `get_maintenance_list ${FLAT}`,
      ]);
      expect(supergraph.upstream.commands()).toEqual(each.flat());
      // The one that stitches sends each root field of a mutation by itself.
      expect(supergraph.fetches()).toEqual([stitches ? 2 : 1, 0, 0]);
    });

    it('is sent once where it fails, and says what is known of it', async () => {
      supergraph.upstream.fail(() => ({ status: 503 }));
      const answer = await supergraph.ask(`mutation { createMaintenance(input: ${INPUT}) { id } }`);
      expect(codes(answer)).toEqual([['UPSTREAM_UNAVAILABLE', 'createMaintenance']]);
      expect(answer.errors[0]?.extensions.outcome).toBe('UNKNOWN');
      expect(supergraph.upstream.commands()).toEqual([`create_maintenance_info ${FLAT}`]);
      expect(supergraph.fetches()).toEqual([1, 0, 0]);
    });
  });

  describe('many aliases', () => {
    const aliased = (field: (residenceId: string, index: number) => string) =>
      `{ ${Array.from({ length: 30 }, (_, index) => `a${index}: ${field(index % 2 ? FLAT : OTHER, index)}`).join('\n')} }`;
    const BOTH = [FLAT, OTHER].map((id) => `get_maintenance_list ${id}`).toSorted();

    it('of our root field make one fetch, and one command a residence', async () => {
      const { data, errors } = await supergraph.ask(
        aliased((id, index) => `maintenances(residenceId: "${id}", first: ${index}) { id }`),
      );
      expect(errors).toEqual([]);
      expect(Object.keys(data)).toHaveLength(30);
      expect(data.a29).toEqual(Array(3).fill({ id: expect.any(String) }));
      expect(commands()).toEqual(BOTH);
      expect(supergraph.fetches()).toEqual([1, 0, 0]);
    });

    it('of the neighbour’s make a fetch each, or one with aliased `_entities`', async () => {
      const { data, errors } = await supergraph.ask(
        aliased((id, index) => `residence(id: "${id}") { name maintenances(first: ${index}) { id } }`),
      );
      expect(errors).toEqual([]);
      expect(Object.values(data)).toEqual(
        Array.from({ length: 30 }, (_, index) => ({
          name: nameOf(index % 2 ? FLAT : OTHER),
          maintenances: Array(Math.min(index, index % 2 ? 3 : 5)).fill({ id: expect.any(String) }),
        })),
      );
      // Fetches that arrive apart from each other share no command.
      expect(stitches ? commands() : [...new Set(commands())]).toEqual(BOTH);
      expect(supergraph.fetches()).toEqual([stitches ? 1 : 30, 1, 0]);
      const [first] = supergraph.before.maintenance.fetches;
      expect(first?.query.match(/:_entities\(/g) ?? []).toHaveLength(stitches ? 30 : 0);
    });
  });

  describe('headers', () => {
    const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const QUERY = `{ residence(id: "${FLAT}") { name maintenances { id } } visits { id } }`;

    it('of the caller: the token and `traceparent` reach the command API, others nobody', async () => {
      const others = { cookie: 'canary', 'x-api-key': 'canary', 'router-authorization': 'canary' };
      const { errors } = await supergraph.ask(QUERY, { headers: { traceparent: TRACEPARENT, ...others } });
      expect(errors).toEqual([]);
      const expected = { authorization: `Bearer ${TOKENS.first}`, traceparent: TRACEPARENT };
      expect(supergraph.upstream.received.map(({ headers }) => headers)).toMatchObject([expected]);
      const received = Object.values(supergraph.before).flatMap(({ fetches }) => fetches);
      expect(received.map(({ headers }) => headers)).toMatchObject([expected, expected, expected]);
      expect(JSON.stringify([supergraph.upstream.received, received])).not.toContain('canary');
    });

    it('of the router: the secret reaches us alone', async () => {
      await supergraph.ask(QUERY);
      const { maintenance, residences, visits } = supergraph.before;
      const given = [maintenance, residences, visits].map(({ fetches }) => fetches.map(({ headers }) => headers));
      expect(given[0]).toMatchObject([{ 'router-authorization': ROUTER_SECRET }]);
      expect(given.slice(1)).toMatchObject([[{}], [{}]]);
      expect(JSON.stringify([given.slice(1), supergraph.upstream.received])).not.toContain(ROUTER_SECRET);
    });
  });

  describe('examples', () => {
    it.each(globSync('examples/**/*.graphql'))('%s runs as it stands', async (path) => {
      const { data, errors } = await supergraph.ask(readFileSync(path, 'utf8'));
      expect(errors).toEqual([]);
      for (const answer of Object.values(data)) expect(answer).not.toBeNull();
    });
  });
});

describe.each(GATEWAYS)('behind $name, a subgraph', ({ start, stitches }) => {
  describe.each(KEYS)('that refers to repair requests by their %s', (visitsBy) => {
    const supergraph = useSupergraph(start, { visitsBy });
    const lists = ['1-101', '1-201'].map((flat) => `get_maintenance_list ${idOf(flat)}`);
    const info = `get_maintenance_info ${idOf('1-202')} ${VISITED[5]?.maintenanceId}`;

    it('makes one fetch, and one command a residence', async () => {
      const { data, errors } = await supergraph.ask('{ visits { id maintenance { maintenanceId description } } }');
      expect(errors).toEqual([]);
      expect(data.visits).toEqual(
        VISITED.map(({ maintenanceId }, index) => ({
          id: String(index),
          maintenance: { maintenanceId, description: expect.any(String) },
        })),
      );
      expect(supergraph.upstream.commands().toSorted()).toEqual([info, ...lists].toSorted());
      expect(supergraph.fetches()).toEqual([1, 0, 1]);
    });

    it('gets what a third one knows of their residences', async () => {
      const { data, errors } = await supergraph.ask('{ visits { maintenance { state residence { name } } } }');
      expect(errors).toEqual([]);
      expect(data.visits.map((one: { maintenance: { residence: unknown } }) => one.maintenance.residence)).toEqual(
        VISITED.map(({ residenceId }) => ({ name: nameOf(residenceId) })),
      );
      expect(supergraph.upstream.commands().toSorted()).toEqual([info, ...lists].toSorted());
      expect(supergraph.fetches()).toEqual([1, 1, 1]);
    });

    it('keeps what it has where some of them cannot be read', async () => {
      supergraph.upstream.fail(({ param }) => (param.residence_id === OTHER ? { status: 403 } : undefined));
      const answer = await supergraph.ask('{ visits { id maintenance { description } } }');
      expect(answer.data.visits).toEqual(
        VISITED.map(({ residenceId }, index) => ({
          id: String(index),
          maintenance: { description: residenceId === OTHER ? null : expect.any(String) },
        })),
      );
      const field = stitches ? '.description' : '';
      expect(codes(answer)).toEqual([3, 4].map((index) => ['FORBIDDEN', `visits.${index}.maintenance${field}`]));
      expect(supergraph.upstream.commands().toSorted()).toEqual([info, ...lists].toSorted());
      expect(supergraph.fetches()).toEqual([1, 0, 1]);
    });
  });
});

/** Ways in which the neighbour fails, and whether that makes an error. */
const FAILURES: [string, Fault, boolean][] = [
  ['cuts the connection', (response) => void response.destroy(), true],
  ['answers 500', (response) => answer(response, 500, 'Internal Server Error'), true],
  ['answers what is no GraphQL', (response) => answer(response, 200, '<!doctype html>'), true],
  ['fails as a whole', (response) => answer(response, 200, { data: null, errors: [{ message: 'no' }] }), true],
  [
    'fails for each residence',
    (response, { variables }) => {
      const errors = asked(variables).map((_, index) => ({ message: 'no', path: ['_entities', index] }));
      answer(response, 200, { data: { _entities: asked(variables).map(() => null) }, errors });
    },
    true,
  ],
  [
    'knows no such residence',
    (response, { variables }) => answer(response, 200, { data: { _entities: asked(variables).map(() => null) } }),
    false,
  ],
];

describe.each(GATEWAYS)('behind $name, a neighbour that fails costs our list nothing', ({ start, stitches }) => {
  const LIST = `get_maintenance_list ${FLAT}`;
  describe.each([
    ['may be null', RESIDENCES_SDL, { name: null }],
    ['may not be null', RESIDENCES_SDL.replace('name: String', 'name: String!'), null],
  ])('whose field %s', (_, residencesSdl, residence) => {
    const supergraph = useSupergraph(start, { residencesSdl });

    it.each(FAILURES)('and which %s', async (_, fault, isError) => {
      supergraph.before.residences.fail(fault);
      const answer = await supergraph.ask(
        `{ maintenances(residenceId: "${FLAT}") { maintenanceId residence { name } } }`,
      );
      const tickets = supergraph.upstream.store.list(FLAT);
      expect(tickets).toHaveLength(3);
      expect(answer.data.maintenances).toEqual(
        tickets.map(({ maintenance_id }) => ({ maintenanceId: maintenance_id, residence })),
      );
      if (isError) expect(answer.errors).not.toEqual([]);
      // The one that stitches asks us for the residences once more.
      expect(supergraph.upstream.commands()).toEqual(stitches ? [LIST, LIST] : [LIST]);
      expect(supergraph.fetches()).toEqual([stitches ? 2 : 1, 1, 0]);
    });
  });
});

describe.each(GATEWAYS)('behind $name, a neighbour that hangs', ({ start }) => {
  const supergraph = useSupergraph(start, { residencesTimeoutMs: 500 });

  it('costs our list nothing', async () => {
    supergraph.before.residences.fail(() => {});
    const { data, errors } = await supergraph.ask(
      `{ maintenances(residenceId: "${FLAT}") { state residence { name } } }`,
    );
    expect(data.maintenances).toEqual(Array(3).fill({ state: expect.any(String), residence: { name: null } }));
    expect(errors).not.toEqual([]);
  });
});

describe('behind @apollo/gateway, its plan', () => {
  const supergraph = useSupergraph(startGateway);
  const PLAN = { 'apollo-query-plan-experimental': 'true' };

  it.each([
    ['of a list', `{ maintenances(residenceId: "${FLAT}") { id residence { name } } }`, 1],
    ['of lists of residences', NESTED, 1],
    ['of lists in two places', `{ residences { maintenances { id } } visits { maintenance { state } } }`, 2],
    ['there and back', '{ visits { maintenance { residence { name maintenances { id residence { name } } } } } }', 1],
    ['of the neighbour’s data alone', '{ residences { id name } }', 0],
  ])('%s has as many steps of ours as fetches reach us', async (_, query, steps) => {
    const { errors, extensions } = await supergraph.ask(query, { headers: PLAN });
    expect(errors).toEqual([]);
    const fetches = String(extensions?.__queryPlanExperimental).match(/Fetch\(service: "maintenance"\)/g) ?? [];
    expect(fetches).toHaveLength(steps);
    expect(supergraph.before.maintenance.fetches).toHaveLength(steps);
  });
});

/** The residences that the neighbour was asked for. */
function asked(variables: Fetch['variables']): unknown[] {
  return variables?.representations as unknown[];
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

function nameOf(residenceId: string): string | undefined {
  return RESIDENCES.find(({ id }) => id === residenceId)?.name;
}
