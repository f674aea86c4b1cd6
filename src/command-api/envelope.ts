/**
 * Decodes the envelope of a reply. docs/command-api.md is the contract.
 */
import { isObject, type Json } from './decoding.ts';
import { CommandApiError, judgeStatus } from './failures.ts';
import type { Reply } from './transport.ts';

const UTF8 = new TextDecoder();

/**
 * Returns the `result` of a successful reply, otherwise throws. The status decides before the body: a gateway or a Dapr
 * sidecar may have written the body of a 401, 403, 429 or 5xx.
 */
export function decodeEnvelope({ status, body: bytes, retryAfter, broken }: Reply): unknown {
  const kind = judgeStatus(status, broken);
  if (broken && !kind) throw broken;
  const body = parseObject(UTF8.decode(bytes));
  if (status >= 200 && status < 300 && body?.success === true) return body.result;
  const details = { detail: `status ${status}`, retryAfter, upstreamCode: findCode(body) };
  // A single command may cause a 500, but not that its body is cut off.
  const isOutage = kind === 'failed' && broken?.kind === 'unreachable';
  if (kind) throw new CommandApiError(kind, isOutage ? { ...details, health: 'down' } : details);
  if (body?.success === false) throw new CommandApiError('rejected', details);
  throw new CommandApiError('invalid', { ...details, flaw: 'envelope' });
}

function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the error code of a failed reply, in either place that docs/command-api.md has a source for. */
function findCode(body: Json | undefined): string | undefined {
  return [body?.code, body?.errorCode].find(isCode)?.toString();
}

/** No prose, and shorter or with fewer digits than the vendor's ids, tokens and telephone numbers. */
function isCode(value: unknown): value is string | number {
  if (typeof value !== 'string' && !Number.isInteger(value)) return false;
  return /^[\w-]{1,32}$/.test(String(value)) && !/(\d\D*){10}/.test(String(value));
}
