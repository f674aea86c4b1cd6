/**
 * The requests of routers, as each writes its `Accept`: every well-formed one is answered with HTTP 200 and `data`.
 */
import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { codes } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const subgraph = useSubgraph();

const ROUTERS: [string, string][] = [
  ['Apollo Router 2', 'application/json, application/graphql-response+json'],
  [
    'Apollo Router 2 that passes on its client’s',
    'multipart/mixed;deferSpec=20220824, application/json, application/json, application/graphql-response+json',
  ],
  [
    'Apollo Router 2 that passes on a subscriber’s',
    'multipart/mixed;subscriptionSpec=1.0, application/json, application/json, application/graphql-response+json',
  ],
  ['@apollo/gateway', '*/*'],
  ['Hive Gateway', 'application/graphql-response+json, application/json, multipart/mixed'],
  ['one that prefers by weight', 'application/graphql-response+json, application/json;q=0.9'],
  ['one that knows the new type alone', 'application/graphql-response+json'],
  ['Grafbase', 'application/graphql-response+json; charset=utf-8, application/json; charset=utf-8'],
];

const FETCH = `query Residences__maintenance__1($representations: [_Any!]!) {
  _entities(representations: $representations) { ... on Residence { maintenances { id } } }
}`;
const known = { __typename: 'Residence', id: R };
const unknown = { __typename: 'Residence', id: 'nowhere' };

interface Request {
  readonly representations: readonly unknown[];
  readonly token?: null;
}

const REQUESTS: [string, Request, readonly boolean[], [string, string][]][] = [
  ['that succeeds', { representations: [known] }, [true], []],
  [
    'that fails in part',
    { representations: [known, unknown] },
    [true, false],
    [['COMMAND_REJECTED', '_entities.1.maintenances']],
  ],
  [
    'that fails as a whole',
    { representations: [unknown] },
    [false],
    [['COMMAND_REJECTED', '_entities.0.maintenances']],
  ],
  [
    'without a token',
    { representations: [known], token: null },
    [false],
    [['UNAUTHENTICATED', '_entities.0.maintenances']],
  ],
];

describe.each(ROUTERS)('a fetch of %s', (_, accept) => {
  it.each(REQUESTS)('%s', async (_, { representations, ...sending }, answered, errors) => {
    const answer = await subgraph.ask(FETCH, { variables: { representations }, headers: { accept }, ...sending });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json; ?charset=utf-8$/);
    const lists = answered.map((isAnswered) => (isAnswered ? [{ id: `${R}:${EXAMPLE.maintenanceId}` }] : null));
    expect(answer.data).toEqual({ _entities: lists.map((maintenances) => ({ maintenances })) });
    expect(codes(answer)).toEqual(errors);
  });

  it('whose only field is null', async () => {
    const answer = await subgraph.ask('{ maintenances(residenceId: "nowhere") { id } }', { headers: { accept } });
    expect(answer.status).toBe(200);
    expect(answer.data).toEqual({ maintenances: null });
    expect(codes(answer)).toEqual([['COMMAND_REJECTED', 'maintenances']]);
  });
});
