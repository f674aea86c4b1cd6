/** Each command by the vendor's example. CONTRIBUTING.md has the steps to add a command. */
import { describe, expect, it } from '@jest/globals';
import { getNamedType, isInputObjectType, isNonNullType } from 'graphql';
import { readExamples } from '../../dev/browser.ts';
import { PATH } from '../../dev/command-api.ts';
import { FORMS } from '../../dev/maintenance/emulation.ts';
import { codes } from '../support/ask.ts';
import { readDocument, readNames, readTable } from '../support/documents.ts';
import { HOSTILE, R, request } from '../support/maintenance/requests.ts';
import { fieldsOf, ROOT_FIELDS, rootField } from '../support/maintenance/schema.ts';
import { isSentAsIs, READ_BACK, WIRE } from '../support/maintenance/wire.ts';
import { TOKENS } from '../support/upstream.ts';
import { startSubgraph, useMany, useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();
const start = useMany(startSubgraph);
const CONTRACT = readTable(readDocument('docs/command-api.md'), 'command');
const EXAMPLES = JSON.stringify(readExamples('.'));

describe.each(WIRE)('$name', (example) => {
  const { name, method, operation, root, field, type, args, param, result, commands } = example;
  const { required, optional = {} } = FORMS[method];
  const forms = { ...required, ...optional };
  const succeed = ({ upstream } = subgraph) =>
    upstream.fail(() => ({ body: { success: true, timestamp: 1540869200562, result } }));

  /** Sends the field with the example's arguments, in which `replace` has other values. */
  function ask(replace: (name: string, value: unknown) => unknown, token: string | null = TOKENS.first) {
    const { query, variables } = request(root, JSON.parse(JSON.stringify(args, replace)));
    return subgraph.ask(query, { variables, token });
  }

  /** Returns the example's parameters without these. */
  const without = (names: readonly string[]) =>
    Object.fromEntries(Object.entries(param).filter(([name]) => !names.includes(name)));

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

  it('has its parameters in docs/command-api.md, and an operation in examples/', () => {
    const [, documented] = CONTRACT.find(([cell]) => readNames(cell)[0] === name) ?? [];
    const names = readNames(documented).map((text) => text.split(':')[0]);
    expect(new Set(names)).toEqual(new Set(Object.keys(forms)));
    expect(EXAMPLES).toContain(`${root}(`);
  });

  it('is rejected by the emulator with a parameter less, more or wrong', async () => {
    expect(await isAccepted(param)).toBe(true);
    const less = Object.keys(required).map((name) => without([name]));
    // Also a time whose form is TEXT.
    const isTime = (name: string) => /^\d{4}-\d\d-\d\d /.test(String(param[name]));
    const wrong = Object.entries(forms).flatMap(([name, [, ...values]]) =>
      [...values, ...(isTime(name) ? ['2024-01-16'] : [])].map((value) => ({ ...param, [name]: value })),
    );
    for (const other of [...less, { ...param, x: 'x' }, ...wrong])
      expect({ other, isAccepted: await isAccepted(other) }).toEqual({ other, isAccepted: false });
    // Nobody knows what the vendor answers to the delete of an absent ticket.
    if (Object.hasOwn(param, 'maintenance_id'))
      expect(await isAccepted({ ...param, maintenance_id: 'absent' })).toBe(name.startsWith('delete'));
  });

  // Without one argument or member of an input that may be null, without all others, and without all.
  it.each([undefined, null])('is sent without optional parameters that are %p', async (absent) => {
    const given = rootField(root).field.args.filter((one) => Object.hasOwn(args, one.name));
    const members = given.flatMap((one) => {
      const type = getNamedType(one.type);
      return isInputObjectType(type) ? Object.values(type.getFields()) : one;
    });
    const ours = members.filter((one) => !isNonNullType(one.type)).map((one) => one.name);
    const askWithout = (names: readonly string[]) => ask((name, value) => (names.includes(name) ? absent : value));

    succeed();
    const theirs = Object.keys(optional);
    expect(ours).toHaveLength(theirs.length);
    for (const names of ours.flatMap((name) => [[name], ours.filter((one) => one !== name)])) {
      expect((await askWithout(names)).errors).toEqual([]);
      const [sent = {}] = subgraph.upstream.received.splice(0).map(({ param }) => param);
      const missing = theirs.filter((name) => !Object.hasOwn(sent, name));
      expect(missing).toHaveLength(names.length);
      expect(sent).toEqual(without(missing));
    }

    // Some commands need one of them.
    subgraph.upstream.reset();
    const isRejected = !(await isAccepted(without(theirs)));
    expect(codes(await askWithout(ours))).toEqual(isRejected ? [['BAD_USER_INPUT', root]] : []);
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

  it('sends exactly the example’s number of commands for each field that is selected', async () => {
    const counted: Record<string, number> = {};
    for (const selection of fieldsOf(type.name)) {
      subgraph.upstream.reset();
      const { query, variables } = request(root, args, selection);
      expect((await subgraph.ask(query, { variables })).errors).toEqual([]);
      counted[String(selection.split(' ')[0])] = subgraph.upstream.received.length;
    }
    expect(counted).toEqual(commands);
  });
});

it('each root field has an example of a command', () => {
  const others = ROOT_FIELDS.filter(({ name }) => !name.startsWith('_') && !WIRE.some(({ root }) => root === name));
  expect(others.map(({ name }) => name)).toEqual([]);
});

it.each(READ_BACK)('$root reads back what it wrote', async ({ root, args }) => {
  const readable = fieldsOf('Maintenance');
  const written = Object.entries(Object(args.input)).filter(([name]) => readable.includes(name));
  expect(written).not.toEqual([]);
  const { query, variables } = request(root, args, `maintenance { ${written.map(([name]) => name).join(' ')} }`);
  const { data } = await subgraph.ask(query, { variables });
  expect(data[root].maintenance).toEqual(Object.fromEntries(written));
});

it.each(WIRE.filter(({ args }) => Object.hasOwn(Object(args.input), 'finishTime')))(
  '$root needs a finishTime that is later than startTime',
  async ({ root, args }) => {
    const given = args.input as { startTime: string };
    const { query, variables } = request(root, { input: { ...given, finishTime: given.startTime } });
    const faults = [{ argument: 'input.finishTime', code: 'NOT_LATER' }];
    expect((await subgraph.ask(query, { variables })).errors).toMatchObject([{ extensions: { arguments: faults } }]);
  },
);
