/**
 * The memory of all operations, in a process with a small heap. No test knows what an operation counts: bodies, replies and
 * batches are far larger than the room that is left. After each test, all memory is released.
 */
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { exampleTicket } from '../../dev/maintenance/seed.ts';
import type { Answer } from '../support/ask.ts';
import { aliased, answerWith, R, times } from '../support/maintenance/requests.ts';
import { request, sendBytes } from '../support/raw-http.ts';
import { HEADERS } from '../support/replica.ts';
import { scrape, writeSample } from '../support/scrape.ts';
import { act, type Held, type Upstream } from '../support/upstream.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { until } from '../support/wait.ts';

const ENV = {
  NODE_OPTIONS: '--max-old-space-size=128 --max-semi-space-size=16',
  MAX_ATTEMPTS: '1',
  // One failure of the command API would refuse all further commands.
  ...{ BREAKER_FAILURES: '1', BREAKER_OPEN_MS: '60000' },
};
/** Characters of bodies. Each fits alone, and a hundred of the first do not fit together. */
const BODIES = [100_000, 10_000, 0];
const [LARGE = 0] = BODIES;
/** An allowed body, but larger than what one operation may hold in so small a heap. */
const NEVER = 1_000_000;
/** A text of a reply. Fits alone. */
const LARGE_TEXT = 'x'.repeat(1_000_000);
const CHUNKED = 'transfer-encoding: chunked';
const END = '0\r\n\r\n';
const DELETE = 'mutation { deleteMaintenance(id: "r:m") { deletedId } }';

const start = useReplicas();
let replica: Awaited<ReturnType<typeof start>>;
let upstream: Upstream;
beforeAll(async () => {
  replica = await start(ENV);
  upstream = replica.upstream;
});
afterEach(async () => {
  upstream.reset();
  await until(async () => (await read('maintenance_memory_held_bytes')) === 0);
});

const read = async (metric: string, labels?: Record<string, string>) =>
  (await scrape(replica.url)).get(writeSample(metric, labels)) ?? 0;
const refusals = (stage: string) => read('maintenance_memory_refused_total', { stage });

/** Sends an operation with an unused variable of `size` characters. */
function ask(query: string, size = 0, signal?: AbortSignal): Promise<Answer> {
  const variables = { unused: 'x'.repeat(size) };
  return replica.ask(query, { variables, ...(signal && { signal }) });
}

const list = (residenceId: string, size?: number, fields = '{ id }') =>
  ask(`{ maintenances(residenceId: "${residenceId}") ${fields} }`, size);

/** Sends the head of a request, which ends with these lines, and `body` if there is one. */
async function send(lines: string, body = '') {
  const head = Object.entries({ ...HEADERS, host: 'x', connection: 'close' }).map((pair) => pair.join(': '));
  const bytes = ['POST /graphql HTTP/1.1', ...head, lines, '', body].join('\r\n');
  const [answer] = await sendBytes(replica.url, bytes);
  const { errors } = JSON.parse(answer?.body ?? '{}');
  return [answer?.status, answer?.headers.get('retry-after'), errors];
}

/**
 * Sends reads that are held, until there is no room for another one, however small. The returned function ends them: the last
 * of them may lack the room for their reply.
 */
async function fill(held: Held[] & { end(): void }) {
  const asked: Promise<Answer>[] = [];
  for (const size of BODIES) {
    for (let isAnswered = false; !isAnswered; ) {
      const before = held.length;
      const answer = list(`other${asked.length}`, size).finally(() => {
        isAnswered = true;
      });
      await until(() => isAnswered || held.length > before);
      if (!isAnswered) asked.push(answer);
    }
  }
  expect(asked.length).toBeGreaterThan(2);
  return async () => {
    held.end();
    await Promise.all(asked);
  };
}

/** Sends an operation whose command is held, and leaves no room. */
async function askAndFill(query: string) {
  const held = upstream.hold();
  const asked = ask(query);
  await until(() => held.length === 1);
  const end = await fill(held);
  const [{ release } = { release: () => {} }] = held;
  return { asked, release, end };
}

describe('while other operations leave no room', () => {
  it('a request is refused with 503 before its body is read, and is served later', async () => {
    const end = await fill(upstream.hold());
    const errors = [{ message: expect.any(String), extensions: { code: 'OVERLOADED', outcome: 'NOT_SENT' } }];
    expect(await send(`content-length: ${LARGE}`)).toEqual([503, '1', errors]);
    // Until it is read, a chunked body counts as the longest one.
    expect(await send(CHUNKED, END)).toEqual([503, '1', errors]);
    expect(await refusals('request')).toBeGreaterThan(1);
    await end();
    expect((await list(R, LARGE)).errors).toEqual([]);
  });

  it('a command is not sent', async () => {
    const tickets = times(99, (index) => ({ ...exampleTicket(), maintenance_id: `m${index}` }));
    upstream.store.residences.set('r', tickets);
    const deletions = aliased(99, (index) => `deleteMaintenance(id: "r:m${index}") { deletedId }`);
    const { asked, release, end } = await askAndFill(
      `mutation { deleteMaintenance(id: "first:m") { deletedId } ${deletions} }`,
    );
    upstream.fail(undefined);
    release();
    const { errors } = await asked;
    expect(errors.length).toBeGreaterThan(50);
    const extensions = { code: 'UPSTREAM_UNAVAILABLE', outcome: 'NOT_SENT' };
    expect(errors).toMatchObject(errors.map(() => ({ extensions })));
    const sent = upstream.commands().filter((command) => command.startsWith('delete_maintenance_info r '));
    expect(sent).toHaveLength(99 - errors.length);
    // The result of a write is charged before its command.
    const counted = (await refusals('command')) + (await refusals('response'));
    expect(counted).toBeGreaterThanOrEqual(errors.length);
    await end();
  });

  it('a reply is a typed error, and opens no breaker', async () => {
    const { asked, release, end } = await askAndFill('{ maintenances(residenceId: "r") { id } }');
    const result = [{ maintenance_id: 'm', description: LARGE_TEXT }];
    release(JSON.stringify({ success: true, result }));
    const errors = [{ path: ['maintenances'], extensions: { code: 'UPSTREAM_UNAVAILABLE' } }];
    expect(await asked).toMatchObject({ status: 200, data: { maintenances: null }, errors });
    expect(await refusals('reply')).toBeGreaterThan(0);
    await end();
    answerWith(upstream, result);
    expect((await list('r')).errors).toEqual([]);
  });

  it('the reply to a write is never refused', async () => {
    const { asked, release, end } = await askAndFill(DELETE);
    release(JSON.stringify({ success: true, result: { text: LARGE_TEXT.slice(0, 130_000) } }));
    expect(await asked).toMatchObject({ data: { deleteMaintenance: { deletedId: 'r:m' } }, errors: [] });
    await end();
  });
});

it('an operation that reads many large replies, even in gzip, leaves room for the replies to others, and asks for no more', async () => {
  const held = upstream.hold();
  const many = ask(`{ ${aliased(99, (index) => `maintenances(residenceId: "${index}") { id }`)} }`);
  await until(() => held.length === 32);
  // A member that no response has.
  const result = [{ maintenance_id: 'm', other: LARGE_TEXT }];
  const answer = ({ release }: Held) => release(JSON.stringify({ success: true, result }), 'gzip');
  for (const one of held.slice(1)) answer(one);
  // A reply that finds room makes place for a further command.
  await until(async () => {
    for (const one of held.slice(32)) answer(one);
    return (await read('maintenance_commands_in_flight')) === 1;
  });
  const sent = held.length;
  answerWith(upstream, result);
  expect((await list('r')).errors).toEqual([]);
  held[0]?.release();
  const { data, errors } = await many;
  expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['UPSTREAM_UNAVAILABLE']));
  expect([held.length, sent < 50]).toEqual([sent, true]);
  expect(Object.values(data).filter((one) => one !== null).length).toBeGreaterThan(1);
});

it('large replies on their way leave room for a small one', async () => {
  // Eight together leave almost nothing.
  const part = 'x'.repeat((await read('maintenance_memory_limit_bytes')) / 8.25);
  const result = [{ maintenance_id: 'm', other: LARGE_TEXT.slice(0, 350_000) }];
  upstream.fail(({ param }, response) => {
    if (param.residence_id === R) return { body: { success: true, result } };
    response.write(part);
    return 'taken';
  });
  const before = await refusals('reply');
  const caller = new AbortController();
  const lists = aliased(32, (index) => `maintenances(residenceId: "${index}") { id }`);
  const left = ask(`{ ${lists} }`, 0, caller.signal).catch(() => {});
  await until(async () => (await refusals('reply')) >= before + 32 - 8);
  expect((await list(R)).errors).toEqual([]);
  caller.abort();
  await left;
});

it('a crowd whose responses take far more than there is waits, and is served', async () => {
  answerWith(upstream, [{ maintenance_id: 'm', description: LARGE_TEXT.slice(0, 200_000) }]);
  const answers = await Promise.all(times(60, () => list('r', 0, '{ description }')));
  expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
});

it('the head of a request takes memory beside its body', async () => {
  const held = upstream.hold();
  const measure = async (filler: string) => {
    const before = [held.length, await read('maintenance_memory_held_bytes')] as const;
    const asked = replica.ask(`{ maintenances(residenceId: "${filler.length}") { id } }`, {
      headers: { ...HEADERS, filler },
    });
    await until(() => held.length > before[0]);
    return { asked, bytes: (await read('maintenance_memory_held_bytes')) - before[1] };
  };
  const [small, large] = [await measure('x'.repeat(1000)), await measure('x'.repeat(9000))];
  expect(large.bytes - small.bytes).toBeGreaterThanOrEqual(8000);
  held.end();
  await Promise.all([small.asked, large.asked]);
});

it('a crowd whose replies come in gzip, far larger than there is room, is served', async () => {
  const result = times(2500, (index) => ({ ...exampleTicket(), maintenance_id: `m${index}` }));
  const body = gzipSync(JSON.stringify({ success: true, result }));
  upstream.fail(act((response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(body)));
  const answers = await Promise.all(times(40, (index) => list(`r${index}`)));
  expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
});

it('a write keeps its memory when its caller leaves, until it ends', async () => {
  const held = upstream.hold();
  const caller = new AbortController();
  const left = ask(DELETE, LARGE, caller.signal).catch(() => {});
  await until(() => held.length === 1);
  caller.abort();
  await left;
  await until(async () => (await read('http_server_active_requests')) === 0);
  expect(await read('maintenance_memory_held_bytes')).toBeGreaterThan(0);
  held.end();
});

it('a response that is queued behind another one of its connection gives everything back when that closes', async () => {
  upstream.hold();
  const { hostname, port } = new URL(replica.url);
  const head = ['POST /graphql HTTP/1.1', ...Object.entries({ ...HEADERS, host: 'x' }).map((pair) => pair.join(': '))];
  const queries = [`{ maintenances(residenceId: "${R}") { id } }`, '{ __typename }'];
  const answered = { graphql_operation_type: 'query', code: 'OK' };
  const before = await read('maintenance_operations_total', answered);
  const socket = connect(Number(port), hostname);
  socket.write(Buffer.concat(queries.map((query) => request(head, JSON.stringify({ query })))));
  // The second one has its answer, which waits for that of the first.
  await until(async () => (await read('maintenance_operations_total', answered)) > before);
  expect(await read('http_server_active_requests')).toBe(2);
  socket.destroy();
  for (const gauge of [
    'http_server_active_requests',
    'maintenance_commands_in_flight',
    'maintenance_memory_held_bytes',
  ])
    await until(async () => (await read(gauge)) === 0);
});

it('the SDL counts as often as it is selected', async () => {
  const { data } = await ask('{ _service { sdl } }');
  const held = upstream.hold();
  const list = `maintenances(residenceId: "${R}") { id }`;
  const many = ask(`{ ${list} ${aliased(50, () => '_service { sdl }')} }`);
  await until(() => held.length === 1);
  const bytes = 50 * data._service.sdl.length;
  await until(async () => (await read('maintenance_memory_held_bytes')) > bytes);
  held.end();
  expect((await many).errors).toEqual([]);
});

it('a body that never fits is refused with 413: before it is read, or once it is read if it is chunked', async () => {
  const errors = [{ message: expect.any(String), extensions: { code: 'BAD_REQUEST', outcome: 'NOT_SENT' } }];
  expect(await send(`content-length: ${NEVER}`)).toEqual([413, null, errors]);
  const chunks = `${NEVER.toString(16)}\r\n${'x'.repeat(NEVER)}\r\n${END}`;
  expect(await send(CHUNKED, chunks)).toEqual([413, null, errors]);
});
