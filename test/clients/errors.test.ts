/** Clients that reject by default if a response has data and errors, as docs/errors.md says. */
import { ApolloClient, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { beforeEach, expect, it } from '@jest/globals';
import { ClientError, GraphQLClient } from 'graphql-request';
import { startGateway } from '../../dev/supergraph/gateway.ts';
import { useSupergraph } from '../support/use-supergraph.ts';
import { HEADERS, INPUT, MUTATIONS } from './suite.ts';

const supergraph = useSupergraph(startGateway);
beforeEach(() => supergraph.upstream.fail(({ command }) => (command.startsWith('get_') ? { status: 403 } : undefined)));

const create = [MUTATIONS.ScreenCreateMutation, { input: INPUT }] as const;
const data = { createMaintenance: { createdId: expect.any(String), maintenance: null } };
const errors = [{ extensions: { code: 'FORBIDDEN' } }];

it('Apollo Client rejects by default with data and errors', async () => {
  const link = new HttpLink({ uri: supergraph.url, headers: HEADERS });
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const [mutation, variables] = create;
  const error = await client.mutate({ mutation: gql(mutation), variables }).catch((thrown) => thrown);
  expect(CombinedGraphQLErrors.is(error)).toBe(true);
  expect(error).toMatchObject({ data, errors });
});

it('graphql-request rejects by default with data and errors', async () => {
  const client = new GraphQLClient(supergraph.url, { headers: HEADERS });
  const error = await client.request(...create).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(ClientError);
  expect(error.response).toMatchObject({ data, errors });
});

it("graphql-request with errorPolicy: 'all' drops errors in request(), but not in rawRequest()", async () => {
  const client = new GraphQLClient(supergraph.url, { headers: HEADERS, errorPolicy: 'all' });
  expect(await client.request(...create)).toEqual(data);
  expect(await client.rawRequest(...create)).toMatchObject({ data, errors });
});
