/**
 * The limits of docs/reliability.md for commands and replies: the documented size is served, and the next one is refused as its row
 * says. documents.test.ts, sizes.test.ts (arguments), response.test.ts and process/http-input.test.ts (bodies) have the others.
 */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { LIMITS } from '../support/limits.ts';
import { answerWith, DELETE, entities, list, R, times } from '../support/maintenance/requests.ts';
import { act } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const tooLarge = (bytes: string) => `The command API sent a reply larger than ${bytes} bytes.`;
const LIST = `maintenances(residenceId: "${R}")`;

const subgraph = useSubgraph();
const residences = (count: number) => times(count, (index) => ({ __typename: 'Residence', id: `r${index}` }));

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
    const ofResidences = data._entities.map(({ maintenances }: { maintenances: unknown }) => maintenances);
    const lists = [data.maintenances, ...ofResidences];
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

  it('reads details one by one if their list fails; a detail without room for it has the error of the list', async () => {
    subgraph.upstream.fail(({ command }) =>
      command === 'get_maintenance_list' ? { status: 500 } : { body: { success: true, result: { state: 'closed' } } },
    );
    const details = times(LIMITS.reads, (index) => ({ __typename: 'Maintenance', id: `r:m${index}` }));
    const { query, variables } = entities(details, '... on Maintenance { state }');
    const { data, errors } = await subgraph.ask(query, { variables });
    const ofList = { code: 'UPSTREAM_UNAVAILABLE', command: 'get_maintenance_list' };
    expect(errors).toMatchObject([{ path: ['_entities', LIMITS.reads - 1], extensions: ofList }]);
    expect(data._entities.filter((one: unknown) => one !== null)).toHaveLength(LIMITS.reads - 1);
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
    ['gzip', (text: string) => gzipSync(text), { 'content-encoding': 'GZip' }],
    [
      'gzip in two parts, of which the last tells only its own length',
      (text: string) => Buffer.concat([gzipSync(text.slice(0, -2)), gzipSync(text.slice(-2))]),
      { 'content-encoding': 'gzip' },
    ],
  ])('is accepted with MAX_REPLY_BYTES and refused with a byte more: %s', async (_, encode, headers) => {
    const { query, variables } = list();
    const answer = (bytes: number) => {
      subgraph.upstream.fail(act((response) => response.writeHead(200, headers).end(encode(reply(bytes)))));
      return subgraph.ask(query, { variables });
    };
    expect((await answer(LIMITS.replyBytes)).data.maintenances).toEqual([{ id: `${R}:m` }]);
    const { data, errors } = await answer(LIMITS.replyBytes + 1);
    expect(data).toEqual({ maintenances: null });
    expect(errors).toMatchObject([
      { message: tooLarge('2,097,152'), extensions: { code: 'UPSTREAM_INVALID_RESPONSE' } },
    ]);
  });

  it.each([
    ['plain', 200, 'UPSTREAM_INVALID_RESPONSE', 'UNKNOWN'],
    ['gzip', 200, 'UPSTREAM_INVALID_RESPONSE', 'UNKNOWN'],
    ['plain', 401, 'UNAUTHENTICATED', 'REJECTED'],
    ['plain', 429, 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
  ])('to a write has at most 128 KB: %s, a larger one with the status %d', async (coding, status, code, outcome) => {
    const answer = (bytes: number, status: number) => {
      const text = `{"success":true,"result":{"text":"${'x'.repeat(bytes - 37)}"}}`;
      const [headers, body] = coding === 'gzip' ? [{ 'content-encoding': coding }, gzipSync(text)] : [{}, text];
      subgraph.upstream.fail(act((response) => response.writeHead(status, headers).end(body)));
      return subgraph.ask(DELETE);
    };
    expect((await answer(LIMITS.writeReplyBytes, 200)).errors).toEqual([]);
    const { errors } = await answer(LIMITS.writeReplyBytes + 1, status);
    expect(errors).toMatchObject([{ extensions: { code, outcome } }]);
    if (status === 200) expect(errors[0]?.message).toBe(tooLarge('131,072'));
  });
});
