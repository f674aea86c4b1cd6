import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { useSubgraph } from './support/use-subgraph.ts';

const EXAMPLES = new URL('../examples/', import.meta.url);
const subgraph = useSubgraph();

const names = readdirSync(EXAMPLES).filter((name) => name.endsWith('.graphql'));

it.each(names)('examples/%s runs as it stands', async (name) => {
  const { data, errors } = await subgraph.ask(readFileSync(new URL(name, EXAMPLES), 'utf8'));
  expect(errors).toEqual([]);
  for (const answer of Object.values(data)) expect(answer).not.toBeNull();
});
