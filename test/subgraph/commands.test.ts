/**
 * What every command needs, whichever commands there are: CONTRIBUTING.md has the recipe. Nothing here names a command.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { PATH } from '../../dev/command-api.ts';
import { createFindings } from '../../dev/contract/findings.ts';
import { createCommandApiClient } from '../../src/command-api/client.ts';
import { COMMANDS, type CommandName } from '../../src/command-api/command.ts';
import { ROOT_FIELDS, weigh } from '../support/schema.ts';
import { fetchMetrics } from '../support/scrape.ts';
import { TOKENS } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { WIRE } from '../support/wire.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
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

/** Returns the status that the emulator answers with. */
async function askEmulator(command: string, param: object): Promise<number> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json',
    authorization: `Bearer ${TOKENS.first}`,
  };
  const body = JSON.stringify({ command, id: 'c1', param });
  return (await fetch(subgraph.upstream.url + PATH, { method: 'POST', headers, body })).status;
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

    it('is taken by the emulator, with just these parameters', async () => {
      expect(await askEmulator(name, param)).toBe(200);
      expect(await askEmulator(name, { ...param, other: 'x' })).toBe(400);
      for (const member of Object.keys(param)) expect(await askEmulator(name, { ...param, [member]: 5 })).toBe(400);
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
      expect(weigh(`${operation} { ${field} }`)).toBeGreaterThanOrEqual(10);
    });

    it('is in the metrics from the start', async () => {
      expect(await (await fetchMetrics(subgraph.url)).text()).toContain(`command="${name}"`);
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

it.each(ROOT_FIELDS)('the README has the root field $name', ({ name }) => {
  expect(read('README.md')).toContain(`  ${name}(`);
});
