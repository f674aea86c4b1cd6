/**
 * The parts that the commands of all operations share.
 */
import { EventEmitter } from 'node:events';
import type { Config } from '../config.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import { createCoalescing } from './coalescing.ts';
import type { CommandEvents } from './record.ts';
import { createRetries } from './retries.ts';
import { createSlots } from './slots.ts';
import { createTransport } from './transport.ts';

export type CommandApi = ReturnType<typeof createCommandApi>;

export function createCommandApi(config: Config) {
  return {
    breaker: createCircuitBreaker(config),
    coalescing: createCoalescing(),
    maxReplyBytes: config.MAX_REPLY_BYTES,
    events: new EventEmitter<CommandEvents>(),
    retries: createRetries(config.MAX_ATTEMPTS),
    slots: createSlots(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED),
    transport: createTransport(config),
  };
}
