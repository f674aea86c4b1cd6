/**
 * Reads request bodies: JSON in UTF-8.
 */
import { Readable } from 'node:stream';
import { errorCodes, type FastifyInstance } from 'fastify';
import { BYTES } from '../memory.ts';
import { turnFor } from '../turns.ts';

const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
const UTF8 = new TextDecoder('utf-8', { fatal: true });
const JOINED = 100;
const SMALL = 1000;
const LARGE = 10_000;

/** Makes the host accept JSON in UTF-8 and refuse all other bodies with 400 or 415. */
export function acceptJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addHook('preParsing', ({ headers }, _, payload, done) => {
    const isSmall = !headers['transfer-encoding'] && Number(headers['content-length'] ?? 0) <= SMALL;
    done(null, isSmall ? payload : Readable.from(joinChunks(payload)).on('error', () => {}));
  });
  app.addContentTypeParser<Buffer>(JSON_IN_UTF8, { parseAs: 'buffer' }, (request, body, done) => {
    const { 'content-encoding': encoding = 'identity' } = request.headers;
    if (encoding.toLowerCase() !== 'identity') return done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE());
    // The bytes as received are already reserved.
    if (!request.share.reserve(body.length * (BYTES.bodyByte - 1), 'request'))
      return done(Object.assign(new Error('no memory'), { statusCode: 503 }));
    // A request may block. Before the next one, other requests are read, so that the limits count all of them.
    turnFor(body.length < LARGE ? 'request' : 'largeRequest', body.length)
      // Not if the caller has disconnected: its memory is released already. Reject invalid UTF-8: a replacement character
      // would change the text that the command API receives.
      .then(() => request.socket.destroyed || parse(request, UTF8.decode(body), done))
      .catch(() => done(new errorCodes.FST_ERR_CTP_INVALID_JSON_BODY()));
  });
}

/** Joins small chunks of a body, 1 MB at most. A chunk of 1 byte takes 200 bytes of memory. */
async function* joinChunks(payload: AsyncIterable<Buffer>) {
  const chunks: Buffer[] = [];
  for await (const chunk of payload) {
    chunks.push(chunk);
    if (chunks.length === JOINED || chunk.length >= LARGE) yield Buffer.concat(chunks.splice(0));
  }
  yield Buffer.concat(chunks);
}
