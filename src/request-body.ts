/**
 * The body of a request: JSON in UTF-8, as it is or in gzip.
 */
import { gunzip } from 'node:zlib';
import { errorCodes, type FastifyInstance } from 'fastify';
import { LIMITS } from './limits.ts';

const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Makes the host take such bodies and refuse all others with 400 or 415. */
export function takeJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(JSON_IN_UTF8, { parseAs: 'buffer' }, (request, body, done) => {
    const read = (bytes: Buffer) => {
      try {
        // Strictly: what is no UTF-8 must not become another text on its way to the command API.
        parse(request, UTF8.decode(bytes), done);
      } catch {
        done(new errorCodes.FST_ERR_CTP_INVALID_JSON_BODY());
      }
    };
    const encoding = request.headers['content-encoding']?.toLowerCase() ?? 'identity';
    if (encoding === 'identity') return read(body);
    if (encoding !== 'gzip') return done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE());
    gunzip(body, { maxOutputLength: LIMITS.bodyBytes }, (error: NodeJS.ErrnoException | null, inflated) => {
      // Its caller has gone meanwhile: nobody would notice that later, and nothing would end what it asked for.
      if (request.raw.socket.destroyed) return;
      if (!error) return read(inflated);
      const isLarge = error.code === 'ERR_BUFFER_TOO_LARGE';
      done(isLarge ? new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE() : new errorCodes.FST_ERR_CTP_INVALID_JSON_BODY());
    });
  });
}
