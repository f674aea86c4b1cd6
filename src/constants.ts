/**
 * Names that several parts have in common.
 */
import manifest from '../package.json' with { type: 'json' };

/** The service's name and version in logs, metrics and traces. */
export const { name: SERVICE, version: VERSION } = manifest;

/** The path of GraphQL, in routes, metrics and traces. */
export const GRAPHQL_PATH = '/graphql';
/** The header with the router's secret. */
export const ROUTER_HEADER = 'router-authorization';
