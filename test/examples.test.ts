import { globSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { useSubgraph } from './support/use-subgraph.ts';

const subgraph = useSubgraph();

it.each(globSync('examples/*.graphql'))('%s runs as it stands', async (path) => {
  const { data, errors } = await subgraph.ask(readFileSync(path, 'utf8'));
  expect(errors).toEqual([]);
  for (const answer of Object.values(data)) expect(answer).not.toBeNull();
});

it('the README has the operation of the supergraph as the page has it', () => {
  const squeeze = (text: string) => text.replace(/#.*$/gm, '').replace(/\s+/g, ' ').trim();
  const example = squeeze(readFileSync('examples/supergraph/open-by-residence.graphql', 'utf8'));
  expect(squeeze(readFileSync('README.md', 'utf8'))).toContain(example.replace(/^query \w+ /, ''));
});
