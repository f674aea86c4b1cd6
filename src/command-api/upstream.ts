/**
 * What all commands of the process share on their way to the command API.
 */
import type { Config } from '../config.ts';
import { type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts';
import { createRetries, type Retries } from './retries.ts';
import { createSlots, type Slots } from './slots.ts';
import { createTransport, type Transport } from './transport.ts';

export interface Upstream {
  readonly breaker: CircuitBreaker;
  readonly retries: Retries;
  readonly slots: Slots;
  readonly transport: Transport;
  /** The largest reply to any command. */
  readonly maxReplyBytes: number;
}

export function createUpstream(config: Config): Upstream {
  return {
    breaker: createCircuitBreaker(config),
    retries: createRetries(config.MAX_ATTEMPTS),
    slots: createSlots(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED),
    transport: createTransport(config),
    maxReplyBytes: config.MAX_REPLY_BYTES,
  };
}
