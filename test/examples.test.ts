import { globSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { useSubgraph } from './support/use-subgraph.ts';

const subgraph = useSubgraph();

it.each(globSync('examples/*.graphql'))('%s runs as it stands', async (path) => {
  const { data, errors } = await subgraph.ask(readFileSync(path, 'utf8'));
  expect(errors).toEqual([]);
  for (const answer of Object.values(data)) expect(answer).not.toBeNull();
});
