/**
 * Reads request bodies: JSON in UTF-8.
 */
import type { Readable } from 'node:stream';
import { errorCodes, type FastifyInstance } from 'fastify';
import { LIMITS } from '../graphql/limits.ts';
import { BYTES } from '../memory.ts';
import { turnFor } from '../turns.ts';

const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
const UTF8 = new TextDecoder('utf-8', { fatal: true });
const LARGE = 10_000;

/** Makes the host accept JSON in UTF-8 and refuse all other bodies with 400, 413 or 415. */
export function acceptJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser(JSON_IN_UTF8, (request, payload, done) => {
    const { 'content-encoding': encoding = 'identity', 'content-length': announced = 0 } = request.headers;
    if (encoding.toLowerCase() !== 'identity') return done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE());
    if (Number(announced) > LIMITS.bodyBytes) return done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    readBody(payload, Number(announced)).then((body) => {
      // The bytes as received are already reserved.
      if (!request.share.reserve(body.length * (BYTES.bodyByte - 1), 'request'))
        return done(Object.assign(new Error('no memory'), { statusCode: 503 }));
      // A request may block. Before the next one, other requests are read, so that the limits count all of them.
      turnFor(body.length < LARGE ? 'request' : 'largeRequest', body.length)
        // Not if the caller has disconnected: its memory is released already. Reject invalid UTF-8: a replacement
        // character would change the text that the command API receives.
        .then(() => request.socket.destroyed || parse(request, UTF8.decode(body), done))
        .catch(() => done(new errorCodes.FST_ERR_CTP_INVALID_JSON_BODY()));
    }, done);
  });
}

/**
 * Copies a body into one buffer of the announced size, which grows for a chunked body. A list of chunks of 1 byte would
 * take 200 bytes for each. Rejects beyond 1 MB, or if the body is cut off.
 */
function readBody(payload: Readable, announced: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let body = Buffer.allocUnsafe(announced);
  let length = 0;
  payload.on('data', (chunk: Buffer) => {
    const needed = length + chunk.length;
    if (needed > LIMITS.bodyBytes) return reject(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    if (needed > body.length) body = Buffer.concat([body], Math.min(2 * needed, LIMITS.bodyBytes));
    length += chunk.copy(body, length);
  });
  payload.on('end', () => resolve(body.subarray(0, length)));
  payload.on('error', () => reject(new errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH()));
  return promise;
}
