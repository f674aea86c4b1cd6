import { Client, fetchExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { updates } from '../../clients/javascript/urql.ts';
import { until } from '../support/wait.ts';
import { describeClient, LISTS, type Lists, VARIABLES } from './suite.ts';
import { HEADERS, MUTATIONS } from './writes.ts';

// Reads the record of this type and id. Without such a record, the result is null.
const resolvers = {
  Query: { maintenance: (_: unknown, { id }: { id?: string }) => ({ __typename: 'Maintenance', id: String(id) }) },
};
const RECORD = 'query ($id: ID!) { maintenance(id: $id) { __typename state } }';

describeClient(
  'urql',
  (url) =>
    new Client({
      url,
      preferGetMethod: false,
      exchanges: [cacheExchange({ resolvers, updates }), fetchExchange],
      fetchOptions: { headers: HEADERS },
    }),
  (client) => (mutation, variables) => client.mutation(MUTATIONS[mutation], variables).toPromise(),
  async (client) => {
    let shown: Lists = {};
    const { unsubscribe } = client.query<Lists>(LISTS, VARIABLES).subscribe(({ data }) => {
      shown = data ?? {};
    });
    await until(() => shown.maintenances !== undefined);
    return {
      show: () => shown,
      reload: () => client.query(LISTS, VARIABLES, { requestPolicy: 'network-only' }).toPromise(),
      typeOf: (id) => client.readQuery(RECORD, { id }, { requestPolicy: 'cache-only' })?.data?.maintenance?.__typename,
      close: unsubscribe,
    };
  },
  ['get_maintenance_list'],
);
