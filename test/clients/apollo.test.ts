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
const typePolicies = await runBlock('const update =', 'typePolicies');
const query = gql(LISTS);

const create = (uri: string, advice = { typePolicies }) =>
  new ApolloClient({ link: new HttpLink({ uri, headers: HEADERS }), cache: new InMemoryCache(advice) });

async function open(client: ApolloClient, errorPolicy: ErrorPolicy = 'all') {
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

/** Our list, and that of a residence. */
const LISTED = [(shown: Lists) => shown.maintenances, (shown: Lists) => shown.residence?.maintenances];

const supergraph = describeClient(
  'Apollo Client',
  create,
  (client) => (mutation, variables) => {
    const scope = { client, mutation: gql(MUTATIONS[mutation]), variables, update, CombinedGraphQLErrors };
    return runClient('Apollo Client. ', 'result', scope);
  },
  open,
);

it.each<[ErrorPolicy, advice: string, stays: boolean, shows: boolean, runs: boolean]>([
  ['none', '', true, false, false],
  ['all', '', false, true, true],
  ['all', ' and typePolicies', true, true, true],
])(
  "by errorPolicy '%s'%s, a failed list stays on the screen: %s; a list with one bad ticket is shown: %s; update runs without a read back: %s",
  async (...row) => {
    const [errorPolicy, advice, ...expected] = row;
    const client = create(supergraph.url, { typePolicies: advice ? typePolicies : {} });
    const { show, reload, close } = await open(client, errorPolicy);
    supergraph.upstream.fail(REFUSE_READS);
    for (let time = 0; time < 2; time++) await reload().catch(() => {});
    const stays = LISTED.every((read) => read(show())?.length);
    const tickets = [{ maintenance_id: 'bad', state: 'new' }, { maintenance_id: 'good' }];
    supergraph.upstream.fail(() => ({ body: { success: true, result: tickets } }));
    await reload().catch(() => {});
    const shows = LISTED.every((read) => read(show())?.length === tickets.length);
    supergraph.upstream.fail(REFUSE_READS);
    const runs: true[] = [];
    const options = {
      mutation: gql(MUTATIONS.create),
      variables: { input: INPUT },
      update: () => void runs.push(true),
    };
    await client.mutate({ ...options, errorPolicy }).catch(() => {});
    expect([stays, shows, runs.length > 0]).toEqual(expected);
    close();
  },
);
