import { Client, fetchExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { updates } from '../../clients/javascript/urql.ts';
import { until } from '../support/wait.ts';
import { describeClient, LISTS, type Lists, VARIABLES } from './suite.ts';
import { HEADERS, MUTATIONS } from './writes.ts';

describeClient(
  'urql',
  (url) =>
    new Client({
      url,
      preferGetMethod: false,
      exchanges: [cacheExchange({ updates }), fetchExchange],
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
      close: unsubscribe,
    };
  },
  ['get_maintenance_list'],
);
