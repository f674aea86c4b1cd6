/**
 * What resolvers may use.
 */
import type { Client } from '../command-api/client.ts';
import type { DeleteMaintenanceFailure } from './__generated__/types.ts';
import type { Loaders } from './loaders.ts';

/** The context of resolvers that read: they cannot write. */
export interface ReadContext {
  /** Throws `UNAUTHENTICATED` if the caller has sent no usable token. */
  requireLoaders(): Loaders;
}

/** The context of resolvers that write. They cannot read, because the write would make that stale. */
export interface WriteContext {
  /** Throws `UNAUTHENTICATED` if the caller has sent no usable token. */
  requireWriteAccess(): WriteAccess;
}

export interface WriteAccess extends Pick<Client, 'write'> {
  /** Describes the error of a write, for a payload that has it as data. */
  describeFailure(error: unknown): WriteFailure;
}

/** A failed write as data. */
type WriteFailure = Pick<DeleteMaintenanceFailure, 'code' | 'message' | 'outcome'>;
