/**
 * What Hive Gateway needs for this subgraph. Merge it into your gateway.config.ts. Tried with 2.15.
 * Start: hive-gateway supergraph supergraph.graphql --config-path gateway.config.ts
 * Set ROUTER_SECRET, or every field of this subgraph fails with ROUTER_UNAUTHENTICATED.
 *
 * What Hive Gateway cannot do:
 * - Forward a repeated header: only the first one arrives, so the subgraph cannot refuse a second token.
 * - Bound the `_entities` of one step, which it merges under aliases. With over 100 aliases, their data is lost.
 * - Name the index of each list in an error's path: it is `residences.maintenances`.
 * - Read an entity once if another subgraph adds to it: it is read again.
 * - Tell a client about a field that your subgraph requires: your resolver gets the field's error in its place.
 */

/** The caller's token, what the subgraph logs, and the trace. */
const FORWARDED = [
  'authorization',
  // Replaces the line above if the subgraph has TOKEN_HEADER=x-vendor-authorization:
  // 'x-vendor-authorization',
  'x-request-id',
  'apollographql-client-name',
  'apollographql-client-version',
  'traceparent',
];

export const gatewayConfig = {
  propagateHeaders: {
    // Only for this subgraph: other teams' subgraphs must see neither the token nor the secret.
    fromClientToSubgraphs({ request, subgraphName }: { request: Request; subgraphName: string }) {
      if (subgraphName !== 'maintenance') return {};
      const forwarded = FORWARDED.map((name): [string, string | null] => [name, request.headers.get(name)]);
      return {
        ...Object.fromEntries(forwarded.filter(([, value]) => value !== null)),
        'router-authorization': process.env.ROUTER_SECRET,
      };
    },
  },
  transportEntries: {
    maintenance: {
      options: {
        // The gateway would let a read join one from before a write.
        deduplicateInflightRequests: false,
      },
    },
    // Global, and stronger than the entry of one subgraph. Otherwise, a write that reads a neighbor that hangs gets no response.
    // Milliseconds, above OPERATION_TIMEOUT_MS (10 s). The subgraph then answers in time, with data and error codes.
    '*': { options: { timeout: 12_000 } },
  },
};
