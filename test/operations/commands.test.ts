/** Each command by the vendor's example. CONTRIBUTING.md has the steps to add a command. */
import { describe, expect, it } from '@jest/globals';
import { FORMS, OPTIONAL } from '../../dev/maintenance/emulation.ts';
import { request } from '../support/maintenance/requests.ts';
import { fieldsOf, weigh } from '../support/maintenance/schema.ts';
import { WIRE } from '../support/maintenance/wire.ts';
import { startSubgraph, useMany, useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();
const start = useMany(startSubgraph);

describe.each(WIRE)('$name', (example) => {
  const { name, method, operation, root, field, type, args, param, result } = example;
  const succeed = ({ upstream } = subgraph) =>
    upstream.fail(() => ({ body: { success: true, timestamp: 1540869200562, result } }));

  it('is sent like the vendor’s example, which the emulator accepts', async () => {
    expect((await subgraph.ask(`${operation} { ${field} }`)).errors).toEqual([]);
    const [sent, ...others] = subgraph.upstream.received;
    expect(others).toEqual([]);
    // The example has every parameter.
    expect(new Set(Object.keys(param))).toEqual(new Set(Object.keys(FORMS[method as keyof typeof FORMS])));
    expect(sent).toMatchObject({ method: 'POST', url: '/api/v1.0/invoke/open-ability/method/user-commands' });
    expect(sent?.id).toMatch(/^c[0-9a-f]{32}$/);
    expect(sent?.body).toBe(JSON.stringify({ command: name, id: sent?.id, param }));
  });

  it.each([undefined, null])('is sent without its optional parameters if they are %p', async (absent) => {
    succeed();
    const given = JSON.stringify(args, (key, value) => ([...OPTIONAL.values()].includes(key) ? absent : value));
    const { query, variables } = request(root, JSON.parse(given));
    const { errors } = await subgraph.ask(query, { variables });
    const left = Object.entries(param).filter(([member]) => !OPTIONAL.has(member));
    expect(subgraph.upstream.received.map(({ param }) => param)).toEqual([Object.fromEntries(left)]);
    expect(errors).toEqual([]);
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
});
