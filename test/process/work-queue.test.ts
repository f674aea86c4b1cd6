/**
 * Work waits in one queue: executing a request, and decoding the reply to a read with the part of the response that it makes.
 * JavaScript cannot interrupt work, so after about 10 ms of it the process accepts connections and reads sockets, for about as long as
 * the work took. An operation stops waiting at its deadline, or when its caller has left.
 *
 * The subgraph runs in the process of the tests. The tests compare the order of answers and log lines, and no time.
 */
import { expect, it } from '@jest/globals';
import { aliased, answerWith, DELETE, M, R, times } from '../support/maintenance/requests.ts';
import { untilMetric } from '../support/scrape.ts';
import { type Subgraph, startSubgraph, useMany } from '../support/use-subgraph.ts';
import { blockEventLoop, settle, until } from '../support/wait.ts';

const start = useMany(startSubgraph);

/** With as many aliases as a document may have, a sixth of the largest response. */
const LONG = `{ maintenances(residenceId: "long") { ${aliased(100, 'state')} } }`;
const RESULT = times(500, (index) => ({ maintenance_id: `m${index}`, state: 'closed' }));

/** Asks for long responses, and then for `last`, which all wait for the command API. Then lets it answer. */
async function askLong({ upstream, url, ask }: Subgraph, count: number, last: string[] = []) {
  const held = upstream.hold();
  const asked = times(count, () => ask(LONG));
  await untilMetric(url, 'http_server_active_requests', count);
  for (const query of last) asked.push(ask(query));
  await untilMetric(url, 'http_server_active_requests', count + last.length);
  // The queue is first in, first out: after it, all others are executed.
  await ask('{ __typename }');
  answerWith(upstream, RESULT);
  for (const [index, { release }] of held.entries())
    release(JSON.stringify({ success: true, result: index < count ? RESULT : {} }));
  return asked;
}

/** Returns how many of the long responses were made. */
const countMade = ({ logs }: Subgraph) => logs().filter(({ operationType }) => operationType === 'query').length - 1;

it('between long responses, new connections are accepted', async () => {
  const subgraph = await start();
  const asked = await askLong(subgraph, 4);
  const seen = new Set<number>();
  while (countMade(subgraph) < asked.length) {
    await settle(subgraph.url);
    seen.add(countMade(subgraph));
  }
  expect([...seen]).toEqual(expect.arrayContaining([1, 2, 3]));
  for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
});

it('a reply that is not decoded before the deadline is a typed error', async () => {
  const subgraph = await start({ ATTEMPT_TIMEOUT_MS: '3900', OPERATION_TIMEOUT_MS: '4000' });
  const asked = await askLong(subgraph, 8);
  await until(() => countMade(subgraph) > 0);
  // The others wait in the queue, and the event loop is held up past their deadlines.
  blockEventLoop(4000);
  const late = (await Promise.all(asked)).filter(({ errors }) => errors.length > 0);
  expect(late.length).toBeGreaterThan(0);
  for (const { status, data, errors } of late) {
    expect([status, data]).toEqual([200, { maintenances: null }]);
    const extensions = { code: 'UPSTREAM_TIMEOUT', command: 'get_maintenance_list' };
    expect(errors).toMatchObject([{ message: 'The operation has no time left.', path: ['maintenances'], extensions }]);
  }
  expect((await subgraph.ask('{ __typename }')).errors).toEqual([]);
});

it('the reply to a write that is not decoded before the deadline still tells its outcome', async () => {
  const subgraph = await start({ ATTEMPT_TIMEOUT_MS: '3900', OPERATION_TIMEOUT_MS: '4000' });
  const asked = await askLong(subgraph, 8, [DELETE]);
  await until(() => countMade(subgraph) > 0);
  // The write began last, so that its reply waits behind the others.
  blockEventLoop(4000);
  const deleted = { deleteMaintenance: { deletedId: `${R}:${M}` } };
  expect(await asked.at(-1)).toMatchObject({ data: deleted, errors: [] });
  expect((await Promise.all(asked)).some(({ errors }) => errors.length > 0)).toBe(true);
});

it('a request that is not executed before the deadline is refused with 503, and may be sent again', async () => {
  const { ask } = await start({ ATTEMPT_TIMEOUT_MS: '1', OPERATION_TIMEOUT_MS: '2' });
  const answers = await Promise.all(times(10, () => ask(`{ ${'__typename '.repeat(700)} } ${'#'.repeat(200_000)}`)));
  const refused = answers.filter(({ status }) => status !== 200);
  expect(refused.length).toBeGreaterThan(0);
  for (const { status, headers, errors } of refused) {
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    expect(errors).toMatchObject([{ extensions: { code: 'OVERLOADED', outcome: 'NOT_SENT' } }]);
  }
});
