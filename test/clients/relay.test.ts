import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
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
import { OURS } from '../support/use-supergraph.ts';
import { describeClient, LISTS, type Lists, VARIABLES } from './suite.ts';
import { MUTATIONS, type Send } from './writes.ts';

const require = createRequire(import.meta.url);
/** The schema that `npm run supergraph` serves. */
const SCHEMA = printSchema(composeSupergraph(OURS).toApi());

/** Compiles the operations of an app with our configuration. Returns a function that finds one by its name. */
function compile(operations: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'relay-'));
  const own = { schema: 'schema.graphql', src: 'src', language: 'javascript', eagerEsModules: false };
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'schema.graphql'), SCHEMA);
  writeFileSync(join(folder, 'persisted.json'), '{}');
  writeFileSync(join(folder, 'relay.config.json'), JSON.stringify({ ...own, ...config }));
  writeFileSync(join(folder, 'src/Screen.js'), operations.map((one) => `graphql\`${one}\`;`).join('\n'));
  execFileSync(require('relay-compiler'), { cwd: folder, stdio: 'pipe' });
  const names = operations.join('\n').match(/(?<=(query|mutation) )\w+/g) ?? [];
  const compiled = names.map((name) => [name, require(join(folder, `src/__generated__/${name}.graphql.js`))]);
  rmSync(folder, { recursive: true });
  const byName: Readonly<Record<string, ConcreteRequest>> = Object.fromEntries(compiled);
  return (name: string) => byName[name] as ConcreteRequest;
}

function create(url: string) {
  const send: FetchFunction = async ({ text }, variables) =>
    (await askAt(url, `${text}`, { variables })) as unknown as GraphQLResponse;
  return new Environment({ network: Network.create(send), store: new Store(new RecordSource()) });
}

const mutations = Object.values(MUTATIONS).map((text) => text.replaceAll(/deletedIds?\b/g, '$& @deleteRecord'));
const find = compile([LISTS, ...mutations]);

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
    typeOf: (id: string) => environment.getStore().getSource().get(id)?.__typename,
    close: () => screen.dispose(),
  };
}

const supergraph = describeClient('Relay', create, sendBy, open);

describe('a field that fails in a query of Relay', () => {
  async function read(onField: string) {
    const field = `maintenances(residenceId: $residenceId) ${onField} { id }`;
    const find = compile([`query ScreenFailingQuery($residenceId: ID!) { ${field} }`]);
    supergraph.upstream.fail(() => ({ status: 403 }));
    return fetchQuery(create(supergraph.url), find('ScreenFailingQuery'), VARIABLES).toPromise();
  }

  it('is null without an error, and under @catch a result with the extensions of its error', async () => {
    expect(await read('')).toEqual({ maintenances: null });
    const errors = [{ extensions: expect.objectContaining({ code: 'FORBIDDEN' }) }];
    expect(await read('@catch(to: RESULT)')).toEqual({ maintenances: { ok: false, errors } });
  });

  it('is null without an error even under @catch, if the whole fetch failed', async () => {
    supergraph.before.maintenance.fail((response) => void response.writeHead(503).end());
    expect(await read('@catch(to: RESULT)')).toEqual({ maintenances: { ok: true, value: null } });
  });
});
