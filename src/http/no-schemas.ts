/**
 * Promise: an idle process takes little memory. No route has a schema, and the validators that Fastify would load for one take
 * megabytes.
 */
const refuseSchemas = () => {
  throw new Error('A route has no schema.');
};

export const NO_SCHEMAS = { compilersFactory: { buildValidator: refuseSchemas, buildSerializer: refuseSchemas } };
