// Runs the subgraph of visits.graphql. It needs only @apollo/server, @apollo/subgraph and graphql.
import { readFileSync } from 'node:fs';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';

// The id of a Maintenance in the supergraph. "%" and ":" in the vendor's ids are escaped.
const escapePart = (part) => part.replaceAll('%', '%25').replaceAll(':', '%3A');
const formatMaintenanceId = (residenceId, vendorId) => `${escapePart(residenceId)}:${escapePart(vendorId)}`;
const unescapePart = (part) => part.replaceAll('%3A', ':').replaceAll('%25', '%');
/** Returns the fields of both keys of a Maintenance that has one of them. */
const keysOf = ({ id, residence, maintenanceId }) => {
  if (!id) return { id: formatMaintenanceId(residence.id, maintenanceId), residence, maintenanceId };
  const [residenceId, vendorId] = id.split(':').map(unescapePart);
  return { id, residence: { id: residenceId }, maintenanceId: vendorId };
};

// As your own database may have it: with the vendor's two ids.
const visit = (id, day, residenceId, vendorId) => {
  const of = formatMaintenanceId(residenceId, vendorId);
  return { id, day, residenceId, vendorId, of };
};
const visits = [
  visit('v1', '2024-01-20', 'r31adc223cc4b3bedb6bd4742dedcfa52', 'm31adc223cc4b3bedb6bd4742dedcfa52'),
  visit('v2', '2024-01-21', 'r31adc223cc4b3bedb6bd4742dedcfa52', 'deleted:1'),
];

const resolvers = {
  Query: { visits: () => visits },
  Visit: { maintenance: (visit) => keysOf({ id: visit.of }) },
  Maintenance: {
    // Hive Router may send the other key alone, with a field that is required.
    __resolveReference: (reference) => ({ ...reference, ...keysOf(reference) }),
    visits: ({ id }) => visits.filter((visit) => visit.of === id),
    // Null, absent, or in Hive Gateway an error, if the request is missing or the field failed.
    warrantyUntil: ({ finishTime }) => (typeof finishTime === 'string' ? twoYearsAfter(finishTime) : null),
  },
};

function twoYearsAfter(time) {
  const date = new Date(time);
  date.setUTCFullYear(date.getUTCFullYear() + 2);
  return `${date.toISOString().slice(0, 19)}Z`;
}

const typeDefs = parse(readFileSync(new URL('visits.graphql', import.meta.url), 'utf8'));
const server = new ApolloServer({ schema: buildSubgraphSchema([{ typeDefs, resolvers }]) });
const { url } = await startStandaloneServer(server, { listen: { port: Number(process.env.PORT ?? 4003) } });
console.log(`Visits on ${url}`);
