/** A subgraph of another team's, which owns `Residence` and knows nothing of repair requests. */
import { readFileSync } from 'node:fs';
import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { FAULTY_RESIDENCES } from '../maintenance/emulation.ts';
import { EXAMPLE, FLATS } from '../maintenance/seed.ts';
import { type Listening, type Running, serveApollo } from './host.ts';

export const RESIDENCES_SDL = readFileSync(new URL('../../supergraph/residences.graphql', import.meta.url), 'utf8');

/** All residences that are listed; the ids are those of the command API. */
export const RESIDENCES: readonly { readonly id: string; readonly name: string; readonly address: string }[] = [
  { id: EXAMPLE.residenceId, name: '样板房 / Show flat', address: '翠湖路 6 号 / 6 Lakeside Road' },
  ...FLATS.map(({ id, name }) => ({
    id,
    name: `翠湖苑 ${name} / Lakeside Court ${name}`,
    address: `翠湖路 8 号 ${name} / 8 Lakeside Road, ${name}`,
  })),
];

/** Found by their ids, but not listed: every list would have their errors. */
const UNLISTED = FAULTY_RESIDENCES.map((id) => ({ id, name: id, address: 'docs/apps.md' }));

const find = ({ id }: { id: string }) => [...RESIDENCES, ...UNLISTED].find((residence) => residence.id === id) ?? null;

const resolvers = {
  Query: { residences: () => RESIDENCES, residence: (_: unknown, key: { id: string }) => find(key) },
  Residence: { __resolveReference: find },
};

/** Serves the neighbor at /graphql. It needs no token: the addresses of its residences are public. */
export function startNeighbour(listening: Listening): Promise<Running> {
  const schema = buildSubgraphSchema([{ typeDefs: parse(RESIDENCES_SDL), resolvers }]);
  return serveApollo({ schema, plugins: [ApolloServerPluginInlineTraceDisabled()] }, async () => ({}), listening);
}
