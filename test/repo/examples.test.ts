import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { readExamples } from '../../dev/browser.ts';
import { ROOT_FIELDS } from '../support/schema.ts';
import { NEW_MAINTENANCE } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();

const EXAMPLES = readExamples(new URL('../../examples/', import.meta.url));
const SUPERGRAPH_EXAMPLES = readExamples(new URL('../../examples/supergraph/', import.meta.url));

it.each(EXAMPLES)('$name runs twice', async ({ query, variables }) => {
  for (const _ of ['first', 'second']) {
    const { data, errors } = await subgraph.ask(query, { variables });
    expect(errors).toEqual([]);
    for (const answer of Object.values(data)) expect(answer).toEqual(expect.anything());
    expect(data.deleteMaintenances?.failures ?? []).toEqual([]);
  }
});

it.each(ROOT_FIELDS)('one is of $name', ({ name }) => {
  expect(EXAMPLES.filter(({ query }) => new RegExp(`^  ${name}\\(`, 'm').test(query))).toHaveLength(1);
});

it('a variable of two examples has one value, as in Sandbox, and no operation repeats it as a default', () => {
  const all = [...EXAMPLES, ...SUPERGRAPH_EXAMPLES];
  const merged = Object.assign({}, ...all.map(({ variables }) => variables));
  for (const { query, variables } of all) {
    expect(merged).toMatchObject(variables);
    expect(query).not.toMatch(/\$\w+: [^),]+ = /);
  }
});

it('the examples in the descriptions of the schema work', async () => {
  const sdl = readFileSync('schema/maintenance.graphql', 'utf8');
  const found = [...sdl.matchAll(/for\s+example\s+`([^`]+)`/gi)].map(([, value]) => value);
  const [time, id, residenceId, argument, offsetTime, ...others] = found;
  expect(others).toEqual([]);
  const query = `query ($id: ID!, $residenceId: ID!) { maintenance(id: $id) { id } maintenances(residenceId: $residenceId) { id } }`;
  const { data } = await subgraph.ask(query, { variables: { id, residenceId } });
  expect(data).toEqual({ maintenance: { id }, maintenances: [{ id }] });
  const input = { ...NEW_MAINTENANCE, startTime: offsetTime, finishTime: time };
  const create = 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }';
  const { errors } = await subgraph.ask(create, { variables: { input } });
  expect(errors).toMatchObject([{ extensions: { arguments: [{ argument }] } }]);
});

it('the README has the operation of the supergraph as the page has it', () => {
  const squeeze = (text: string) => text.replace(/#.*$/gm, '').replace(/\s+/g, ' ').trim();
  const example = squeeze(readFileSync('examples/supergraph/open-by-residence.graphql', 'utf8'));
  expect(squeeze(readFileSync('README.md', 'utf8'))).toContain(example.replace(/^query \w+ /, ''));
});
