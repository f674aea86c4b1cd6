import {
  ApolloClient,
  CombinedGraphQLErrors,
  gql,
  HttpLink,
  InMemoryCache,
  type NormalizedCacheObject,
} from '@apollo/client';
import { expect, it } from '@jest/globals';
import { runBlock } from './page.ts';
import { describeClient, HEADERS, INPUT, LISTS, type Lists, MUTATIONS, VARIABLES } from './suite.ts';

const update = await runBlock('Apollo Client', 'update');
const query = gql(LISTS);
const create = gql(MUTATIONS.ScreenCreateMutation);

const start = (uri: string) =>
  new ApolloClient({ link: new HttpLink({ uri, headers: HEADERS }), cache: new InMemoryCache() });

const supergraph = describeClient('Apollo Client', async (url, hasUpdates) => {
  const client = start(url);
  const watched = client.watchQuery<Lists>({ query, variables: VARIABLES });
  let shown: Lists = {};
  const loaded = Promise.withResolvers<void>();
  const screen = watched.subscribe(({ data, loading }) => {
    shown = data as Lists;
    if (!loading) loaded.resolve();
  });
  await loaded.promise;
  return {
    show: () => shown,
    reload: () => watched.refetch(),
    async mutate(mutation, variables) {
      const updates = hasUpdates ? { update } : {};
      const { data, error } = await client.mutate({
        ...{ mutation: gql(MUTATIONS[mutation]), variables, ...updates },
        errorPolicy: 'all',
      });
      return { data, errors: CombinedGraphQLErrors.is(error) ? error.errors : [] };
    },
    typeOf: (id) => (client.cache.extract() as NormalizedCacheObject)[`Maintenance:${id}`]?.__typename,
    close: () => screen.unsubscribe(),
  };
});

it('Apollo Client rejects by default with errors and data', async () => {
  supergraph.upstream.fail(({ command }) => (command.startsWith('get_') ? { status: 403 } : undefined));
  const error = await start(supergraph.url)
    .mutate({ mutation: create, variables: { input: INPUT } })
    .catch((thrown) => thrown);
  expect(CombinedGraphQLErrors.is(error)).toBe(true);
  expect(error).toMatchObject({
    data: { createMaintenance: { createdId: expect.any(String), maintenance: null } },
    errors: [{ extensions: { code: 'FORBIDDEN' } }],
  });
});
