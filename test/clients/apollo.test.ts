import {
  ApolloClient,
  CombinedGraphQLErrors,
  type ErrorPolicy,
  gql,
  HttpLink,
  InMemoryCache,
  type NormalizedCacheObject,
} from '@apollo/client';
import { expect, it } from '@jest/globals';
import { until } from '../support/wait.ts';
import { runBlock } from './documents.ts';
import { describeClient, LISTS, type Lists, VARIABLES } from './suite.ts';
import { HEADERS, INPUT, MUTATIONS, REFUSE_READS, runClient } from './writes.ts';

const update = await runBlock('const update =', 'update');
const query = gql(LISTS);

const create = (uri: string) =>
  new ApolloClient({ link: new HttpLink({ uri, headers: HEADERS }), cache: new InMemoryCache() });

async function open(client: ApolloClient, errorPolicy: ErrorPolicy = 'none') {
  const watched = client.watchQuery<Lists>({ query, variables: VARIABLES, errorPolicy });
  let shown: Lists = {};
  const screen = watched.subscribe(({ data }) => {
    shown = (data ?? {}) as Lists;
  });
  await until(() => shown.maintenances !== undefined);
  return {
    show: () => shown,
    reload: () => watched.refetch(),
    typeOf: (id: string) => (client.cache.extract() as NormalizedCacheObject)[`Maintenance:${id}`]?.__typename,
    close: () => screen.unsubscribe(),
  };
}

const supergraph = describeClient(
  'Apollo Client',
  create,
  (client) => (mutation, variables) => {
    const scope = { client, mutation: gql(MUTATIONS[mutation]), variables, update, CombinedGraphQLErrors };
    return runClient('Apollo Client. ', 'result', scope);
  },
  open,
);

it.each<[ErrorPolicy, stays: boolean, runs: boolean]>([
  ['none', true, false],
  ['all', false, true],
])(
  "by errorPolicy '%s', a failed list stays on the screen: %s; update runs without a read back: %s",
  async (...row) => {
    const [errorPolicy, ...expected] = row;
    const client = create(supergraph.url);
    const { show, reload, close } = await open(client, errorPolicy);
    supergraph.upstream.fail(REFUSE_READS);
    await reload().catch(() => {});
    const runs: true[] = [];
    const options = {
      mutation: gql(MUTATIONS.create),
      variables: { input: INPUT },
      update: () => void runs.push(true),
    };
    await client.mutate({ ...options, errorPolicy }).catch(() => {});
    expect([Boolean(show().maintenances), runs.length > 0]).toEqual(expected);
    close();
  },
);
