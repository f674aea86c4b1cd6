/** Checks each command of `COMMANDS`. CONTRIBUTING.md has the steps to add a command. */
import { describe, expect, it } from '@jest/globals';
import { type GraphQLObjectType, getNamedType } from 'graphql';
import { PATH } from '../../dev/command-api.ts';
import { COMMANDS } from '../../src/command-api/commands.ts';
import { ERRORS, readNames } from '../support/documents.ts';
import { request } from '../support/requests.ts';
import { directivesOf, fieldsOf, weigh } from '../support/schema.ts';
import { fetchMetrics } from '../support/scrape.ts';
import { startSubgraph } from '../support/subgraph.ts';
import { TOKENS } from '../support/upstream.ts';
import { useMany, useSubgraph } from '../support/use-subgraph.ts';
import { COMMAND_ROWS, WIRE } from '../support/wire.ts';

const HEADERS = { 'content-type': 'application/json', accept: 'application/json' };
const subgraph = useSubgraph();
const start = useMany(startSubgraph);

/** Sends a command to the emulator and returns its reply. */
async function sendToEmulator(
  command: string,
  param: object,
): Promise<{ status: number; message?: string; result?: never }> {
  const headers = { ...HEADERS, authorization: `Bearer ${TOKENS.first}` };
  const body = JSON.stringify({ command, id: 'c1', param });
  const response = await fetch(subgraph.upstream.url + PATH, { method: 'POST', headers, body });
  return { status: response.status, ...(await response.json()) };
}

/** The parameters that say which tickets a command is about. */
const KEYS = ['residence_id', 'maintenance_id', 'maintenances'];

describe.each(WIRE)('$name', (example) => {
  const { name, operation, root, field, type, args, param, parameters, result } = example;
  const succeed = ({ upstream } = subgraph) =>
    upstream.fail(() => ({ body: { success: true, timestamp: 1540869200562, result } }));

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
    const success = { status: 200, success: true, timestamp: expect.any(Number), result: expect.anything() };
    expect(await sendToEmulator(name, param)).toEqual(success);
    expect(await sendToEmulator(name, { ...param, other: 'x' })).toMatchObject({ status: 400 });
    for (const member of Object.keys(param))
      expect(await sendToEmulator(name, { ...param, [member]: 5 })).toMatchObject({ status: 400 });
  });

  it('shows each parameter that it writes in the emulator’s info of the ticket', async () => {
    const written = Object.entries(param).filter(([name]) => operation === 'mutation' && !KEYS.includes(name));
    const readInfo = async (maintenance_id: unknown) => {
      const { result } = await sendToEmulator('get_maintenance_info', {
        residence_id: param.residence_id,
        maintenance_id,
      });
      return JSON.stringify(result ?? {});
    };
    const before = await readInfo(param.maintenance_id);
    const { result } = await sendToEmulator(name, param);
    const after = await readInfo(param.maintenance_id ?? Object(result).maintenance_id);
    const lost = written.filter(([, value]) => [value].flat().some((text) => !after.includes(String(text))));
    expect(lost.map(([name]) => `${name}: write it to the ticket in dev/store.ts`)).toEqual([]);
    const same = written.filter(([, value]) => [value].flat().every((text) => before.includes(String(text))));
    expect(same.map(([name]) => `${name}: use a value in test/support/wire.ts that the ticket does not have`)).toEqual(
      [],
    );
  });

  it.each([undefined, null])(
    'is sent without its optional parameters if they are %p, or refused if only its key is left',
    async (absent) => {
      succeed();
      const optional = Object.entries(parameters).filter(([, { presence }]) => presence === 'optional');
      const given = JSON.stringify(args, (key, value) =>
        optional.some(([member]) => member === key) ? absent : value,
      );
      const { query, variables } = request(root, JSON.parse(given));
      const { errors } = await subgraph.ask(query, { variables });
      const left = Object.entries(param).filter(([member]) => optional.every(([, { name }]) => name !== member));
      const isEmpty = optional.length > 0 && left.every(([member]) => KEYS.includes(member));
      const rule = 'refuse it in COMBINED of src/graphql/arguments.ts if it has no optional member, else send the rest';
      const sent = subgraph.upstream.received.map(({ param }) => param);
      expect({ rule, sent }).toEqual({ rule, sent: isEmpty ? [] : [Object.fromEntries(left)] });
      expect(errors.map(({ extensions }) => extensions.code)).toEqual(isEmpty ? ['BAD_USER_INPUT'] : []);
    },
  );

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
    // Without the connections of earlier tests, which may be too old to be kept.
    const fresh = await start();
    await fresh.ask('{ maintenances(residenceId: "read") { id } }');
    succeed(fresh);
    for (let i = 0; i < 2; i++) await fresh.ask(`${operation} { ${field} }`);
    const { received } = fresh.upstream;
    expect(new Set(received.map(({ id }) => id)).size).toBe(3);
    expect(new Set(received.map(({ connection }) => connection)).size).toBe(operation === 'query' ? 1 : 3);
  });

  it('is sent once by a mutation and three times by a query if the command API is unavailable', async () => {
    subgraph.upstream.fail(() => ({ status: 503 }));
    await subgraph.ask(`${operation} { ${field} }`);
    expect(subgraph.upstream.received).toHaveLength(operation === 'mutation' ? 1 : 3);
  });

  it('has a metric from the start', async () => {
    expect(await (await fetchMetrics(subgraph.url)).text()).toContain(`command="${name}"`);
  });

  it('weighs 10 by @cost for each command', async () => {
    for (const selection of fieldsOf(type.name)) {
      subgraph.upstream.reset();
      const { query, variables } = request(root, args, selection);
      const { errors } = await subgraph.ask(query, { variables });
      const sent = subgraph.upstream.received.length;
      const rule = `${root} { ${selection} }: @cost(weight: 10) in schema/maintenance.graphql for each command, and a resolver that sends it`;
      const commands = { sent, weighed: Math.floor(weigh(query) / 10) };
      expect({ rule, errors, commands }).toEqual({ rule, errors: [], commands: { sent, weighed: sent } });
    }
  });

  it('refuses a response that would be too large before anything is sent, if it is a write', async () => {
    const fragment = `fragment F on ${type} { ${'x'.repeat(850_000)}: __typename }`;
    const query = `${operation} { ${field.replace(/\{ \w+ \}$/, `{ ${'...F '.repeat(6)} }`)} } ${fragment}`;
    const { errors } = await subgraph.ask(query);
    const extensions = operation === 'mutation' ? { outcome: 'NOT_SENT' } : {};
    expect(errors).toMatchObject([{ message: 'The response would be too large. Request less.', extensions }]);
    if (operation === 'mutation') expect(subgraph.upstream.commands()).toEqual([]);
  });
});

/** The fields of payloads with an entity: they are read after the write. */
const READ_BACK = WIRE.filter(({ operation }) => operation === 'mutation').flatMap(({ type, ...example }) =>
  Object.values((type as GraphQLObjectType).getFields())
    .filter((field) => directivesOf(getNamedType(field.type).astNode).includes('@key'))
    .map(({ name }) => ({ ...example, type, field: name })),
);

describe.each(READ_BACK)('$root.$field', ({ root, field, type, args, result }) => {
  it('is null where reading it fails, without an outcome, and the rest of the payload is there', async () => {
    subgraph.upstream.fail(({ command }) => {
      return /^get_/.test(command) ? { status: 503 } : { body: { success: true, result } };
    });
    const { query, variables } = request(root, args, fieldsOf(String(type), 3).join(' '));
    const { data, errors } = await subgraph.ask(query, { variables });
    const { [field]: _, ...identity } = data[root];
    expect(Object.values(identity)).not.toHaveLength(0);
    expect(Object.values(identity)).not.toContain(null);
    expect(errors).toHaveLength(1);
    const [{ path = [], extensions = {} } = {}] = errors;
    expect(path.slice(0, 2)).toEqual([root, field]);
    expect(path.reduce((value, key) => value?.[key], data)).toBeNull();
    expect(extensions).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
    expect(extensions).not.toHaveProperty('outcome');
  });

  it('is in docs/errors.md, among the fields whose errors have no outcome', () => {
    const rule = `name \`${root}.${field}\` under "Writes" in docs/errors.md, in the row of errors after a write that happened`;
    const [, writes = ''] = ERRORS.split(/^## Writes$/m);
    const named = readNames(/An error at or below [^|]+\| happened/.exec(writes)?.[0]);
    expect(named.includes(`${root}.${field}`) ? [] : [rule]).toEqual([]);
  });
});

it('docs/command-api.md has the table of commands', () => {
  const table = Object.entries(COMMANDS).map(([method, { name }]) => ({ name, method }));
  expect(COMMAND_ROWS.map(({ name, method }) => ({ name, method }))).toEqual(table);
});
