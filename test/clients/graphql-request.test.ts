import { expect, it } from '@jest/globals';
import { ClientError, GraphQLClient } from 'graphql-request';
import { startGateway } from '../../dev/supergraph/gateway.ts';
import { useSupergraph } from '../support/use-supergraph.ts';
import { HEADERS, INPUT, MUTATIONS, REFUSE_READS } from './suite.ts';

const supergraph = useSupergraph(startGateway);

it("rejects by default with data and errors; with errorPolicy: 'all', only request() drops errors", async () => {
  supergraph.upstream.fail(REFUSE_READS);
  const asked = [MUTATIONS.ScreenCreateMutation, { input: INPUT }] as const;
  const data = { createMaintenance: { createdId: expect.any(String), maintenance: null } };
  const answer = { data, errors: [{ extensions: { code: 'FORBIDDEN' } }] };
  const rejecting = new GraphQLClient(supergraph.url, { headers: HEADERS });
  const error = await rejecting.request(...asked).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(ClientError);
  expect(error.response).toMatchObject(answer);
  const client = new GraphQLClient(supergraph.url, { headers: HEADERS, errorPolicy: 'all' });
  expect(await client.request(...asked)).toEqual(data);
  expect(await client.rawRequest(...asked)).toMatchObject(answer);
});
