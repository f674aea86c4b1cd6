/**
 * The body of a request: JSON in UTF-8.
 */
import { errorCodes, type FastifyInstance } from 'fastify';
import { TAKES } from './memory.ts';

const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Makes the host take such bodies and refuse all others with 400 or 415. */
export function takeJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(JSON_IN_UTF8, { parseAs: 'buffer' }, (request, body, done) => {
    const { 'content-encoding': encoding = 'identity', 'content-length': length } = request.headers;
    if (encoding.toLowerCase() !== 'identity') return done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE());
    // One that was sent in chunks is not counted yet.
    if (length === undefined && !request.share.take(body.length * TAKES.bodyByte, 'request'))
      return done(Object.assign(new Error('no memory'), { statusCode: 503 }));
    try {
      // Strictly: what is no UTF-8 must not become another text on its way to the command API.
      parse(request, UTF8.decode(body), done);
    } catch {
      done(new errorCodes.FST_ERR_CTP_INVALID_JSON_BODY());
    }
  });
}
