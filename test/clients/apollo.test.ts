import {
  ApolloClient,
  type CombinedGraphQLErrors,
  gql,
  HttpLink,
  InMemoryCache,
  type NormalizedCacheObject,
} from '@apollo/client';
import { until } from '../support/wait.ts';
import { runBlock } from './documents.ts';
import { describeClient, HEADERS, LISTS, type Lists, MUTATIONS, VARIABLES } from './suite.ts';

const update = await runBlock('Apollo Client', 'update');
const query = gql(LISTS);

describeClient('Apollo Client', async (url) => {
  const client = new ApolloClient({ link: new HttpLink({ uri: url, headers: HEADERS }), cache: new InMemoryCache() });
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
