import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import {
  type ConcreteRequest,
  commitMutation,
  createOperationDescriptor,
  Environment,
  type FetchFunction,
  fetchQuery,
  type GraphQLResponse,
  Network,
  RecordSource,
  Store,
} from 'relay-runtime';
import config from '../../clients/javascript/relay.config.json' with { type: 'json' };
import { withoutDeleted } from '../../clients/javascript/relay.ts';
import { composeSupergraph } from '../../dev/supergraph/compose.ts';
// Composition returns objects of this copy of graphql.
import { printSchema } from '../../node_modules/graphql/index.js';
import { askAt } from '../support/ask.ts';
import { useFolder } from '../support/use-folder.ts';
import { OURS } from '../support/use-supergraph.ts';
import { describeClient, LISTS, type Lists, VARIABLES } from './suite.ts';
import { MUTATIONS, type Send } from './writes.ts';

const require = createRequire(import.meta.url);
const { folder, write } = useFolder('relay');

// An app whose operations relay-compiler compiles with our configuration, by the schema that `npm run supergraph` serves.
const mutations = Object.values(MUTATIONS).map((text) => text.replaceAll(/deletedIds?\b/g, '$& @deleteRecord'));
const own = { schema: 'schema.graphql', src: 'src', language: 'javascript', eagerEsModules: false };
write('schema.graphql', printSchema(composeSupergraph(OURS).toApi()));
write('persisted.json', '{}');
write('relay.config.json', JSON.stringify({ ...own, ...config }));
write('src/Screen.js', [LISTS, ...mutations].map((operation) => `graphql\`${operation}\`;`).join('\n'));
execFileSync(require('relay-compiler'), { cwd: folder, stdio: 'pipe' });
const find = (name: string): ConcreteRequest => require(join(folder, `src/__generated__/${name}.graphql.js`));

function create(url: string) {
  const send: FetchFunction = async ({ text }, variables) =>
    (await askAt(url, `${text}`, { variables })) as unknown as GraphQLResponse;
  return new Environment({ network: Network.create(send), store: new Store(new RecordSource()) });
}

const sendBy =
  (environment: Environment): Send =>
  (name, variables) =>
    new Promise((resolve) => {
      const mutation = find(String(/Screen\w+/.exec(MUTATIONS[name])));
      const onCompleted = (data: unknown, errors: unknown) => resolve({ data, errors });
      const onError = (error: Error & { source?: object }) => resolve(error.source);
      commitMutation(environment, { mutation, variables, onCompleted, onError });
    });

async function open(environment: Environment) {
  const operation = createOperationDescriptor(find('ScreenListsQuery'), VARIABLES);
  environment.retain(operation);
  const reload = () => fetchQuery(environment, find('ScreenListsQuery'), VARIABLES).toPromise();
  await reload();
  const snapshot = environment.lookup(operation.fragment);
  let lists = snapshot.data as unknown as Lists;
  const screen = environment.subscribe(snapshot, ({ data }) => {
    lists = data as unknown as Lists;
  });
  return {
    show() {
      const { maintenances, residence } = lists;
      const ofResidence = withoutDeleted(residence?.maintenances);
      return { maintenances: withoutDeleted(maintenances), residence: { maintenances: ofResidence } };
    },
    reload,
    close: () => screen.dispose(),
  };
}

describeClient('Relay', create, sendBy, open);
