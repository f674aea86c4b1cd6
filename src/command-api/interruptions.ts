/**
 * Names what interrupted an attempt, by what Node, got, gzip or a proxy reports.
 */
import type { EndReason } from '../lease.ts';
import { FAILURES_BY_END } from './failures.ts';

export const NO_MEMORY = 'no memory for the reply';
/** Our own reasons not to take a reply. */
export type Unusable = 'reply too large' | 'unknown coding' | typeof NO_MEMORY;

/** got's code for an error without one of Node: probably a bug. */
export const NO_CODE = 'ERR_GOT_REQUEST_ERROR';
/** Of this process, which says nothing about the command API: no more sockets, files, ports or buffers. */
const INTERNAL = /^(EMFILE|ENFILE|ENOBUFS|ENOMEM|EADDRNOTAVAIL)$/;
/** An address does not accept a connection. */
const NO_CONNECTION = /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/;
/** Other failures that may pass: also an incomplete body, and the statuses of a proxy that opens no tunnel. */
const TRANSIENT = /^(ENOTFOUND|EAI_AGAIN|ECONNRESET|EPIPE|ERR_HTTP_CONTENT_LENGTH_MISMATCH|Z_BUF_ERROR|50[234])$/;
/** No HTTP, or no gzip. */
const UNREADABLE = /^(HPE_|Z_)/;

/** The facts of an attempt whose reply did not arrive whole, or cannot be used. */
export interface Interruption {
  /** An error code of Node, the status or `timeout` of a proxy, or our own reason. */
  readonly code: string;
  /** The error of Node, never got's, which has the token and the body. */
  readonly cause: unknown;
  /** Why no one waits any more, if that interrupted it. */
  readonly ended?: EndReason | undefined;
  /** False only if no byte of the command can have left this process. */
  readonly isSent: boolean;
  /** The size of the largest reply that the command may have. */
  readonly maxReplyBytes: number;
  readonly isTimeout?: boolean;
  /** Whether the event loop was blocked when its time was over: the reply may have arrived. */
  readonly isLate?: boolean;
  readonly isOfProxy?: boolean;
  /** Whether a kept connection broke before a reply: after an idle time, all of them may be closed. */
  readonly isStale?: boolean;
}

export type InterruptionName = ReturnType<typeof nameOf>;

/** Returns what interrupted an attempt, in a word. The first line that fits decides. */
export function nameOf({ code, ended, isTimeout, isLate, isOfProxy, isStale }: Interruption) {
  if (ended) return 'ended';
  if (code === NO_MEMORY) return 'no memory';
  if (isTimeout) return isLate ? 'late' : 'timeout';
  if (code === NO_CODE || INTERNAL.test(code)) return 'internal';
  if (code === 'reply too large' || code === 'ERR_BUFFER_TOO_LARGE') return 'too large';
  if (NO_CONNECTION.test(code) || TRANSIENT.test(code)) return isStale ? 'stale' : 'transient';
  if (code === 'unknown coding' || (UNREADABLE.test(code) && !isOfProxy)) return 'unreadable';
  return 'other';
}

/** Returns what interrupted an attempt, for the log. */
export function detailOf({ code, ended, isOfProxy }: Interruption): string {
  if (ended) return FAILURES_BY_END[ended][1].detail;
  if (code === 'ERR_BUFFER_TOO_LARGE') return 'reply too large';
  return isOfProxy ? `proxy ${code}` : code;
}

/** Returns whether an address is to be looked up again: it may belong to another host by now. */
export function isAddressGone({ code, ended, isTimeout }: Interruption): boolean {
  return !ended && !isTimeout && NO_CONNECTION.test(code);
}
