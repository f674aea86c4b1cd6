/** What a broken or hostile router can do with `_entities`, `_service` and federated traces. */
import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { codes, ROUTER_SECRET } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const M = EXAMPLE.maintenanceId;
const ID = `${R}:${M}`;
const PREVIOUS = 'previous-secret';
const QUERY = `query ($r: [_Any!]!) {
  _entities(representations: $r) { __typename ... on Maintenance { id description } ... on Residence { id } }
}`;
const GOOD = { __typename: 'Maintenance', id: ID };
const ENTITY = { __typename: 'Maintenance', id: ID, description: 'test' };
const INFO = `get_maintenance_info ${R} ${M}`;

const subgraph = useSubgraph({ ROUTER_SECRET_PREVIOUS: PREVIOUS });
const resolve = (r: unknown) => subgraph.ask(QUERY, { variables: { r } });

describe('too many representations are refused before any command', () => {
  // As many of the shortest as 1 MB holds.
  const room = Math.floor((1_048_576 - JSON.stringify({ query: QUERY, variables: { r: [] } }).length) / 4);
  const CASES: [string, unknown[]][] = [
    ['1,001 of one', Array.from({ length: 1001 }, () => GOOD)],
    ['1,001 that cost no command', Array.from({ length: 1001 }, () => ({ __typename: 'Residence', id: R }))],
    ['1,001 that are none', Array.from({ length: 1001 }, () => null)],
    [
      '20,000 of as many residences',
      Array.from({ length: 20_000 }, (_, i) => ({ __typename: 'Maintenance', id: `r${i}:m` })),
    ],
    [`${room} empty ones`, Array.from({ length: room }, () => ({}))],
  ];

  it.each(CASES)('%s', async (_, r) => {
    const answer = await resolve(r);
    expect(answer.status).toBe(200);
    expect(answer.errors.length).toBeLessThanOrEqual(6);
    expect(new Set(answer.errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['BAD_USER_INPUT']));
    expect(answer.data?._entities ?? null).toBeNull();
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('100,000, which are more than a body may hold', async () => {
    const answer = await resolve(Array.from({ length: 100_000 }, () => GOOD));
    expect(answer.status).toBe(413);
    expect(codes(answer)).toEqual([['BAD_REQUEST', undefined]]);
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('1,001 in the document', async () => {
    const literals = '{__typename:"Residence",id:"r"}'.repeat(1001);
    const answer = await subgraph.ask(
      `{ _entities(representations: [${literals}]) { ... on Residence { maintenances { id } } } }`,
    );
    expect(codes(answer)).toEqual([['BAD_USER_INPUT', '_entities']]);
    expect(answer.errors[0]?.message).toContain('1000');
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('take the operation with them: federation’s own schema has the field never null', async () => {
    const answer = await subgraph.ask(
      `query ($r: [_Any!]!, $s: [_Any!]!) {
        a: _entities(representations: $r) { ... on Maintenance { id } }
        b: _entities(representations: $s) { ... on Maintenance { id } }
      }`,
      { variables: { r: Array.from({ length: 1001 }, () => GOOD), s: [GOOD] } },
    );
    expect(codes(answer)).toEqual([['BAD_USER_INPUT', 'a']]);
    expect(answer.data).toBeNull();
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('duplicates cost one command', () => {
  it('1,000 times the same', async () => {
    const { data, errors } = await resolve(Array.from({ length: 1000 }, () => GOOD));
    expect(errors).toEqual([]);
    expect(data._entities).toEqual(Array.from({ length: 1000 }, () => ENTITY));
    expect(subgraph.upstream.commands()).toEqual([INFO]);
  });

  it('the same by either key and by both', async () => {
    const other = { __typename: 'Maintenance', residence: { id: R }, maintenanceId: M };
    const { data, errors } = await resolve([GOOD, other, { ...other, id: ID }, GOOD]);
    expect(errors).toEqual([]);
    expect(data._entities).toEqual([ENTITY, ENTITY, ENTITY, ENTITY]);
    expect(subgraph.upstream.commands()).toEqual([INFO]);
  });

  it('the same under 50 aliases', async () => {
    const aliased = Array.from(
      { length: 50 },
      (_, i) => `a${i}: _entities(representations: $r) { ... on Maintenance { id } }`,
    );
    const { data, errors } = await subgraph.ask(`query ($r: [_Any!]!) { ${aliased.join(' ')} }`, {
      variables: { r: Array.from({ length: 60 }, () => GOOD) },
    });
    expect(errors).toEqual([]);
    expect(Object.values(data).flat()).toHaveLength(3000);
    expect(subgraph.upstream.commands()).toEqual([INFO]);
  });

  it('1,000 that fail alike: one command, an error each', async () => {
    subgraph.upstream.fail(() => ({ status: 403 }));
    const answer = await resolve(Array.from({ length: 1000 }, () => GOOD));
    expect(codes(answer)).toEqual(Array.from({ length: 1000 }, (_, i) => ['FORBIDDEN', `_entities.${i}`]));
    expect(answer.data._entities).toEqual(Array.from({ length: 1000 }, () => null));
    expect(subgraph.upstream.commands()).toEqual([INFO]);
  });
});

describe('mixed lists', () => {
  it('keep their order, good, bad, missing and failing side by side', async () => {
    subgraph.upstream.fail(({ param }) => (param.residence_id === 'down' ? { status: 503 } : undefined));
    const r = [
      { __typename: 'Residence', id: 'x' },
      { __typename: 'Visit', id: '1' },
      GOOD,
      { __typename: 'Maintenance', id: 'down:m' },
      { __typename: 'Maintenance', id: `${R}:gone` },
      {},
      { __typename: 'Residence', id: R },
    ];
    const answer = await resolve(r);
    expect(codes(answer).sort()).toEqual([
      ['BAD_USER_INPUT', '_entities.1'],
      ['BAD_USER_INPUT', '_entities.5'],
      ['UPSTREAM_UNAVAILABLE', '_entities.3'],
    ]);
    expect(answer.data._entities).toEqual([
      { __typename: 'Residence', id: 'x' },
      null,
      ENTITY,
      null,
      null,
      null,
      { __typename: 'Residence', id: R },
    ]);
    const commands = subgraph.upstream.commands();
    expect([...new Set(commands)].sort()).toEqual(['get_maintenance_info down m', `get_maintenance_list ${R}`]);
    expect(commands.filter((command) => command.includes(R))).toHaveLength(1);
  });

  it('1,000 of unknown types are 1,000 nulls and no command', async () => {
    const answer = await resolve(Array.from({ length: 1000 }, (_, i) => ({ __typename: `Type${i}`, id: '1' })));
    expect(codes(answer)).toEqual(Array.from({ length: 1000 }, (_, i) => ['BAD_USER_INPUT', `_entities.${i}`]));
    expect(answer.data._entities).toEqual(Array.from({ length: 1000 }, () => null));
    expect(JSON.stringify(answer)).not.toMatch(/Type\d/);
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('a representation that cannot be used nulls its own entry and sends nothing', () => {
  it.each([
    ['a type in lower case', { __typename: 'maintenance', id: ID }],
    ['a type with a space', { __typename: 'Maintenance ', id: ID }],
    ['a list for a type', { __typename: ['Maintenance'], id: ID }],
    ['an interface’s name', { __typename: '_Entity', id: ID }],
    ['a scalar’s name', { __typename: '_Any', id: ID }],
    ['the mutation type', { __typename: 'Mutation', id: ID }],
    ['an introspection type', { __typename: '__Schema', id: ID }],
    ['a payload', { __typename: 'CreateMaintenancePayload', id: ID }],
    ['__proto__ for a type', { __typename: '__proto__', id: ID }],
    ['toString for a type', { __typename: 'toString', id: ID }],
    ['null for a type', { __typename: null, id: ID }],
    ['an empty type', { __typename: '', id: ID }],
    ['an object for an id', { __typename: 'Maintenance', id: { id: ID } }],
    ['true for an id', { __typename: 'Maintenance', id: true }],
    ['a null id beside another key', { __typename: 'Maintenance', id: null, residence: { id: R }, maintenanceId: M }],
    [
      'a good key beside a malformed id',
      { __typename: 'Maintenance', id: 'x', residence: { id: R }, maintenanceId: M },
    ],
    ['a null residence', { __typename: 'Maintenance', residence: null, maintenanceId: M }],
    ['a list of residences', { __typename: 'Maintenance', residence: [{ id: R }], maintenanceId: M }],
    ['a number for the residence’s id', { __typename: 'Maintenance', residence: { id: 5 }, maintenanceId: M }],
    ['an object for that id', { __typename: 'Maintenance', residence: { id: { id: R } }, maintenanceId: M }],
    ['an empty residence’s id', { __typename: 'Maintenance', residence: { id: '' }, maintenanceId: M }],
    ['a number for a maintenanceId', { __typename: 'Maintenance', residence: { id: R }, maintenanceId: 5 }],
    ['a list for a maintenanceId', { __typename: 'Maintenance', residence: { id: R }, maintenanceId: [M] }],
    ['a null maintenanceId', { __typename: 'Maintenance', residence: { id: R }, maintenanceId: null }],
    ['the id of a Residence', { __typename: 'Maintenance', id: R }],
    ['names in another case', { __typename: 'Maintenance', ID, Id: ID }],
    ['a null id of a Residence', { __typename: 'Residence', id: null }],
    ['a list for a Residence’s id', { __typename: 'Residence', id: [R] }],
    ['null', [null]],
    ['a list in a list', [[GOOD]]],
    ['an empty text', ''],
    ['zero', 0],
    ['a text that is JSON', JSON.stringify(GOOD)],
  ])('%s', async (_, bad) => {
    const answer = await resolve([bad, { __typename: 'Residence', id: R }]);
    expect(answer.status).toBe(200);
    expect(codes(answer)).toEqual([['BAD_USER_INPUT', '_entities.0']]);
    expect(answer.data._entities).toEqual([null, { __typename: 'Residence', id: R }]);
    expect(subgraph.upstream.commands()).toEqual([]);
    expect(subgraph.logs().filter(({ msg }) => msg === 'unforeseen error')).toEqual([]);
  });
});

describe('what stands beside a key is not looked at', () => {
  const deep = (open: string, close: string, levels: number) => `${open.repeat(levels)}1${close.repeat(levels)}`;
  const CASES: [string, string][] = [
    [
      'a thousand members',
      JSON.stringify(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`m${i}`, i]))).slice(1, -1),
    ],
    ['a list 100,000 deep', `"x":${deep('[', ']', 100_000)}`],
    ['an object 50,000 deep', `"x":${deep('{"x":', '}', 50_000)}`],
    ['a deep residence of the same id', `"residence":{"id":${JSON.stringify(R)},"x":${deep('[', ']', 50_000)}}`],
    ['names of Object’s', '"toString":1,"valueOf":1,"hasOwnProperty":1,"constructor":"x","toJSON":"x","then":"x"'],
    ['members of ours', '"description":"evil","state":"CLOSED","residenceId":"evil","pictureUrls":["evil"]'],
    ['a member by an empty name', '"":1'],
    ['the key twice, the last of which counts', `"id":"x:y","id":${JSON.stringify(ID)}`],
  ];

  it.each(CASES)('%s', async (_, members) => {
    const representation = `{"__typename":"Maintenance","id":${JSON.stringify(ID)},${members}}`;
    const answer = await subgraph.post(`{"query":${JSON.stringify(QUERY)},"variables":{"r":[${representation}]}}`);
    expect(answer.errors).toEqual([]);
    expect(answer.data._entities).toEqual([ENTITY]);
    expect(subgraph.upstream.commands()).toEqual([INFO]);
  });

  it('in a document: 400 levels, and __proto__ that is a member like any other', async () => {
    const literal = `{__typename: "Maintenance", id: "${ID}", __proto__: {id: "x:y"}, x: ${deep('[', ']', 400)}}`;
    const answer = await subgraph.ask(`{ _entities(representations: [${literal}]) { ... on Maintenance { id } } }`);
    expect(answer.errors).toEqual([]);
    expect(answer.data._entities).toEqual([{ id: ID }]);
    expect(subgraph.upstream.commands()).toEqual([INFO]);
  });

  it('but a key that only __proto__ has is none', async () => {
    const literal = `{__typename: "Maintenance", __proto__: {id: "${ID}"}}`;
    const answer = await subgraph.ask(`{ _entities(representations: [${literal}]) { ... on Maintenance { id } } }`);
    expect(codes(answer)).toEqual([['BAD_USER_INPUT', '_entities.0']]);
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('a body that would reach into prototypes is refused whole', () => {
  it.each([
    ['__proto__ in a representation', `"__proto__":{"id":"${ID}"}`],
    ['one that is escaped', `"\\u005f\\u005fproto\\u005f\\u005f":{"id":"${ID}"}`],
    ['one in a residence', '"residence":{"__proto__":{"id":"x"}}'],
    ['constructor.prototype', `"constructor":{"prototype":{"id":"${ID}"}}`],
  ])('%s', async (_, members) => {
    const answer = await subgraph.post(
      `{"query":${JSON.stringify(QUERY)},"variables":{"r":[{"__typename":"Maintenance",${members}}]}}`,
    );
    expect(answer.status).toBe(400);
    expect(codes(answer)).toEqual([['BAD_REQUEST', undefined]]);
    expect(subgraph.upstream.commands()).toEqual([]);
    expect((await resolve([{ __typename: 'Maintenance' }])).data._entities).toEqual([null]);
  });
});

describe('representations that are no list', () => {
  it.each([
    ['a single one, which GraphQL takes for a list', GOOD, [ENTITY], []],
    ['none', [], [], []],
    ['a text', 'Maintenance', [null], [['BAD_USER_INPUT', '_entities.0']]],
    ['null', null, undefined, [['BAD_USER_INPUT', undefined]]],
    ['nothing', undefined, undefined, [['BAD_USER_INPUT', undefined]]],
    ['a list with null', [GOOD, null], undefined, [['BAD_USER_INPUT', undefined]]],
  ])('%s', async (_, r, entities, expected) => {
    const answer = await resolve(r);
    expect(answer.status).toBe(200);
    expect(codes(answer)).toEqual(expected);
    expect(answer.data?._entities).toEqual(entities);
    expect(subgraph.upstream.commands()).toEqual(r === GOOD ? [INFO] : []);
  });

  it.each([
    ['_entities of a mutation', 'mutation { _entities(representations: []) { __typename } }'],
    ['_service of a mutation', 'mutation { _service { sdl } }'],
    ['no argument', '{ _entities { __typename } }'],
    ['fields of an entity without its type', '{ _entities(representations: []) { id } }'],
    ['a type that is none of the entities', '{ _entities(representations: []) { ... on Query { __typename } } }'],
    [
      'an entity’s resolver by name',
      '{ _entities(representations: []) { ... on Maintenance { __resolveReference } } }',
    ],
  ])('%s', async (_, query) => {
    const answer = await subgraph.ask(query);
    expect([...new Set(answer.errors.map(({ extensions }) => extensions.code))]).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    expect(answer.data).toBeUndefined();
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('the SDL and the timings of fields', () => {
  const TRACED = { 'apollo-federation-include-trace': 'ftv1' };
  const SDL = '{ _service { sdl } }';

  it.each([
    ['the secret', ROUTER_SECRET],
    ['the previous secret', PREVIOUS],
  ])('are told to who brings %s', async (_, secret) => {
    const answer = await subgraph.ask(SDL, { token: null, headers: { ...TRACED, 'router-authorization': secret } });
    expect(answer.errors).toEqual([]);
    expect(answer.data._service.sdl).toContain('type Maintenance');
    expect(answer.extensions).toEqual({ ftv1: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/) });
  });

  it.each<[string, Record<string, string>]>([
    ['no secret', {}],
    ['an empty one', { 'router-authorization': '' }],
    ['a wrong one', { 'router-authorization': 'router-secret' }],
    ['one in another case', { 'router-authorization': ROUTER_SECRET.toUpperCase() }],
    ['both, joined', { 'router-authorization': `${ROUTER_SECRET}, ${PREVIOUS}` }],
    ['the secret as a bearer token', { authorization: `Bearer ${ROUTER_SECRET}` }],
    ['the secret as a cookie', { cookie: `router-authorization=${ROUTER_SECRET}` }],
    ['the secret with a scheme', { 'router-authorization': `Bearer ${ROUTER_SECRET}` }],
  ])('are told to nobody who brings %s', async (_, headers) => {
    for (const query of [SDL, '{ __typename }', '{ __schema { types { name } } }', QUERY]) {
      const response = await fetch(`${subgraph.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...TRACED, ...headers },
        body: JSON.stringify({ query, variables: { r: [GOOD] } }),
      });
      expect(response.status).toBe(401);
      expect(await response.json()).toEqual({
        errors: [{ message: expect.any(String), extensions: { code: 'ROUTER_UNAUTHENTICATED' } }],
      });
    }
    expect(subgraph.upstream.commands()).toEqual([]);
    expect(subgraph.logText()).not.toContain(ROUTER_SECRET);
  });

  it.each(['ftv2', 'FTV1', 'true', 'ftv1, ftv1', 'ftv1 '.repeat(2)])('are not told for %j', async (version) => {
    const answer = await subgraph.ask('{ __typename }', { headers: { 'apollo-federation-include-trace': version } });
    expect(answer.data).toEqual({ __typename: 'Query' });
    expect(answer.extensions).toBeUndefined();
  });
});
