/** The requests of routers, with the `Accept` header of each. */
import { expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { codes } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const NEW_TYPE = 'application/graphql-response+json';
const CLIENT = 'application/json, application/json, application/graphql-response+json';
const FETCH = `query Residences__maintenance__1($representations: [_Any!]!) {
  _entities(representations: $representations) { ... on Residence { maintenances { id } } }
}`;
const variables = { representations: [R, 'nowhere'].map((id) => ({ __typename: 'Residence', id })) };

const subgraph = useSubgraph();

it.each([
  ['Apollo Router 2', `application/json, ${NEW_TYPE}`],
  ['Apollo Router 2 that forwards a client’s Accept', `multipart/mixed;deferSpec=20220824, ${CLIENT}`],
  ['Apollo Router 2 that forwards a subscriber’s Accept', `multipart/mixed;subscriptionSpec=1.0, ${CLIENT}`],
  ['@apollo/gateway', '*/*'],
  ['Hive Gateway', `${NEW_TYPE}, application/json, multipart/mixed`],
  ['a router with weights', `${NEW_TYPE}, application/json;q=0.9`],
  ['a router that accepts only the new type', NEW_TYPE],
  ['Grafbase', `${NEW_TYPE}; charset=utf-8, application/json; charset=utf-8`],
])('a fetch of %s gets HTTP 200 and data, also if fields are null', async (_, accept) => {
  const answer = await subgraph.ask(FETCH, { variables, headers: { accept } });
  const maintenances = [{ id: `${R}:${EXAMPLE.maintenanceId}` }];
  expect(answer.data).toEqual({ _entities: [{ maintenances }, { maintenances: null }] });
  expect(codes(answer)).toEqual([['COMMAND_REJECTED', '_entities.1.maintenances']]);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json; ?charset=utf-8$/);
});
