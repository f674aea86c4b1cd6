/**
 * The body of a request: JSON in UTF-8, as it is or in gzip.
 */
import { createGunzip } from 'node:zlib';
import { errorCodes, type FastifyInstance } from 'fastify';
import { LIMITS } from './limits.ts';

const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Makes the host take such bodies and refuse all others with 400 or 415. */
export function takeJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(JSON_IN_UTF8, { parseAs: 'buffer' }, (request, body, done) => {
    try {
      // Strictly: what is no UTF-8 must not become another text on its way to the command API.
      parse(request, UTF8.decode(body), done);
    } catch {
      done(new errorCodes.FST_ERR_CTP_INVALID_JSON_BODY());
    }
  });
  app.addHook('preParsing', async ({ headers }, reply, payload) => {
    const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
    if (encoding === 'identity') return payload;
    if (encoding !== 'gzip') throw new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE();
    const gunzip = createGunzip();
    reply.raw.once('close', () => gunzip.destroy());
    // Fastify holds the length as it came against Content-Length, and the inflated one against the limit.
    Object.defineProperty(gunzip, 'receivedEncodedLength', { get: () => gunzip.bytesWritten });
    // What inflates to nothing may still come without an end.
    payload.on('data', () => {
      if (gunzip.bytesWritten > LIMITS.bodyBytes) gunzip.destroy(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    });
    return payload.pipe(gunzip);
  });
}
