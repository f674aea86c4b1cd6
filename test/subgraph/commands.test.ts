/** Checks each command of `COMMANDS`. CONTRIBUTING.md has the steps to add a command. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { getNamedType } from 'graphql';
import { PATH } from '../../dev/command-api.ts';
import { COMMANDS } from '../../src/command-api/commands.ts';
import { ROOT_FIELDS, weigh } from '../support/schema.ts';
import { fetchMetrics } from '../support/scrape.ts';
import { TOKENS } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { WIRE } from '../support/wire.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const TABLE = /^\| `(\w+)` \| ([^|]+) \| [^|]+ \| `(\w+)` \|$/gm;
const rows = Array.from(read('docs/command-api.md').matchAll(TABLE), ([, name, param = '', method]) => {
  return { name, param: [...param.matchAll(/`(\w+)/g)].map(([, name]) => name), method };
});
const HEADERS = { 'content-type': 'application/json', accept: 'application/json' };
const subgraph = useSubgraph();

/** Returns the name of the type of an example's root field. */
function typeOf(example: string): string {
  const name = /^\w+/.exec(example)?.[0];
  const root = ROOT_FIELDS.find((one) => one.name === name);
  if (!root) throw new Error(`no root field: ${name}`);
  return getNamedType(root.field.type).name;
}

/** Sends a command to the emulator and returns the status of its reply. */
async function sendToEmulator(command: string, param: object): Promise<number> {
  const headers = { ...HEADERS, authorization: `Bearer ${TOKENS.first}` };
  const body = JSON.stringify({ command, id: 'c1', param });
  return (await fetch(subgraph.upstream.url + PATH, { method: 'POST', headers, body })).status;
}

describe.each(WIRE)('$name', ({ name, operation, field, param, result }) => {
  const succeed = () => subgraph.upstream.fail(() => ({ body: { success: true, timestamp: 1540869200562, result } }));

  it('is sent like the vendor’s example', async () => {
    succeed();
    expect((await subgraph.ask(`${operation} { ${field} }`)).errors).toEqual([]);
    const [sent, ...others] = subgraph.upstream.received;
    expect(others).toEqual([]);
    expect(sent).toMatchObject({ method: 'POST', url: '/api/v1.0/invoke/open-ability/method/user-commands' });
    expect(sent?.id).toMatch(/^c[0-9a-f]{32}$/);
    expect(sent?.body).toBe(JSON.stringify({ command: name, id: sent?.id, param }));
  });

  it('is accepted by the emulator with exactly these parameters', async () => {
    expect(await sendToEmulator(name, param)).toBe(200);
    expect(await sendToEmulator(name, { ...param, other: 'x' })).toBe(400);
    for (const member of Object.keys(param)) expect(await sendToEmulator(name, { ...param, [member]: 5 })).toBe(400);
  });

  it('counts as a write or a read of its operation', async () => {
    succeed();
    const isWrite = operation === 'mutation';
    const most = isWrite ? 100 : 1000;
    const keys = Array.from({ length: most }, (_, i) => `r${i}:m`);
    const ids = isWrite ? keys : keys.map((id) => ({ __typename: 'Maintenance', id }));
    // All commands that one operation may send, and this command: one field fails.
    const query = isWrite
      ? `mutation ($ids: [ID!]!) { all: deleteMaintenances(ids: $ids) { deletedIds } ${field} }`
      : `query ($ids: [_Any!]!) { all: _entities(representations: $ids) { __typename } ${field} }`;
    const selected = query.replace('deletedIds } }', 'failures { message outcome } } }');
    const { data, errors } = await subgraph.ask(selected, { variables: { ids } });
    // A residence of a batch is data.
    expect(JSON.stringify([data, errors])).toMatch(/"Too many (reads|writes) in one/);
    expect(subgraph.upstream.received).toHaveLength(most);
  });

  it('has a new id each time, and as a write a new connection, not that of a read', async () => {
    await subgraph.ask('{ maintenances(residenceId: "read") { id } }');
    succeed();
    for (let i = 0; i < 2; i++) await subgraph.ask(`${operation} { ${field} }`);
    const { received } = subgraph.upstream;
    expect(new Set(received.map(({ id }) => id)).size).toBe(3);
    expect(new Set(received.map(({ connection }) => connection)).size).toBe(operation === 'query' ? 1 : 3);
  });

  it('is sent once by a mutation and three times by a query if the command API is unavailable', async () => {
    subgraph.upstream.fail(() => ({ status: 503 }));
    await subgraph.ask(`${operation} { ${field} }`);
    expect(subgraph.upstream.received).toHaveLength(operation === 'mutation' ? 1 : 3);
  });

  it('weighs 10 or more by @cost and has a metric from the start', async () => {
    expect(weigh(`${operation} { ${field} }`)).toBeGreaterThanOrEqual(10);
    expect(await (await fetchMetrics(subgraph.url)).text()).toContain(`command="${name}"`);
  });

  it('refuses a response that would be too large before anything is sent, if it is a write', async () => {
    const fragment = `fragment F on ${typeOf(field)} { ${'x'.repeat(850_000)}: __typename }`;
    const query = `${operation} { ${field.replace(/\{ \w+ \}$/, `{ ${'...F '.repeat(6)} }`)} } ${fragment}`;
    const { errors } = await subgraph.ask(query);
    const extensions = operation === 'mutation' ? { outcome: 'NOT_SENT' } : {};
    expect(errors).toMatchObject([{ message: 'The response would be too large. Request less.', extensions }]);
    if (operation === 'mutation') expect(subgraph.upstream.commands()).toEqual([]);
  });
});

it('docs/command-api.md has the table of commands, with all parameters', () => {
  const table = Object.entries(COMMANDS).map(([method, { name, parameters }]) => {
    return { name, param: Object.values(parameters).map(({ name }) => name), method };
  });
  expect(rows).toEqual(table);
});
