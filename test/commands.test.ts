/**
 * What every command needs, whichever commands there are: CONTRIBUTING.md has the recipe. Nothing here names a command.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { print } from 'graphql';
import { answerCommand, PATH } from '../dev/command-api.ts';
import { createFindings } from '../dev/contract/findings.ts';
import { seed } from '../dev/seed.ts';
import { Store } from '../dev/store.ts';
import { createCommandApiClient } from '../src/command-api/client.ts';
import { COMMANDS, type CommandName } from '../src/command-api/command.ts';
import { createSchema } from '../src/graphql/schema.ts';
import { ROUTER_SECRET } from './support/subgraph.ts';
import { TOKENS } from './support/upstream.ts';
import { useSubgraph } from './support/use-subgraph.ts';
import { WIRE } from './support/wire.ts';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const methods = Object.keys(createCommandApiClient({} as never, {} as never, []));
const rows = Array.from(
  read('docs/command-api.md').matchAll(/^\| `(\w+)` \| ([^|]+) \| [^|]+ \| `(\w+)` \|$/gm),
  ([, command, param = '', method]) => ({
    command,
    param: [...param.matchAll(/`(\w+)/g)].map(([, name]) => name),
    method,
  }),
);
const subgraph = useSubgraph();

/** Asks the emulator as if over HTTP. */
function askEmulator(command: string, param: object) {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json',
    authorization: `Bearer ${TOKENS.first}`,
  };
  const request = { method: 'POST', url: PATH, headers } as IncomingMessage;
  return answerCommand(
    request,
    JSON.stringify({ command, id: 'c1', param }),
    new Store(seed()),
    new Set([TOKENS.first]),
  );
}

describe.each(COMMANDS.map((name) => [name, WIRE[name]] as const))(
  '%s',
  (name, { operation, field, param, result }) => {
    const succeed = () => subgraph.upstream.fail(() => ({ body: { success: true, timestamp: 1540869200562, result } }));

    it('is sent as the vendor’s page has it', async () => {
      succeed();
      const { errors } = await subgraph.ask(`${operation} { ${field} }`);
      expect(errors).toEqual([]);
      expect(subgraph.upstream.received).toHaveLength(1);
      const [sent] = subgraph.upstream.received;
      expect(sent).toMatchObject({ method: 'POST', url: '/api/v1.0/invoke/open-ability/method/user-commands' });
      expect(sent?.id).toMatch(/^c[0-9a-f]{32}$/);
      expect(sent?.body).toBe(JSON.stringify({ command: name, id: sent?.id, param }));
    });

    it('is taken by the emulator, with just these parameters', () => {
      expect(askEmulator(name, param).status).toBe(200);
      expect(askEmulator(name, { ...param, other: 'x' }).status).toBe(400);
      for (const member of Object.keys(param)) expect(askEmulator(name, { ...param, [member]: 5 }).status).toBe(400);
    });

    it('counts as a write or a read of its operation', async () => {
      succeed();
      // All that one operation may send, and this command: one field has to go without.
      const all =
        operation === 'mutation'
          ? { query: 'all: deleteMaintenances(ids: $ids) { deletedIds }', type: '[ID!]!', count: 100 }
          : { query: 'all: _entities(representations: $ids) { __typename }', type: '[_Any!]!', count: 1000 };
      const ids = Array.from({ length: all.count }, (_, index) =>
        operation === 'mutation' ? `r${index}:m` : { __typename: 'Maintenance', id: `r${index}:m` },
      );
      const { errors } = await subgraph.ask(`${operation} ($ids: ${all.type}) { ${all.query} ${field} }`, {
        variables: { ids },
      });
      expect(errors.map(({ message }) => message)).toContainEqual(
        expect.stringMatching(/^Too many (reads|writes) in one/),
      );
      expect(subgraph.upstream.received).toHaveLength(all.count);
    });

    it('is sent once by a mutation, and again by a query, if the command API cannot serve it', async () => {
      subgraph.upstream.fail(() => ({ status: 503 }));
      await subgraph.ask(`${operation} { ${field} }`);
      expect(subgraph.upstream.commands()).toHaveLength(operation === 'mutation' ? 1 : 3);
    });

    it('weighs 10 or more by @cost', () => {
      const type = createSchema().getRootType(operation as never);
      const definition = type?.getFields()[/^\w+/.exec(field)?.[0] ?? ''];
      const directives = [definition, ...(definition?.args ?? [])].flatMap((one) => one?.astNode?.directives ?? []);
      const weights = directives.map((one) => Number(/^@cost\(weight: (\d+)\)$/.exec(print(one))?.[1] ?? 0));
      expect(Math.max(...weights)).toBeGreaterThanOrEqual(10);
    });

    it('is in the metrics from the start', async () => {
      const answer = await fetch(`${subgraph.url}/metrics`, { headers: { 'router-authorization': ROUTER_SECRET } });
      expect(await answer.text()).toContain(`command="${name}"`);
    });

    it('is checked by `npm run contract`', () => {
      expect(createFindings(false).table()).toMatch(new RegExp(` ${name} `));
    });

    it('is in docs/command-api.md, with its parameters and a method of the client', () => {
      const row = rows.find(({ command }) => command === name);
      // Optional parameters too: the example has them all.
      expect(row?.param).toEqual(Object.keys(param));
      expect(methods).toContain(row?.method);
    });
  },
);

it('docs/command-api.md has no other commands, and each method once', () => {
  expect(rows.map(({ command }) => command as CommandName).sort()).toEqual([...COMMANDS].sort());
  expect(rows.map(({ method }) => method).sort()).toEqual(methods.sort());
});

it('the README has every root field', () => {
  const schema = createSchema();
  const types = [schema.getQueryType(), schema.getMutationType()];
  const fields = types.flatMap((type) => Object.keys(type?.getFields() ?? {})).filter((name) => !name.startsWith('_'));
  for (const name of fields) expect(read('README.md')).toContain(`  ${name}(`);
});
