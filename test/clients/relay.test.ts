import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
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
import { RELAY_CONFIG, readBlocks, runBlock } from './page.ts';
import {
  type Answer,
  type App,
  describeClient,
  HEADERS,
  LISTS,
  type List,
  type Lists,
  MUTATIONS,
  VARIABLES,
} from './suite.ts';

const shown: (list: List) => List = await runBlock('Relay', 'shown');
const require = createRequire(import.meta.url);

/** Returns the schema of the gateway as docs/federation.md asks for it. */
async function introspect(url: string): Promise<string> {
  const HOME = mkdtempSync(join(tmpdir(), 'rover-'));
  const env = { HOME, APOLLO_TELEMETRY_DISABLED: '1', APOLLO_ROVER_SKIP_UPDATE: '1' };
  const rover = ['node_modules/.bin/rover', 'graph', 'introspect', url];
  const { stdout } = await promisify(execFile)(process.execPath, rover, { env });
  rmSync(HOME, { recursive: true });
  return stdout;
}

/** Compiles the operations of an app, by the schema that the gateway serves. Returns a function that finds one by its name. */
async function compile(url: string, operations: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'relay-'));
  const files = {
    'schema.graphql': await introspect(url),
    'persisted.json': '{}',
    // Jest loads the compiled operations.
    'relay.config.json': JSON.stringify({ ...JSON.parse(RELAY_CONFIG), language: 'javascript', eagerEsModules: false }),
    'src/Screen.js': operations.map((operation) => `graphql\`${operation}\`;`).join('\n'),
  };
  mkdirSync(join(folder, 'src'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  execFileSync(require('relay-compiler'), { cwd: folder, stdio: 'pipe' });
  const names = operations.join('\n').match(/(?<=(query|mutation) )\w+/g) ?? [];
  const compiled = names.map((name) => [name, require(join(folder, `src/__generated__/${name}.graphql.js`))]);
  rmSync(folder, { recursive: true });
  const byName: Readonly<Record<string, ConcreteRequest>> = Object.fromEntries(compiled);
  return (name: string) => byName[name] as ConcreteRequest;
}

function createEnvironment(url: string) {
  const send: FetchFunction = async ({ text: query }, variables) => {
    const headers = { ...HEADERS, 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
    return response.json() as Promise<GraphQLResponse>;
  };
  return new Environment({ network: Network.create(send), store: new Store(new RecordSource()) });
}

async function open(url: string, hasUpdates: boolean) {
  const { ScreenCreateMutation, ...deletes } = MUTATIONS;
  const chosen = hasUpdates ? readBlocks('graphql') : Object.values(deletes);
  const find = await compile(url, [LISTS, ScreenCreateMutation, ...chosen]);
  const environment = createEnvironment(url);
  const operation = createOperationDescriptor(find('ScreenListsQuery'), VARIABLES);
  environment.retain(operation);
  const reload = () => fetchQuery(environment, find('ScreenListsQuery'), VARIABLES).toPromise();
  await reload();
  const snapshot = environment.lookup(operation.fragment);
  let lists = snapshot.data as unknown as Lists;
  const screen = environment.subscribe(snapshot, ({ data }) => {
    lists = data as unknown as Lists;
  });
  const app: App = {
    show() {
      const { maintenances, residence } = lists;
      if (!hasUpdates) return lists;
      return { maintenances: shown(maintenances), residence: { maintenances: shown(residence?.maintenances) } };
    },
    reload,
    mutate: (name, variables) =>
      new Promise<Answer>((resolve) => {
        commitMutation(environment, {
          mutation: find(name),
          variables,
          onCompleted: (data, errors) => resolve({ data, errors: errors as Answer['errors'] }),
          onError: (error) => resolve({ errors: (error as unknown as { source: Answer }).source.errors }),
        });
      }),
    typeOf: (id) => environment.getStore().getSource().get(id)?.__typename,
    close: () => screen.dispose(),
  };
  return { ...app, lists: () => lists };
}

const supergraph = describeClient('Relay', open);

it('Relay has null in place of a deleted request', async () => {
  const app = await open(supergraph.url, true);
  const [first] = app.lists().maintenances ?? [];
  await app.mutate('ScreenDeleteMutation', { id: first?.id });
  expect(app.lists().maintenances?.[0]).toBeNull();
  app.close?.();
});

describe('a field that fails in a query of Relay', () => {
  async function read(operation: string) {
    const find = await compile(supergraph.url, [operation]);
    supergraph.upstream.fail(() => ({ status: 403 }));
    return fetchQuery(createEnvironment(supergraph.url), find('ScreenFailingQuery'), VARIABLES).toPromise();
  }
  const failing = (onQuery: string, onField: string) =>
    `query ScreenFailingQuery($residenceId: ID!) ${onQuery} { maintenances(residenceId: $residenceId) ${onField} { id } }`;

  it('is null, without an error', async () => {
    expect(await read(failing('', ''))).toEqual({ maintenances: null });
  });

  it('is a result with the extensions of its error, under @catch', async () => {
    const errors = [{ extensions: expect.objectContaining({ code: 'FORBIDDEN' }) }];
    expect(await read(failing('', '@catch(to: RESULT)'))).toEqual({ maintenances: { ok: false, errors } });
  });

  it('is null without an error even under @catch, if the whole fetch failed', async () => {
    supergraph.before.maintenance.fail((response) => void response.writeHead(503).end());
    expect(await read(failing('', '@catch(to: RESULT)'))).toEqual({ maintenances: { ok: true, value: null } });
  });

  it('throws an error without its code, under @throwOnFieldError', async () => {
    const error = await read(failing('@throwOnFieldError', '')).catch((thrown) => thrown);
    expect(error).toMatchObject({ message: expect.stringMatching(/^Relay: /) });
    expect(inspect(error)).not.toContain('FORBIDDEN');
  });
});
