/** Clients that reject by default if a response has data and errors, as docs/errors.md says. */
import { ApolloClient, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { beforeEach, expect, it } from '@jest/globals';
import { ClientError, GraphQLClient } from 'graphql-request';
import { startGateway } from '../../dev/supergraph/gateway.ts';
import { useSupergraph } from '../support/use-supergraph.ts';
import { HEADERS, INPUT, MUTATIONS } from './suite.ts';

const supergraph = useSupergraph(startGateway);
beforeEach(() => supergraph.upstream.fail(({ command }) => (command.startsWith('get_') ? { status: 403 } : undefined)));

const [mutation, variables] = [MUTATIONS.ScreenCreateMutation, { input: INPUT }];
const data = { createMaintenance: { createdId: expect.any(String), maintenance: null } };
const errors = [{ extensions: { code: 'FORBIDDEN' } }];

it('Apollo Client rejects by default with data and errors', async () => {
  const link = new HttpLink({ uri: supergraph.url, headers: HEADERS });
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const error = await client.mutate({ mutation: gql(mutation), variables }).catch((thrown) => thrown);
  expect(CombinedGraphQLErrors.is(error)).toBe(true);
  expect(error).toMatchObject({ data, errors });
});

it("graphql-request rejects by default with data and errors; with errorPolicy: 'all', only request() drops errors", async () => {
  const rejecting = new GraphQLClient(supergraph.url, { headers: HEADERS });
  const error = await rejecting.request(mutation, variables).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(ClientError);
  expect(error.response).toMatchObject({ data, errors });
  const client = new GraphQLClient(supergraph.url, { headers: HEADERS, errorPolicy: 'all' });
  expect(await client.request(mutation, variables)).toEqual(data);
  expect(await client.rawRequest(mutation, variables)).toMatchObject({ data, errors });
});
