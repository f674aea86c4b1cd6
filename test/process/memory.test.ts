/**
 * Memory. All operations together hold at most a sixteenth of the heap limit, and each of them half of that. An operation holds its
 * request, its commands, the replies that it reads, and its response, each from its first byte until the answer is sent. When there
 * is no room, an operation is refused at once. While a reply waits in the queue of work, it is not inflated, so that a crowd can wait
 * and is served.
 *
 * The process has a small heap. No test knows what an operation counts: bodies and replies are far larger than the room that is left.
 */
import { once } from 'node:events';
import http from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Answer, Asking } from '../support/ask.ts';
import { aliased, answerWith, DELETE, R, times } from '../support/maintenance/requests.ts';
import { sendBytes } from '../support/raw-http.ts';
import { HEADERS } from '../support/replica.ts';
import { scrape, writeSample } from '../support/scrape.ts';
import { act, inTurn } from '../support/upstream.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { until } from '../support/wait.ts';

const start = useReplicas();
let replica: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  const NODE_OPTIONS = '--max-old-space-size=128 --max-semi-space-size=16';
  // One failure of the command API would refuse all further commands.
  const BREAKER = { BREAKER_FAILURES: '1', BREAKER_OPEN_MS: '60000' };
  replica = await start({ NODE_OPTIONS, MAX_ATTEMPTS: '1', MAX_REPLY_BYTES: '2000000', ...BREAKER });
});

const read = async (sample: string) => (await scrape(replica.url)).get(sample) ?? 0;
const heldBytes = () => read('maintenance_memory_held_bytes');
const refused = (stage: string) => read(writeSample('maintenance_memory_refused_total', { stage }));

const ask = (query: string, asking?: Asking) => replica.ask(query, asking);
const list = (residenceId: string, fields = 'id') => `maintenances(residenceId: "${residenceId}") { ${fields} }`;
/** A variable that no operation uses. */
const body = (size: number) => ({ variables: { unused: 'x'.repeat(size) } });
/** Of these, each fits alone, but dozens of bodies or ten replies do not fit together. */
const [LARGE_BODY, LARGE_TEXT] = [100_000, 'x'.repeat(1_000_000)];
const LARGE_RESULT = [{ maintenance_id: 'm', other: LARGE_TEXT }];
const reply = (result: unknown) => JSON.stringify({ success: true, result });

/** Sends a request byte for byte. */
async function send(line: string) {
  const head = Object.entries({ ...HEADERS, host: 'x', connection: 'close' }).map((pair) => pair.join(': '));
  const [answer] = await sendBytes(replica.url, ['POST /graphql HTTP/1.1', ...head, line, '', ''].join('\r\n'));
  const [error] = JSON.parse(answer?.body ?? '{}').errors;
  return [answer?.status, answer?.headers.get('retry-after'), error.extensions];
}

describe('while other operations leave no room', () => {
  let held: ReturnType<typeof replica.upstream.hold>;
  const asked: Promise<Answer>[] = [];

  beforeAll(async () => {
    held = replica.upstream.hold();
    const deletions = aliased(30, (index) => `deleteMaintenance(id: "r:m${index}") { deletedId }`);
    for (const query of [`{ ${list(R)} }`, DELETE, `mutation { ${deletions} }`]) {
      asked.push(ask(query));
      await until(() => held.length === asked.length);
    }
    // Smaller and smaller ones, until there is no room for another one, however small.
    for (const size of [LARGE_BODY, 10_000, 0]) {
      for (let isAnswered = false; !isAnswered; ) {
        const count = held.length;
        const answer = ask(`{ ${list(`r${count}`)} }`, body(size)).finally(() => {
          isAnswered = true;
        });
        asked.push(answer);
        await until(() => isAnswered || held.length > count);
      }
    }
  });

  afterAll(async () => {
    held.end();
    await Promise.all(asked);
  });

  it('a request is refused with 503 before its body is read', async () => {
    const refusal = [503, '1', { code: 'OVERLOADED', outcome: 'NOT_SENT' }];
    expect(await send(`content-length: ${LARGE_BODY}`)).toEqual(refusal);
    expect(await refused('request')).toBeGreaterThan(0);
  });

  it('a reply to a read is cut off, which opens no circuit breaker, and the reply to a write is never refused', async () => {
    held[0]?.release(reply(LARGE_RESULT));
    const errors = [{ path: ['maintenances'], extensions: { code: 'UPSTREAM_UNAVAILABLE' } }];
    expect(await asked[0]).toMatchObject({ status: 200, data: { maintenances: null }, errors });
    expect(await refused('reply')).toBeGreaterThan(0);
    held[1]?.release(reply({ text: LARGE_TEXT.slice(0, 130_000) }));
    expect((await asked[1])?.errors).toEqual([]);
  });

  it('a further command is not sent', async () => {
    answerWith(replica.upstream, {});
    const count = replica.upstream.received.length;
    held[2]?.release();
    const { errors } = (await asked[2]) as Answer;
    expect(errors.length).toBeGreaterThan(20);
    const extensions = { code: 'UPSTREAM_UNAVAILABLE', outcome: 'NOT_SENT' };
    expect(errors).toMatchObject(errors.map(() => ({ extensions })));
    expect(replica.upstream.received).toHaveLength(count + 29 - errors.length);
    // The result of a write is charged before its command.
    expect((await refused('command')) + (await refused('response'))).toBeGreaterThanOrEqual(errors.length);
  });
});

it('a failed attempt gives the bytes of its reply back', async () => {
  const NODE_OPTIONS = '--max-old-space-size=128 --max-semi-space-size=16';
  const { upstream, ask } = await start({ NODE_OPTIONS, MAX_ATTEMPTS: '9' });
  const most = (await read('maintenance_memory_limit_bytes')) / 2;
  const failed = { status: 503, body: 'x'.repeat(most / 5) };
  upstream.fail(inTurn(...Array(8).fill(failed), { body: reply(LARGE_RESULT) }));
  expect((await ask(`{ ${list(R)} }`)).errors).toEqual([]);
  expect(upstream.received).toHaveLength(9);
});

describe('everything is given back', () => {
  afterEach(async () => {
    replica.upstream.reset();
    await until(async () => (await heldBytes()) === 0);
  });

  it('an operation holds its response, here the schema 50 times, until it is answered', async () => {
    const held = replica.upstream.hold();
    const asked = ask(`{ ${list(R)} ${aliased(50, () => '_service { sdl }')} }`);
    await until(async () => (await heldBytes()) >= 600_000);
    held.end();
    expect((await asked).errors).toEqual([]);
  });

  it('a write holds its memory, the head of its request too, also when its caller has left, until it ends', async () => {
    const held = replica.upstream.hold();
    const caller = new AbortController();
    const headers = { ...HEADERS, filler: 'x'.repeat(9000) };
    const left = ask(DELETE, { headers, signal: caller.signal }).catch(() => {});
    await until(() => held.length === 1);
    caller.abort();
    await left;
    const labels = { http_request_method: 'POST', http_route: '/graphql', url_scheme: 'http' };
    // Without a status, because no response was sent.
    const closed = writeSample('http_server_request_duration_seconds_count', labels);
    await until(async () => (await read(closed)) === 1);
    expect([await read('http_server_active_requests'), (await heldBytes()) > 9000]).toEqual([1, true]);
    held.end();
    await until(async () => (await read('http_server_active_requests')) === 0);
  });

  it('a body in chunks counts as the largest one until it is there, and then as long as it is', async () => {
    const held = replica.upstream.hold();
    const headers = { ...HEADERS, 'transfer-encoding': 'chunked' };
    const request = http.request(`${replica.url}/graphql`, { method: 'POST', headers });
    const answered = once(request, 'response');
    request.write(JSON.stringify({ query: `{ ${list(R)} }` }).slice(0, -1));
    await until(async () => (await heldBytes()) > 256 * 1024 * 16);
    request.end('}');
    await until(() => held.length === 1);
    expect(await heldBytes()).toBeLessThan(100_000);
    held.end();
    const [response] = await answered;
    expect(response.statusCode).toBe(200);
    response.resume();
  });

  it('an operation that reads too much for itself leaves room for the replies to others', async () => {
    const held: (() => void)[] = [];
    replica.upstream.fail(({ param }, response) => {
      if (param.residence_id === '0') held.push(() => response.end(reply([])));
      else response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(reply(LARGE_RESULT)));
      return 'taken';
    });
    const many = ask(`{ ${aliased(99, (index) => list(`${index}`))} }`);
    await until(async () => (await refused('reply')) > 1 && (await read('maintenance_commands_in_flight')) === 1);
    expect((await ask(`{ ${list(R)} }`)).errors).toEqual([]);
    held[0]?.();
    const { data, errors } = await many;
    expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['UPSTREAM_UNAVAILABLE']));
    expect(Object.values(data).filter((one) => one !== null).length).toBeGreaterThan(1);
  });

  it('large replies on their way leave room for a small one', async () => {
    // Eight together leave almost nothing.
    const part = 'x'.repeat((await read('maintenance_memory_limit_bytes')) / 8.25);
    replica.upstream.fail(({ param }, response) => {
      if (param.residence_id === R)
        return { body: reply([{ maintenance_id: 'm', other: LARGE_TEXT.slice(0, 350_000) }]) };
      response.write(part);
      return 'taken';
    });
    const before = await refused('reply');
    const caller = new AbortController();
    const many = `{ ${aliased(32, (index) => list(`${index}`))} }`;
    const left = ask(many, { signal: caller.signal }).catch(() => {});
    await until(async () => (await refused('reply')) >= before + 32 - 8);
    expect((await ask(`{ ${list(R)} }`)).errors).toEqual([]);
    caller.abort();
    await left;
  });

  it.each([
    ['whose responses', 60, 'description', reply([{ maintenance_id: 'm', description: LARGE_TEXT.slice(0, 200_000) }])],
    ['whose replies in gzip', 20, 'id', reply(LARGE_RESULT)],
  ])('a crowd %s take far more than there is waits, and is served', async (_, count, fields, text) => {
    const bytes = gzipSync(text);
    replica.upstream.fail(act((response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bytes)));
    const answers = await Promise.all(times(count, (index) => ask(`{ ${list(`r${index}`, fields)} }`)));
    expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
  });
});
