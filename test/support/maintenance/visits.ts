/** A third subgraph, which refers to repair requests by either key. */
import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { FLATS, seed } from '../../../dev/maintenance/seed.ts';
import { serveApollo } from '../../../dev/supergraph/host.ts';
import { formatMaintenanceId, type MaintenanceKey } from '../../../src/maintenance/model.ts';
import type { Id } from '../../../src/values.ts';

export { formatMaintenanceId };

/** The key → the type `Maintenance` in the schema of a subgraph that refers by this key. */
const STUBS = {
  id: 'type Maintenance @key(fields: "id", resolvable: false) { id: ID! }',
  'residence { id } maintenanceId': `
    type Maintenance @key(fields: "residence { id } maintenanceId", resolvable: false) { residence: Residence maintenanceId: ID! }
    type Residence @key(fields: "id", resolvable: false) { id: ID! }`,
} as const;

export type KeyFields = keyof typeof STUBS;
export const KEYS = Object.keys(STUBS) as KeyFields[];

export const visitsSdl = (key: KeyFields) => `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query { visits: [Visit!] }
  type Visit { id: ID! maintenance: Maintenance }
  ${STUBS[key]}`;

/** Three requests of one residence, two of another, one of a third, and the first request again. */
export const VISITED = [...keysOf('1-101', 3), ...keysOf('1-201', 2), ...keysOf('1-202', 1), ...keysOf('1-101', 1)];

/** Serves the subgraph at /graphql. It refers to the requests of `VISITED`. */
export function startVisits(key: KeyFields) {
  // Each schema selects its own members of `maintenance`.
  const visit = ({ residenceId, maintenanceId }: MaintenanceKey, index: number) => {
    const id = formatMaintenanceId({ residenceId, maintenanceId });
    return { id: String(index), maintenance: { id, residence: { id: residenceId }, maintenanceId } };
  };
  const visits = () => VISITED.map(visit);
  const schema = buildSubgraphSchema([{ typeDefs: parse(visitsSdl(key)), resolvers: { Query: { visits } } }]);
  const options = { schema, plugins: [ApolloServerPluginInlineTraceDisabled()] };
  return serveApollo(options, async () => ({}), { host: '127.0.0.1', port: 0 });
}

/** Returns the keys of the first requests of a flat. */
function keysOf(flat: string, count: number): MaintenanceKey[] {
  const tickets = seed().get(idOf(flat))?.slice(0, count) ?? [];
  return tickets.map(({ maintenance_id }) => ({ residenceId: idOf(flat), maintenanceId: maintenance_id as Id }));
}

/** Returns the residence id of a flat. Throws if the flat does not exist. */
export function idOf(flat: string): Id {
  const found = FLATS.find(({ name }) => name === flat);
  if (!found) throw new Error(`There is no flat ${flat}`);
  return found.id as Id;
}
