/** graphql-request has no cache: only its errors differ. */
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

it('graphql-request rejects with data and errors', async () => {
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
