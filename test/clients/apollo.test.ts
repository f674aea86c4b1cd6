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

const { update, ...advice } = await runBlock('const update =', '{ update, typePolicies, defaultOptions }');
const query = gql(LISTS);

const create = (uri: string, { typePolicies, defaultOptions } = advice) =>
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
    return runClient('Apollo Client\n', 'result', scope);
  },
  open,
);

const all = (errorPolicy: ErrorPolicy) => ({ watchQuery: { errorPolicy }, mutate: { errorPolicy } });

it.each([
  { by: "errorPolicy: 'none'", options: { defaultOptions: all('none') }, stays: true, shows: false, runs: false },
  { by: "errorPolicy: 'all'", options: { defaultOptions: all('all') }, stays: false, shows: true, runs: true },
  { by: 'the options of docs/apps.md', options: advice, stays: true, shows: true, runs: true },
])(
  'by $by, a failed list stays on the screen: $stays; one with a bad ticket is shown: $shows; update runs without a read back: $runs',
  async ({ by: _, options, ...expected }) => {
    const client = create(supergraph.url, options);
    const { show, reload, close } = await open(client);
    supergraph.upstream.fail(REFUSE_READS);
    for (let time = 0; time < 2; time++) await reload().catch(() => {});
    const stays = LISTED.every((read) => read(show())?.length);
    const tickets = [{ maintenance_id: 'bad', state: 'new' }, { maintenance_id: 'good' }];
    supergraph.upstream.fail(() => ({ body: { success: true, result: tickets } }));
    await reload().catch(() => {});
    const shows = LISTED.every((read) => read(show())?.length === tickets.length);
    supergraph.upstream.fail(REFUSE_READS);
    const runs: true[] = [];
    const creation = { mutation: gql(MUTATIONS.create), variables: { input: INPUT } };
    await client.mutate({ ...creation, update: () => void runs.push(true) }).catch(() => {});
    expect({ stays, shows, runs: runs.length > 0 }).toEqual(expected);
    close();
  },
);
