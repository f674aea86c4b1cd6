import { globSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { readExamples } from '../../dev/browser.ts';
import { EXAMPLE } from '../../dev/seed.ts';
import { NEW_MAINTENANCE } from '../support/ask.ts';
import { README } from '../support/documents.ts';
import { ROOT_FIELDS } from '../support/schema.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();
// Long enough for the commands that are answered, on a busy machine too.
const impatient = useSubgraph({ ATTEMPT_TIMEOUT_MS: '3000' });
const EXAMPLES = readExamples('.');
const OF_SUPERGRAPH = readExamples('supergraph');
const OF_EMULATOR = readExamples('emulator');

it.each(EXAMPLES)('$name can run twice', async ({ query, variables }) => {
  for (const _ of ['first', 'second']) {
    const { data, errors } = await subgraph.ask(query, { variables });
    expect(errors).toEqual([]);
    for (const answer of Object.values(data)) expect(answer).toEqual(expect.anything());
    expect(data.deleteMaintenances?.failures ?? []).toEqual([]);
  }
});

it.each(OF_EMULATOR)('$name shows each failure of the command API, and a list', async ({ query, variables }) => {
  const { data, errors } = await impatient.ask(query, { variables });
  expect(data.slow).toEqual([{ id: `rfault-slow:${EXAMPLE.maintenanceId}` }]);
  expect(Object.fromEntries(errors.map(({ path, extensions }) => [path?.[0], extensions.code]))).toEqual({
    timeout: 'UPSTREAM_TIMEOUT',
    unavailable: 'UPSTREAM_UNAVAILABLE',
    refused: 'COMMAND_REJECTED',
    forbidden: 'FORBIDDEN',
    invalid: 'UPSTREAM_INVALID_RESPONSE',
  });
});

it.each(ROOT_FIELDS)('$name has exactly one example', ({ name }) => {
  const found = EXAMPLES.filter(({ query }) => new RegExp(`^  ${name}\\(`, 'm').test(query));
  const rule = `examples/ has an operation with ${name}, and a .json file with its variables`;
  expect({ rule, found: found.length }).toEqual({ rule, found: 1 });
});

it('a variable has the same value in all examples, because Sandbox merges them, and no default', () => {
  const all = [...EXAMPLES, ...OF_EMULATOR, ...OF_SUPERGRAPH];
  const merged = Object.assign({}, ...all.map(({ variables }) => variables));
  for (const { query, variables } of all) {
    expect(merged).toMatchObject(variables);
    expect(query).not.toMatch(/\$\w+: [^),]+ = /);
  }
});

// A fault is named by the variable if its type is wrong, and by the argument otherwise: see docs/errors.md. Two values of one
// argument need two names: `input` and `feedbackInput`.
it.each([
  ...EXAMPLES,
  ...OF_SUPERGRAPH,
  ...globSync('apps/**/*.graphql').map((name) => ({ name, query: readFileSync(name, 'utf8') })),
])('$name names its variables like their arguments', ({ query }) => {
  for (const [, argument = '', variable] of query.matchAll(/(\w+): \$(\w+)/g))
    expect(variable?.toLowerCase()).toMatch(new RegExp(`${argument.toLowerCase()}$`));
});

it('the examples in the descriptions of the schema are valid', async () => {
  const sdl = readFileSync('schema/maintenance.graphql', 'utf8');
  const found = Array.from(sdl.matchAll(/for\s+example\s+`([^`]+)`/gi), ([, value]) => value);
  const [finishTime, id, residenceId, argument, startTime, ...others] = found;
  expect(others).toEqual([]);
  const reads = `{ maintenance(id: "${id}") { id } maintenances(residenceId: "${residenceId}") { id } }`;
  expect((await subgraph.ask(reads)).data).toEqual({ maintenance: { id }, maintenances: [{ id }] });
  const create = 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { createdId } }';
  const variables = { input: { ...NEW_MAINTENANCE, startTime, finishTime } };
  const { errors } = await subgraph.ask(create, { variables });
  expect(errors).toMatchObject([{ extensions: { arguments: [{ argument }] } }]);
});

it('the README and the page have the same operation of the supergraph', () => {
  const squeeze = (text: string) => text.replace(/#.*$/gm, '').replace(/\s+/g, ' ').trim();
  const example = OF_SUPERGRAPH.find(({ name }) => name === 'open-by-residence.graphql');
  expect(squeeze(README)).toContain(squeeze(String(example?.query)).replace(/^query \w+ /, ''));
});
