/** Each command by the vendor's example. CONTRIBUTING.md has the steps to add a command. */
import { describe, expect, it } from '@jest/globals';
import { PATH } from '../../dev/command-api.ts';
import { FORMS } from '../../dev/maintenance/emulation.ts';
import { codes } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { HOSTILE, R, request } from '../support/maintenance/requests.ts';
import { fieldsOf, ROOT_FIELDS } from '../support/maintenance/schema.ts';
import { isSentAsIs, WIRE } from '../support/maintenance/wire.ts';
import { TOKENS } from '../support/upstream.ts';
import { startSubgraph, useMany, useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();
const start = useMany(startSubgraph);
const CONTRACT = readDocument('docs/command-api.md');

describe.each(WIRE)('$name', (example) => {
  const { name, method, operation, root, field, type, args, param, result, more } = example;
  const { required, optional } = FORMS[method];
  const forms = { ...required, ...optional };
  const succeed = ({ upstream } = subgraph) =>
    upstream.fail(() => ({ body: { success: true, timestamp: 1540869200562, result } }));

  /** Sends the field with the example's arguments, in which `replace` has other values. */
  function ask(replace: (name: string, value: unknown) => unknown, token: string | null = TOKENS.first) {
    const { query, variables } = request(root, JSON.parse(JSON.stringify(args, replace)));
    return subgraph.ask(query, { variables, token });
  }

  /** Returns whether the emulator accepts the command with these parameters. */
  async function isAccepted(param: object): Promise<boolean> {
    const json = 'application/json';
    const headers = { 'content-type': json, accept: json, authorization: `Bearer ${TOKENS.first}` };
    const body = JSON.stringify({ command: name, id: 'c', param });
    const response = await fetch(subgraph.upstream.url + PATH, { method: 'POST', headers, body });
    return ((await response.json()) as { success: boolean }).success;
  }

  it('is sent like the vendor’s example, which the emulator accepts', async () => {
    expect((await subgraph.ask(`${operation} { ${field} }`)).errors).toEqual([]);
    const [sent, ...others] = subgraph.upstream.received;
    expect(others).toEqual([]);
    // The example has every parameter.
    expect(new Set(Object.keys(param))).toEqual(new Set(Object.keys(forms)));
    expect(sent).toMatchObject({ method: 'POST', url: '/api/v1.0/invoke/open-ability/method/user-commands' });
    expect(sent?.id).toMatch(/^c[0-9a-f]{32}$/);
    expect(sent?.body).toBe(JSON.stringify({ command: name, id: sent?.id, param }));
  });

  it('has its parameters in docs/command-api.md', () => {
    const [, documented = ''] = new RegExp(`^\\| \`${name}\`.*? \\| (.*?) \\|`, 'm').exec(CONTRACT) ?? [];
    const names = documented.match(/(?<=`)\w+/g);
    expect(new Set(names)).toEqual(new Set(Object.keys(forms)));
  });

  it('is rejected by the emulator with a parameter less, more or wrong', async () => {
    expect(await isAccepted(param)).toBe(true);
    const less = Object.keys(required).map((name) => ({ ...param, [name]: undefined }));
    const wrong = Object.entries(forms).flatMap(([name, [, ...values]]) =>
      values.map((value) => ({ ...param, [name]: value })),
    );
    for (const other of [...less, { ...param, x: 'x' }, ...wrong])
      expect({ other, isAccepted: await isAccepted(other) }).toEqual({ other, isAccepted: false });
  });

  it('is sent with its texts as they are', async () => {
    succeed();
    // Nothing is replaced where only ids are sent.
    const replace = (_: string, value: unknown) => (isSentAsIs(example, value) ? HOSTILE : value);
    expect((await ask(replace)).errors).toEqual([]);
    expect(subgraph.upstream.received[0]?.param).toEqual(JSON.parse(JSON.stringify(param, replace)));
  });

  it('needs a token, and then good arguments', async () => {
    const empty = (_: string, value: unknown) => (typeof value === 'string' ? '' : value);
    expect(codes(await ask(empty, null))).toEqual([['UNAUTHENTICATED', root]]);
    expect(codes(await ask(empty))).toEqual([['BAD_USER_INPUT', root]]);
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('takes an id in any spelling, and answers in one', async () => {
    succeed();
    const spell = (_: string, value: unknown) =>
      typeof value === 'string' ? value.replace(/^r\w+:/, 'r%3a:').replace(R, 'r:') : value;
    const { data, errors } = await ask(spell);
    expect(errors).toEqual([]);
    // The list is empty.
    expect(JSON.stringify(data)).toMatch(/"r%3A:|\[\]/);
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

  it('sends one command for each field that is selected, and another one only for fields that read', async () => {
    for (const selection of fieldsOf(type.name)) {
      subgraph.upstream.reset();
      const { query, variables } = request(root, args, selection);
      expect((await subgraph.ask(query, { variables })).errors).toEqual([]);
      const [name = ''] = selection.split(' ');
      expect([name, subgraph.upstream.received.length]).toEqual([name, more.includes(name) ? 2 : 1]);
    }
  });
});

it('each root field has an example of a command', () => {
  const others = ROOT_FIELDS.filter(({ name }) => !name.startsWith('_') && !WIRE.some(({ root }) => root === name));
  expect(others.map(({ name }) => name)).toEqual([]);
});
