import { z } from 'zod';

const count = (usual: number) => z.coerce.number().default(usual);

/** The environment. An error names all that is wrong or missing. */
export const env = z
  .object({
    COMMAND_API_URL: z.url(),
    /** Several, divided by white space, while the router changes to the next. */
    ROUTER_SECRET: z.string().min(1),
    TOKEN_HEADER: z.string().toLowerCase().default('authorization'),
    HOST: z.string().default('0.0.0.0'),
    PORT: count(4001),
    ATTEMPT_TIMEOUT_MS: count(3000),
    OPERATION_TIMEOUT_MS: count(10_000),
    BREAKER_OPEN_MS: count(2000),
    DRAIN_DELAY_MS: count(5000),
  })
  .parse(process.env);
