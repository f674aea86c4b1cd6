/**
 * The answers that a client gets through a federation router, the commands that they cost, and the fetches of each subgraph.
 * `npm test` runs it behind the gateway of `npm run supergraph`, `npm run test:routers` behind each real router.
 */
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { readExamples } from '../../dev/browser.ts';
import { EXAMPLE, FLATS } from '../../dev/seed.ts';
import { RESIDENCES, RESIDENCES_SDL } from '../../dev/supergraph/neighbour.ts';
import type { Fault, Fetch } from '../support/recorder.ts';
import { type Answer, codes, ROUTER_SECRET } from '../support/subgraph.ts';
import { TOKENS } from '../support/upstream.ts';
import { type StartGateway, useSupergraph } from '../support/use-supergraph.ts';
import { idOf, KEYS, VISITED } from '../support/visits.ts';
import { until } from '../support/wait.ts';

const FLAT = idOf('1-101');
const OTHER = idOf('1-201');
const NESTED = `{
  residences { name address maintenances(states: [WAIT_FOR_CONFIRMATION, IN_PROGRESS], first: 3) { description state } }
}`;
const LIST = `get_maintenance_list ${FLAT}`;
const LIST_OF_EACH = RESIDENCES.map(({ id }) => `get_maintenance_list ${id}`);
const INPUT = `{
  residenceId: "${FLAT}", startTime: "2026-12-01T09:00:00Z", finishTime: "2026-12-01T12:00:00Z", description: "x", contact: "y"
}`;
const READ = `{ maintenances(residenceId: "${FLAT}") { id } }`;
const CREATE = `mutation { createMaintenance(input: ${INPUT}) { id } }`;
/** Every extension that an error of the subgraph may have. */
export const EXTENSIONS = {
  code: 'COMMAND_REJECTED',
  command: 'delete_maintenance_info',
  commandId: 'c0',
  upstreamCode: 'E1',
  outcome: 'REJECTED',
  errorId: 'e0',
  arguments: [{ argument: 'id', message: 'no' }],
};

/** Where a router differs from the others; docs/for-platform-teams.md has the same list. */
export interface Quirks {
  /** Error paths leave out the index of each list above an entity. */
  readonly omitsIndices?: true;
  /** Reads an entity of this subgraph once more, by its key, when a neighbor adds to it. */
  readonly readsAgain?: true;
  /** Merges the fetches of entities of one step as aliases, without a bound. The subgraph allows 50 root fields. */
  readonly mergesEntities?: true;
  /** Title of a case that this router cannot pass → the reason. */
  readonly cannot?: Readonly<Record<string, string>>;
}

export function describeBehind(router: string, start: StartGateway, quirks: Quirks = {}): void {
  const { omitsIndices, readsAgain, cannot = {} } = quirks;
  /** A case, skipped with its reason where the router cannot pass it. */
  const check = (title: string, run: () => Promise<void>) =>
    cannot[title] ? it.skip(`${title}. Skipped: ${cannot[title]}`, run) : it(title, run);
  /** The path of an error, as this router writes it. */
  const path = (...parts: (string | number)[]) =>
    parts.filter((part) => !omitsIndices || typeof part === 'string').join('.');

  describe(`behind ${router}`, () => {
    const supergraph = useSupergraph(start);
    const commands = () => supergraph.upstream.commands().toSorted();

    describe('nested lists of many residences', () => {
      it('cost one fetch, and one command per residence', async () => {
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
        ['is refused', { body: { success: false, code: 'NO' } }, 'COMMAND_REJECTED', 1],
        ['is forbidden', { status: 403 }, 'FORBIDDEN', 1],
        ['fails at each attempt', { status: 503 }, 'UPSTREAM_UNAVAILABLE', 3],
        ['hangs', 'taken', 'UPSTREAM_TIMEOUT', 1],
      ] as const)('lose one residence whose command %s, and nothing else', async (_, fault, code, attempts) => {
        supergraph.upstream.fail(({ param }) => (param.residence_id === FLAT ? fault : undefined));
        const answer = await supergraph.ask(NESTED);
        expectAllNames(answer);
        const failed = answer.data.residences.map((one: { maintenances: unknown }) => one.maintenances === null);
        expect(failed).toEqual(RESIDENCES.map(({ id }) => id === FLAT));
        expect(codes(answer)).toEqual([[code, path('residences', 1, 'maintenances')]]);
        expect(answer.errors[0]?.extensions).toMatchObject({
          command: 'get_maintenance_list',
          commandId: expect.stringMatching(/^c[0-9a-f]{32}$/),
        });
        const tried = Array(attempts - 1).fill(LIST);
        expect(commands()).toEqual([...LIST_OF_EACH, ...tried].toSorted());
        expect(supergraph.fetches()).toEqual([1, 1, 0]);
      });

      it.each([
        ['an expired token', 'expired', LIST_OF_EACH],
        ['no token', null, []],
      ])('fail with %s, and the data of the neighbor stays', async (_, token, sent) => {
        const answer = await supergraph.ask(NESTED, { token });
        expectAllNames(answer);
        expect(codes(answer).toSorted()).toEqual(
          RESIDENCES.map((_, index) => ['UNAUTHENTICATED', path('residences', index, 'maintenances')]),
        );
        expect(commands()).toEqual(sent.toSorted());
        expect(supergraph.fetches()).toEqual([1, 1, 0]);
      });
    });

    it('gets text that every router can read, and no request whose id is half a surrogate pair', async () => {
      const ticket = {
        description: 'tap \ud83d',
        contact: '\udc27',
        feedback: '🐧',
        maintenance_picture_url: ['\ud83d'],
      };
      const result = ['m1', '\ud83d'].map((maintenance_id) => ({ maintenance_id, ...ticket }));
      supergraph.upstream.fail(() => ({ body: { success: true, result } }));
      const { data, errors } = await supergraph.ask(
        `{ maintenances(residenceId: "${FLAT}") { maintenanceId description contact feedback pictureUrls } }`,
      );
      expect(errors).toEqual([]);
      expect(data.maintenances).toEqual([
        { maintenanceId: 'm1', description: 'tap \ufffd', contact: '\ufffd', feedback: '🐧', pictureUrls: ['\ufffd'] },
      ]);
    });

    describe('a mutation', () => {
      it('creates a request and reads it, with the data of the neighbor', async () => {
        const { data, errors } = await supergraph.ask(`mutation {
          createMaintenance(input: ${INPUT}) {
            maintenance { description state residence { name maintenances(orderBy: CREATED_TIME_DESC, first: 1) { contact } } }
          }
        }`);
        expect(errors).toEqual([]);
        expect(data.createMaintenance.maintenance).toEqual({
          description: 'x',
          state: 'WAIT_FOR_CONFIRMATION',
          residence: { name: nameOf(FLAT), maintenances: [{ contact: 'y' }] },
        });
        const info = `get_maintenance_info ${FLAT} ${supergraph.upstream.store.list(FLAT).at(-1)?.maintenance_id}`;
        expect(supergraph.upstream.commands()).toEqual([
          `create_maintenance_info ${FLAT}`,
          info,
          LIST,
          ...(readsAgain ? [info] : []),
        ]);
        expect(supergraph.fetches()).toEqual([readsAgain ? 2 : 1, 1, 0]);
      });

      it('deletes a request and reads the rest', async () => {
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

      it('reads its own effect, one write after the other', async () => {
        const write = `createMaintenance(input: ${INPUT}) { maintenance { residence { maintenances { id } } } }`;
        const { data, errors } = await supergraph.ask(`mutation { one: ${write} two: ${write} }`);
        expect(errors).toEqual([]);
        const lengths = [data.one, data.two].map(({ maintenance }) => maintenance.residence.maintenances.length);
        expect(lengths).toEqual([4, 5]);
        const created = supergraph.upstream.store.list(FLAT).slice(3);
        const each = created.map(({ maintenance_id }) => [
          `create_maintenance_info ${FLAT}`,
          `get_maintenance_info ${FLAT} ${maintenance_id}`,
          LIST,
        ]);
        expect(supergraph.upstream.commands()).toEqual(each.flat());
      });

      it('is sent once if the command API fails, and its error has the outcome', async () => {
        supergraph.upstream.fail(() => ({ status: 503 }));
        const answer = await supergraph.ask(CREATE);
        expect(codes(answer)).toEqual([['UPSTREAM_UNAVAILABLE', 'createMaintenance']]);
        expect(answer.errors[0]?.extensions.outcome).toBe('UNKNOWN');
        expect(supergraph.upstream.commands()).toEqual([`create_maintenance_info ${FLAT}`]);
        expect(supergraph.fetches()).toEqual([1, 0, 0]);
      });
    });

    const BROKEN: [string, Fault][] = [
      ['is cut off', (response) => void response.destroy()],
      ['answers 503', (response) => answer(response, 503, 'Service Unavailable')],
    ];
    it.each(
      BROKEN.flatMap(([how, fault]): [string, string, string, Fault][] => [
        ['mutation', how, CREATE, fault],
        ['query', how, READ, fault],
      ]),
    )('fetches a %s once if the subgraph %s', async (_, __, operation, fault) => {
      supergraph.before.maintenance.fail(fault);
      const { data, errors } = await supergraph.ask(operation);
      expect(Object.values(data ?? {}).filter((value) => value !== null)).toEqual([]);
      expect(errors).not.toEqual([]);
      expect(supergraph.fetches()).toEqual([1, 0, 0]);
    });

    it('reads after a write what the write did, even if an identical read is still under way', async () => {
      const held: ServerResponse[] = [];
      supergraph.upstream.fail(({ command }, response) => {
        if (command !== 'get_maintenance_list' || held.length > 0) return undefined;
        held.push(response);
        return 'taken';
      });
      const before = supergraph.ask(READ);
      await until(() => held.length > 0);
      await supergraph.ask(CREATE);
      const after = await supergraph.ask(READ);
      expect(after.data.maintenances).toHaveLength(4);
      held[0]?.end('{"success":true,"result":[]}');
      expect((await before).data.maintenances).toEqual([]);
      expect(supergraph.fetches()).toEqual([3, 0, 0]);
    });

    describe('many aliases', () => {
      const aliased = (count: number, field: (index: number) => string) =>
        Array.from({ length: count }, (_, index) => `a${index}: ${field(index)}`).join('\n');
      const BOTH = [FLAT, OTHER].map((id) => `get_maintenance_list ${id}`).toSorted();
      const idAt = (index: number) => (index % 2 ? FLAT : OTHER);
      const sizeAt = (index: number) => Math.min(index, index % 2 ? 3 : 5);

      it('of our root field make one fetch, and one command per residence', async () => {
        const { data, errors } = await supergraph.ask(
          `{ ${aliased(40, (index) => `maintenances(residenceId: "${idAt(index)}", first: ${index}) { id }`)} }`,
        );
        expect(errors).toEqual([]);
        expect(Object.values<unknown[]>(data).map(({ length }) => length)).toEqual(
          Array.from({ length: 40 }, (_, i) => sizeAt(i)),
        );
        expect(commands()).toEqual(BOTH);
        expect(supergraph.fetches()).toEqual([1, 0, 0]);
      });

      it('of lists beneath one residence make one fetch and one command', async () => {
        const { data, errors } = await supergraph.ask(
          `{ residence(id: "${FLAT}") { name ${aliased(60, (index) => `maintenances(first: ${index}) { id }`)} } }`,
        );
        expect(errors).toEqual([]);
        const { name, ...lists } = data.residence;
        expect(name).toBe(nameOf(FLAT));
        expect(Object.values<unknown[]>(lists).map(({ length }) => length)).toEqual(
          Array.from({ length: 60 }, (_, index) => Math.min(index, 3)),
        );
        expect(supergraph.upstream.commands()).toEqual([LIST]);
        expect(supergraph.fetches()).toEqual([1, 1, 0]);
      });

      it.each([30, 60])(
        'of residences of the neighbor, %d of them, get their lists or lose only these',
        async (count) => {
          const { data, errors } = await supergraph.ask(
            `{ ${aliased(count, (index) => `residence(id: "${idAt(index)}") { name maintenances(first: ${index}) { id } }`)} }`,
          );
          const refused = quirks.mergesEntities && count > 50;
          expect(new Set(errors.map(({ message }) => message))).toEqual(
            new Set(refused ? ['Too many root fields: at most 50.'] : []),
          );
          expect(Object.values(data)).toEqual(
            Array.from({ length: count }, (_, index) => ({
              name: nameOf(idAt(index)),
              maintenances: refused ? null : Array(sizeAt(index)).fill({ id: expect.any(String) }),
            })),
          );
          // A router sends a fetch for each alias or one fetch with aliased `_entities`. Separate fetches may share no command.
          expect([...new Set(commands())]).toEqual(refused ? [] : BOTH);
        },
      );
    });

    describe('many representations', () => {
      const numbered = (count: number) => `{ numbered(count: ${count}) { id maintenance { description } } }`;

      it('resolve, 1,000 of them by one command', async () => {
        const { data, errors } = await supergraph.ask(numbered(1000));
        expect(errors).toEqual([]);
        expect(data.numbered).toHaveLength(1000);
        expect(supergraph.upstream.commands()).toEqual([LIST]);
      });

      check('are refused before any command, from 1,001 on, and the data of the neighbor stays', async () => {
        const answer = await supergraph.ask(numbered(1001));
        expect(answer.data.numbered.map(({ id }: { id: string }) => id)).toEqual(
          Array.from({ length: 1001 }, (_, index) => String(index)),
        );
        expect(new Set(codes(answer).map(([code]) => code))).toEqual(new Set(['BAD_USER_INPUT']));
        expect(supergraph.upstream.commands()).toEqual([]);
      });
    });

    describe('of headers', () => {
      const TRACE = '0af7651916cd43dd8448eb211c80319c';
      const SENT = {
        traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
        'x-request-id': 'request-1',
        'apollographql-client-name': 'app',
        'apollographql-client-version': '1.2.3',
      };
      const QUERY = `{ residence(id: "${FLAT}") { name maintenances { id } } visits { id } }`;

      it('the subgraph gets what it needs, and no other header of the client', async () => {
        const others = { cookie: 'canary', 'x-api-key': 'canary', 'router-authorization': 'canary' };
        const { errors } = await supergraph.ask(QUERY, { headers: { ...SENT, ...others } });
        expect(errors).toEqual([]);
        const [fetch] = supergraph.before.maintenance.fetches;
        expect(fetch?.headers).toMatchObject({
          ...SENT,
          traceparent: expect.stringMatching(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`)),
          authorization: `Bearer ${TOKENS.first}`,
          'router-authorization': ROUTER_SECRET,
        });
        expect(JSON.stringify(supergraph.before.maintenance.fetches)).not.toContain('canary');
        expect(supergraph.upstream.received.map(({ headers }) => headers)).toMatchObject([
          { authorization: `Bearer ${TOKENS.first}`, traceparent: expect.stringContaining(TRACE) },
        ]);
        expect(JSON.stringify(supergraph.upstream.received)).not.toMatch(new RegExp(`canary|${ROUTER_SECRET}`));
      });

      it('the neighbors get neither the token nor the secret', async () => {
        await supergraph.ask(QUERY);
        const { residences, visits } = supergraph.before;
        expect(supergraph.fetches()).toEqual([1, 1, 1]);
        expect(JSON.stringify([residences.fetches, visits.fetches])).not.toMatch(
          new RegExp(`${TOKENS.first}|${ROUTER_SECRET}`),
        );
      });
    });

    it('lets every documented extension of an error through', async () => {
      supergraph.before.maintenance.fail((response) =>
        answer(response, 200, {
          data: { deleteMaintenance: null },
          errors: [{ message: 'ours', path: ['deleteMaintenance'], extensions: EXTENSIONS }],
        }),
      );
      const { errors } = await supergraph.ask('mutation { deleteMaintenance(id: "a:b") { id } }');
      expect(errors).toHaveLength(1);
      expect(errors[0]).toMatchObject({ message: 'ours', path: ['deleteMaintenance'], extensions: EXTENSIONS });
    });

    describe('the example', () => {
      const examples = ['', 'supergraph/'].flatMap((folder) =>
        readExamples(new URL(`../../examples/${folder}`, import.meta.url)),
      );
      for (const { name, query, variables } of examples) {
        check(`${name} runs`, async () => {
          const { data, errors } = await supergraph.ask(query, { variables });
          expect(errors).toEqual([]);
          for (const value of Object.values(data)) expect(value).not.toBeNull();
        });
      }
    });
  });

  describe.each(KEYS)(`behind ${router}, a subgraph that refers to requests by %s`, (visitsBy) => {
    const supergraph = useSupergraph(start, { visitsBy });
    const lists = ['1-101', '1-201'].map((flat) => `get_maintenance_list ${idOf(flat)}`);
    const info = `get_maintenance_info ${idOf('1-202')} ${VISITED[5]?.maintenanceId}`;
    const sent = [info, ...lists].toSorted();

    it('causes one fetch, and one command per residence', async () => {
      const { data, errors } = await supergraph.ask('{ visits { id maintenance { maintenanceId description } } }');
      expect(errors).toEqual([]);
      expect(data.visits).toEqual(
        VISITED.map(({ maintenanceId }, index) => ({
          id: String(index),
          maintenance: { maintenanceId, description: expect.any(String) },
        })),
      );
      expect(supergraph.upstream.commands().toSorted()).toEqual(sent);
      expect(supergraph.fetches()).toEqual([1, 0, 1]);
    });

    it('gets data of a third subgraph about their residences', async () => {
      const { data, errors } = await supergraph.ask('{ visits { maintenance { state residence { name } } } }');
      expect(errors).toEqual([]);
      expect(data.visits.map((one: { maintenance: { residence: unknown } }) => one.maintenance.residence)).toEqual(
        VISITED.map(({ residenceId }) => ({ name: nameOf(residenceId) })),
      );
      expect(supergraph.upstream.commands().toSorted()).toEqual(sent);
      expect(supergraph.fetches()).toEqual([1, 1, 1]);
    });

    check(`keeps its data if some requests by ${visitsBy} cannot be read`, async () => {
      supergraph.upstream.fail(({ param }) => (param.residence_id === OTHER ? { status: 403 } : undefined));
      const answer = await supergraph.ask('{ visits { id maintenance { description } } }');
      expect(answer.data.visits.map(({ id }: { id: string }) => id)).toEqual(VISITED.map((_, index) => String(index)));
      const read = answer.data.visits.map((one: { maintenance: { description: string } | null }) =>
        Boolean(one.maintenance?.description),
      );
      expect(read).toEqual(VISITED.map(({ residenceId }) => residenceId !== OTHER));
      expect(codes(answer).map(([code]) => code)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
      expect(supergraph.upstream.commands().toSorted()).toEqual(sent);
      expect(supergraph.fetches()).toEqual([1, 0, 1]);
    });
  });

  describe.each([
    ['may be null', RESIDENCES_SDL, { name: null }],
    ['may not be null', RESIDENCES_SDL.replace('name: String', 'name: String!'), null],
  ])(`behind ${router}, a failing neighbor whose field %s costs our list nothing`, (_, residencesSdl, residence) => {
    const supergraph = useSupergraph(start, { residencesSdl });

    for (const [failure, fault, isError] of FAILURES) {
      check(`if it ${failure}`, async () => {
        supergraph.before.residences.fail(fault);
        const answer = await supergraph.ask(
          `{ maintenances(residenceId: "${FLAT}") { maintenanceId residence { name } } }`,
        );
        expect(answer.data.maintenances).toEqual(
          supergraph.upstream.store
            .list(FLAT)
            .map(({ maintenance_id }) => ({ maintenanceId: maintenance_id, residence })),
        );
        if (isError) expect(answer.errors).not.toEqual([]);
        expect(supergraph.upstream.commands()).toEqual(readsAgain ? [LIST, LIST] : [LIST]);
      });
    }
  });
}

/** How a neighbor fails, and whether that is an error. */
const FAILURES: [string, Fault, boolean][] = [
  ['cuts the connection', (response) => void response.destroy(), true],
  ['answers 500', (response) => answer(response, 500, 'Internal Server Error'), true],
  ['answers HTML', (response) => answer(response, 200, '<!doctype html>'), true],
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

/** The representations that the neighbor was asked for; routers name the variable differently. */
function asked(variables: Fetch['variables'] = {}): unknown[] {
  return Object.values(variables).find((value) => Array.isArray(value)) ?? [];
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

function expectAllNames({ data }: Answer): void {
  expect(data.residences.map(({ name }: { name: string }) => name)).toEqual(RESIDENCES.map(({ name }) => name));
}

function nameOf(residenceId: string): string | undefined {
  return RESIDENCES.find(({ id }) => id === residenceId)?.name;
}
