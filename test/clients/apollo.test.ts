import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { expect, it } from '@jest/globals';
import { defaultOptions, typePolicies, update } from '../../clients/javascript/apollo-client.ts';
import { until } from '../support/wait.ts';
import { describeClient, LISTS, type Lists, VARIABLES } from './suite.ts';
import { HEADERS, INPUT, MUTATIONS, REFUSE_READS } from './writes.ts';

/** As each app in TypeScript declares the policies of `defaultOptions`. */
declare module '@apollo/client' {
  namespace ApolloClient.DeclareDefaultOptions {
    interface WatchQuery {
      errorPolicy: 'all';
    }
    interface Mutate {
      errorPolicy: 'all';
    }
  }
}

const query = gql(LISTS);

const create = (uri: string) =>
  new ApolloClient({
    link: new HttpLink({ uri, headers: HEADERS }),
    cache: new InMemoryCache({ typePolicies }),
    defaultOptions,
  });

async function open(client: ApolloClient) {
  const watched = client.watchQuery<Lists>({ query, variables: VARIABLES });
  let shown: Lists = {};
  const screen = watched.subscribe(({ data }) => {
    shown = (data ?? {}) as Lists;
  });
  await until(() => shown.maintenances !== undefined);
  return {
    show: () => shown,
    reload: () => watched.refetch(),
    close: () => screen.unsubscribe(),
  };
}

const supergraph = describeClient(
  'Apollo Client',
  create,
  (client) => (mutation, variables) => client.mutate({ mutation: gql(MUTATIONS[mutation]), variables, update }),
  open,
);

it('Apollo Client keeps a list that fails, shows one with a bad ticket, and updates after a write that is not read back', async () => {
  const client = create(supergraph.url);
  const { show, reload, close } = await open(client);
  const lengths = () => [show().maintenances?.length, show().residence?.maintenances?.length];
  const before = lengths();
  supergraph.upstream.fail(REFUSE_READS);
  // The second time, the policy sees a list that was kept.
  for (let time = 0; time < 2; time++) await reload();
  expect(lengths()).toEqual(before);
  const tickets = [{ maintenance_id: 'bad', state: 'new' }, { maintenance_id: 'good' }];
  supergraph.upstream.fail(() => ({ body: { success: true, result: tickets } }));
  await reload();
  expect(lengths()).toEqual([2, 2]);
  supergraph.upstream.fail(REFUSE_READS);
  let isUpdated = false;
  const update = () => {
    isUpdated = true;
  };
  await client.mutate({ mutation: gql(MUTATIONS.create), variables: { input: INPUT }, update });
  expect(isUpdated).toBe(true);
  close();
});
