/**
 * The limits of docs/reliability.md for documents, commands and replies: the documented size is served, and the next one is
 * refused as its row says. sizes.test.ts has arguments, response.test.ts responses, and process/http-input.test.ts bodies.
 */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { LIMITS } from '../support/limits.ts';
import { answerWith, entities, list, R, times } from '../support/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const LIST = `maintenances(residenceId: "${R}")`;

const subgraph = useSubgraph();
const residences = (count: number) => times(count, (index) => ({ __typename: 'Residence', id: `r${index}` }));

describe('a document', () => {
  const join = (count: number, text: (index: number) => string) => times(count, text).join(' ');
  const aliases = (count: number) => join(count, (index) => `a${index}: id`);
  const inList = (selections: string) => `{ ${LIST} { ${selections} } }`;
  const inAny = (value: string) =>
    `{ _entities(representations: [{ __typename: "Residence", id: "r", x: ${value} }]) { __typename } }`;
  const fragment = (name: string, selections: string, type = 'Maintenance') =>
    ` fragment ${name} on ${type} { ${selections} }`;
  /** Returns selections of so many levels of fields. */
  const levels = (count: number): string =>
    times(count - 1, (index) => (index % 2 === 0 ? 'residence' : 'maintenances')).reduceRight(
      (inner, name) => `${name} { ${inner} }`,
      'id',
    );
  /** Most of the selections are in a fragment. */
  const selections = (count: number) =>
    inList('...F '.repeat(49) + 'id '.repeat(count - 9801)) + fragment('F', 'id '.repeat(199));
  const nested = (count: number) =>
    join(count, (index) => fragment(`F${index}`, index < count - 1 ? `...F${index + 1}` : '__typename', 'Query'));

  it.each<[of: string, most: number, document: (size: number) => string]>([
    ['tokens', LIMITS.tokens, (size) => inAny(`[${'1 '.repeat(size - 24)}]`)],
    ['selections', LIMITS.selections, selections],
    [
      'selections in two operations',
      LIMITS.selections,
      (size) => `query A ${selections(size - 1)} query B { __typename }`,
    ],
    ['aliases', LIMITS.aliases, (size) => inList(aliases(size))],
    [
      'levels of fields',
      LIMITS.levelsOfFields,
      (size) => inList('residence { maintenances { ...F } }') + fragment('F', levels(size - 3)),
    ],
    ['nested fragments', LIMITS.nestedFragments, (size) => `{ ...F0 } ${nested(size)}`],
    [
      'levels of lists in a variable',
      LIMITS.levelsOfLists,
      (size) => `query ($v: ${'['.repeat(size)}Int${']'.repeat(size)}) ${inAny('$v')}`,
    ],
    ['times the same field', LIMITS.sameField, (size) => `{ ${'__typename '.repeat(size)} }`],
  ])('has so many %s: %d, or is refused as a whole', async (_, most, document) => {
    const askFor = (size: number) => {
      const query = document(size);
      return subgraph.post(JSON.stringify({ query, operationName: /^query (A)/.exec(query)?.[1] }));
    };
    expect((await askFor(most)).errors).toEqual([]);
    subgraph.upstream.reset();
    const { status, data, errors } = await askFor(most + 1);
    expect([status, data, errors[0]?.path]).toEqual([200, undefined, undefined]);
    expect(errors[0]?.extensions.code).toMatch(/^GRAPHQL_(VALIDATION|PARSE)_FAILED$/);
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('an operation', () => {
  it('sends 100 writes; the residences of a batch without room are failures, and other fields fail', async () => {
    answerWith(subgraph.upstream, {});
    const batch = (alias: string, from: number, count: number) =>
      `${alias}: deleteMaintenances(ids: [${times(count, (index) => `"r${from + index}:m"`)}])
        { deletedIds failures { failedId code outcome } }`;
    const { data, errors } = await subgraph.ask(
      `mutation { ${batch('a', 0, 60)} ${batch('b', 100, LIMITS.writes - 58)} c: deleteMaintenance(id: "r:m") { deletedId } }`,
    );
    expect(errors).toMatchObject([{ path: ['c'], extensions: { code: 'BAD_USER_INPUT', outcome: 'NOT_SENT' } }]);
    expect([data.a.deletedIds.length, data.b.deletedIds.length, data.c]).toEqual([60, LIMITS.writes - 60, null]);
    const failure = { code: 'UPSTREAM_UNAVAILABLE', outcome: 'NOT_SENT' };
    expect(data.b.failures).toEqual(['r140:m', 'r141:m'].map((failedId) => ({ failedId, ...failure })));
    expect(subgraph.upstream.received).toHaveLength(LIMITS.writes);
  });

  it('sends 1,000 reads; a further read fails alone', async () => {
    answerWith(subgraph.upstream, []);
    const { query, variables } = entities(residences(LIMITS.reads), '... on Residence { maintenances { id } }');
    const { data, errors } = await subgraph.ask(query.replace('{', `{ ${LIST} { id }`), { variables });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    const lists = [
      data.maintenances,
      ...data._entities.map(({ maintenances }: { maintenances: unknown }) => maintenances),
    ];
    expect(lists.filter((one) => one === null)).toHaveLength(1);
    expect(errors[0]?.path?.reduce((value, key) => value[key], data)).toBeNull();
    expect(subgraph.upstream.received).toHaveLength(LIMITS.reads);
  });

  it('counts the list that follows a rejected detail; without room for it, the error of the detail stands', async () => {
    subgraph.upstream.fail(({ command }) => ({ body: { success: command === 'get_maintenance_list', result: [] } }));
    const details = times(LIMITS.reads - 1, (index) => ({ __typename: 'Maintenance', id: `r${index}:m` }));
    const { query, variables } = entities(details, '... on Maintenance { state }');
    const { errors } = await subgraph.ask(query, { variables });
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(details.slice(1).map(() => 'COMMAND_REJECTED'));
    expect(subgraph.upstream.received).toHaveLength(LIMITS.reads);
  });
});

describe('a reply of the command API', () => {
  /** Returns a list reply of exactly `bytes` bytes. */
  function reply(bytes: number): string {
    const make = (description: string) =>
      JSON.stringify({ success: true, result: [{ maintenance_id: 'm', description }] });
    return make('x'.repeat(bytes - make('').length));
  }

  it.each([
    ['plain', (text: string) => text, {}],
    ['plain, with a coding that says so', (text: string) => text, { 'content-encoding': 'Identity' }],
    ['gzip', (text: string) => gzipSync(text), { 'content-encoding': 'gzip' }],
  ])('is accepted with MAX_REPLY_BYTES and refused with a byte more: %s', async (_, encode, headers) => {
    const { query, variables } = list();
    const answer = (bytes: number) => {
      subgraph.upstream.fail((__, response) => {
        response.writeHead(200, headers).end(encode(reply(bytes)));
        return 'taken';
      });
      return subgraph.ask(query, { variables });
    };
    expect((await answer(LIMITS.replyBytes)).data.maintenances).toEqual([{ id: `${R}:m` }]);
    const { data, errors } = await answer(LIMITS.replyBytes + 1);
    expect(data).toEqual({ maintenances: null });
    const message = 'The command API sent a reply larger than MAX_REPLY_BYTES.';
    expect(errors).toMatchObject([{ message, extensions: { code: 'UPSTREAM_INVALID_RESPONSE' } }]);
  });
});
