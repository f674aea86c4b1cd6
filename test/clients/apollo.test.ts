import {
  ApolloClient,
  CombinedGraphQLErrors,
  gql,
  HttpLink,
  InMemoryCache,
  type NormalizedCacheObject,
} from '@apollo/client';
import { expect, it } from '@jest/globals';
import { until } from '../support/wait.ts';
import { runBlock } from './documents.ts';
import { describeClient, HEADERS, INPUT, LISTS, type Lists, MUTATIONS, REFUSE_READS, VARIABLES } from './suite.ts';

const update = await runBlock('Apollo Client', 'update');
const query = gql(LISTS);

const createClient = (uri: string) =>
  new ApolloClient({ link: new HttpLink({ uri, headers: HEADERS }), cache: new InMemoryCache() });

const supergraph = describeClient('Apollo Client', async (url) => {
  const client = createClient(url);
  const watched = client.watchQuery<Lists>({ query, variables: VARIABLES });
  let shown: Lists = {};
  const screen = watched.subscribe(({ data }) => {
    shown = (data ?? {}) as Lists;
  });
  await until(() => shown.maintenances !== undefined);
  return {
    show: () => shown,
    reload: () => watched.refetch(),
    async mutate(mutation, variables) {
      const asked = { mutation: gql(MUTATIONS[mutation]), variables, update };
      // Rejects with the data and errors of an answer that has errors.
      return client.mutate(asked).catch(({ data, errors }: CombinedGraphQLErrors) => ({ data, errors }));
    },
    typeOf: (id) => (client.cache.extract() as NormalizedCacheObject)[`Maintenance:${id}`]?.__typename,
    close: () => screen.unsubscribe(),
  };
});

it("resolves with data and error if errorPolicy is 'all'", async () => {
  supergraph.upstream.fail(REFUSE_READS);
  const mutation = gql(MUTATIONS.ScreenCreateMutation);
  const variables = { input: INPUT };
  const { data, error } = await createClient(supergraph.url).mutate({ mutation, variables, errorPolicy: 'all' });
  expect(data).toEqual({ createMaintenance: expect.objectContaining({ maintenance: null }) });
  expect(CombinedGraphQLErrors.is(error)).toBe(true);
});
