/**
 * The caller of a request, as its headers tell: access token, name of the client application, trace.
 */
import { isUtf8 } from 'node:buffer';
import { trace } from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import type { Caller } from '../graphql/context.ts';
import { LIMITS } from '../limits.ts';

/** Only the form of a token, because the command API validates it. In another header, it needs no `Bearer`. */
const BEARER_TOKEN = /^bearer +([\x21-\x7e]+)$/i;
const TOKEN = /^(?:bearer +)?(?!bearer$)([\x21-\x7e]+)$/i;
/** The format of W3C Trace Context. Other values are not forwarded. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

/** Returns the function that reads the caller of a request. */
export function createCallerReader({ TOKEN_HEADER }: Pick<Config, 'TOKEN_HEADER'>) {
  const tokenForm = TOKEN_HEADER === 'authorization' ? 'Authorization: Bearer <token>' : `${TOKEN_HEADER}: <token>`;

  return function callerOf({ id, headers, raw }: FastifyRequest): Caller {
    const token = parseToken(raw.rawHeaders, TOKEN_HEADER);
    const traceparent = TRACEPARENT.exec(String(headers.traceparent))?.[0];
    return {
      credentials: { authorization: `Bearer ${token}` },
      hasToken: token !== '',
      tokenForm,
      traceparent,
      logFields: {
        requestId: id,
        traceId: trace.getActiveSpan()?.spanContext().traceId ?? traceparent?.split('-')[1],
        clientName: parseName(headers['apollographql-client-name']),
        clientVersion: parseName(headers['apollographql-client-version']),
      },
    };
  };
}

/** Returns the token in the header that has this name. Returns '' unless the header was sent once, with one token. */
function parseToken(rawHeaders: readonly string[], header: string): string {
  const isValue = (_: string, index: number) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === header;
  const [value = '', ...others] = rawHeaders.filter(isValue);
  const pattern = header === 'authorization' ? BEARER_TOKEN : TOKEN;
  return (others.length === 0 && pattern.exec(value)?.[1]) || '';
}

/**
 * Returns a header as UTF-8, where it is valid, shortened and without control characters, which a terminal would obey
 * where the log is read.
 */
function parseName(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  const bytes = Buffer.from(String(header), 'latin1');
  const text = isUtf8(bytes) ? bytes.toString() : String(header);
  return text.slice(0, LIMITS.nameCharacters).replace(/\p{C}/gu, '');
}
