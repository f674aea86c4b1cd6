import {
  ApolloClient,
  CombinedGraphQLErrors,
  gql,
  HttpLink,
  InMemoryCache,
  type NormalizedCacheObject,
} from '@apollo/client';
import { expect, it } from '@jest/globals';
import { runBlock } from './documents.ts';
import { type App, describeClient, HEADERS, LISTS, type Lists, MUTATIONS, VARIABLES } from './suite.ts';

const update = await runBlock('Apollo Client', 'update');
const query = gql(LISTS);

async function open(url: string, options: object): Promise<App> {
  const client = new ApolloClient({ link: new HttpLink({ uri: url, headers: HEADERS }), cache: new InMemoryCache() });
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
      const asked = { mutation: gql(MUTATIONS[mutation]), variables, ...options };
      const { data, error } = await client.mutate({ ...asked, errorPolicy: 'all' });
      return { data, errors: CombinedGraphQLErrors.is(error) ? error.errors : [] };
    },
    typeOf: (id) => (client.cache.extract() as NormalizedCacheObject)[`Maintenance:${id}`]?.__typename,
    close: () => screen.unsubscribe(),
  };
}

const supergraph = describeClient('Apollo Client', (url) => open(url, { update }));

it('Apollo Client without the code of docs/errors.md still shows a deleted request', async () => {
  const app = await open(supergraph.url, {});
  const shown = app.show();
  await app.mutate('ScreenDeleteMutation', { id: shown.maintenances?.[0]?.id });
  expect(supergraph.upstream.commands()).toContainEqual(expect.stringMatching(/^delete_/));
  expect(app.show()).toEqual(shown);
  app.close();
});
