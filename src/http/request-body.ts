/**
 * The body of a request: JSON in UTF-8.
 */
import { pipeline, Transform } from 'node:stream';
import { errorCodes, type FastifyInstance } from 'fastify';
import { BYTES } from '../memory.ts';

const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
const UTF8 = new TextDecoder('utf-8', { fatal: true });
const JOINED = 1000;

/** Makes the host accept such bodies and refuse all others with 400 or 415. */
export function acceptJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addHook('preParsing', ({ headers }, _, payload, done) => {
    done(null, headers['transfer-encoding'] ? pipeline(payload, joinChunks(), () => {}) : payload);
  });
  app.addContentTypeParser<Buffer>(JSON_IN_UTF8, { parseAs: 'buffer' }, (request, body, done) => {
    const { 'content-encoding': encoding = 'identity' } = request.headers;
    if (encoding.toLowerCase() !== 'identity') return done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE());
    // Its bytes are counted already.
    if (!request.share.reserve(body.length * (BYTES.bodyByte - 1), 'request'))
      return done(Object.assign(new Error('no memory'), { statusCode: 503 }));
    try {
      // Strictly: what is no UTF-8 must not become another text on its way to the command API.
      parse(request, UTF8.decode(body), done);
    } catch {
      done(new errorCodes.FST_ERR_CTP_INVALID_JSON_BODY());
    }
  });
}

/** Joins chunks: a caller may send one for each byte, which takes 200 in memory. */
function joinChunks(): Transform {
  let chunks: Buffer[] = [];
  return new Transform({
    transform(chunk, _, next) {
      chunks.push(chunk);
      if (chunks.length < JOINED) return next();
      next(null, Buffer.concat(chunks));
      chunks = [];
    },
    flush: (next) => next(null, Buffer.concat(chunks)),
  });
}
