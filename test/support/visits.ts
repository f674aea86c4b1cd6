/**
 * A third team's subgraph, which refers to repair requests by the one key or by the other.
 */
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { FLATS, seed } from '../../dev/seed.ts';
import { serveApollo } from '../../dev/supergraph/host.ts';
import { formatMaintenanceId, type MaintenanceKey } from '../../src/maintenance.ts';

/** Which key → the stub of `Maintenance` that refers by it, as the README shows. */
export const STUBS = {
  id: 'type Maintenance @key(fields: "id", resolvable: false) { id: ID! }',
  'residence { id } maintenanceId': `
    type Maintenance @key(fields: "residence { id } maintenanceId", resolvable: false) {
      residence: Residence
      maintenanceId: ID!
    }
    type Residence @key(fields: "id", resolvable: false) { id: ID! }`,
} as const;

export type KeyFields = keyof typeof STUBS;
export const KEYS = Object.keys(STUBS) as KeyFields[];

export function visitsSdl(key: KeyFields): string {
  return `
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
    type Query {
      visits: [Visit!]
      numbered(count: Int!): [Visit!]
    }
    type Visit {
      id: ID!
      maintenance: Maintenance
    }
    ${STUBS[key]}`;
}

/** Three requests of one residence, two of another and one of a third, and then the first again. */
export const VISITED: readonly MaintenanceKey[] = [
  ...keysOf('1-101', 3),
  ...keysOf('1-201', 2),
  ...keysOf('1-202', 1),
  ...keysOf('1-101', 1),
];

export function startVisits(key: KeyFields) {
  const visit = ({ residenceId, maintenanceId }: MaintenanceKey, index: number) => ({
    id: String(index),
    // Each stub has its own members of these and none of the others'.
    maintenance: {
      id: formatMaintenanceId({ residenceId, maintenanceId }),
      residence: { id: residenceId },
      maintenanceId,
    },
  });
  const Query = {
    visits: () => VISITED.map(visit),
    /** That many visits of requests of one residence, all different; none of the requests exists. */
    numbered: (_: unknown, { count }: { count: number }) =>
      Array.from({ length: count }, (_, index) =>
        visit({ residenceId: idOf('1-101'), maintenanceId: String(index) }, index),
      ),
  };
  const typeDefs = parse(visitsSdl(key));
  const apollo = new ApolloServer({
    schema: buildSubgraphSchema([{ typeDefs, resolvers: { Query } }]),
    stopOnTerminationSignals: false,
    plugins: [ApolloServerPluginInlineTraceDisabled()],
  });
  return serveApollo(apollo, async () => ({}), ['/graphql'], { host: '127.0.0.1', port: 0 });
}

/** The first requests of a flat. */
function keysOf(flat: string, count: number): MaintenanceKey[] {
  const residenceId = idOf(flat);
  const tickets = seed().get(residenceId) ?? [];
  return tickets.slice(0, count).map(({ maintenance_id }) => ({ residenceId, maintenanceId: maintenance_id }));
}

/** The residence id of a flat. */
export function idOf(flat: string): string {
  const found = FLATS.find(({ name }) => name === flat);
  if (!found) throw new Error(`there is no flat ${flat}`);
  return found.id;
}
