/**
 * Long work takes turns. JavaScript cannot interrupt work, so a turn begins about 10 ms of it. Then the process accepts connections and
 * reads sockets, for about as long as the turn took. Four kinds of work wait in one queue: executing a request, decoding a reply,
 * calling many reference resolvers, and making a large response. The operation that began first goes first. When an operation has
 * taken more than its share, replies to reads of later operations go before its replies to reads, but a reply to a write keeps its
 * place. An operation stops waiting at its deadline, or when its caller has left.
 *
 * The subgraph runs in the process of the tests. The tests compare the order of answers and log lines, and no time.
 */
import { expect, it } from '@jest/globals';
import { stopClock } from '../support/clock.ts';
import { aliased, answerWith, DELETE, times } from '../support/maintenance/requests.ts';
import { scrape, untilMetric } from '../support/scrape.ts';
import { type Subgraph, startSubgraph, useMany } from '../support/use-subgraph.ts';
import { blockEventLoop, settle, until } from '../support/wait.ts';

const start = useMany(startSubgraph);

/** With as many aliases as a document may have, a sixth of the largest response. */
const LONG = `{ maintenances(residenceId: "long") { ${aliased(100, 'state')} } }`;
const RESULT = times(500, (index) => ({ maintenance_id: `m${index}`, state: 'closed' }));

/** Asks for long responses, which all wait for the command API, and then lets it answer. */
async function askLong({ upstream, url, ask }: Subgraph, count: number, others = 0) {
  const held = upstream.hold();
  const asked = times(count, () => ask(LONG));
  await untilMetric(url, 'http_server_active_requests', count + others);
  // It began last: after it, all others have had the turn of their request.
  await ask('{ __typename }');
  answerWith(upstream, RESULT);
  for (const { release } of held) release(JSON.stringify({ success: true, result: RESULT }));
  return asked;
}

/** Returns how many of the long responses were made. */
const countMade = ({ logs }: Subgraph) => logs().filter(({ operationType }) => operationType === 'query').length - 1;

it('between long responses, new connections are accepted, and the reply to a write that began before goes first', async () => {
  const subgraph = await start();
  const writes = subgraph.upstream.hold();
  // The large body takes more than the share of this operation, so that replies to its reads would go later.
  const written = subgraph.ask(DELETE, { variables: { unused: 'x'.repeat(900_000) } });
  await until(() => writes.length === 1);
  const asked = await askLong(subgraph, 4, 1);
  const seen = new Set<number>();
  while (countMade(subgraph) < asked.length) {
    await settle(subgraph.url);
    seen.add(countMade(subgraph));
    if (seen.has(1)) writes[0]?.release();
  }
  expect([...seen]).toEqual(expect.arrayContaining([1, 2, 3]));
  for (const { errors } of await Promise.all([written, ...asked])) expect(errors).toEqual([]);
  expect(subgraph.logs().at(-1)).toHaveProperty('operationType', 'query');
});

it('many large replies to one operation do not hold up a later operation, even if that waits for one of them', async () => {
  // All begin at the same moment, however busy the machine is. Only their work decides.
  stopClock();
  const { upstream, url, ask } = await start();
  const held = upstream.hold();
  const long = ask(`{ ${aliased(31, (index) => `maintenances(residenceId: "${index || 'shared'}") { id }`)} }`);
  await until(() => held.length === 31);
  const begun = ask(`{ maintenances(residenceId: "shared") { id } }`);
  await settle(url);
  upstream.fail(undefined);
  const isLarge = upstream.received.map(({ param }) => /\d/.test(String(param.residence_id)));
  const large = JSON.stringify({ success: true, result: [{ maintenance_id: 'm', description: 'x'.repeat(60_000) }] });
  for (const [index, { release }] of held.entries()) if (isLarge[index]) release(large);
  for (const { release } of held) release();
  expect((await begun).errors).toEqual([]);
  expect((await scrape(url)).get('maintenance_commands_in_flight')).toBeGreaterThan(0);
  expect((await long).errors).toEqual([]);
});

it('a response that gets no turn before the deadline is a typed error', async () => {
  // All share one reply, however busy the machine is.
  stopClock();
  const subgraph = await start({ ATTEMPT_TIMEOUT_MS: '3900', OPERATION_TIMEOUT_MS: '4000' });
  const asked = await askLong(subgraph, 8);
  await until(() => countMade(subgraph) > 0);
  // The others wait for their turn, and the event loop is held up past their deadlines.
  blockEventLoop(4000);
  const late = (await Promise.all(asked)).filter(({ errors }) => errors.length > 0);
  expect(late.length).toBeGreaterThan(0);
  for (const { status, data, errors } of late) {
    expect([status, data]).toEqual([200, { maintenances: null }]);
    const extensions = { code: 'UPSTREAM_TIMEOUT' };
    expect(errors).toEqual([{ message: 'The operation has no time left.', path: ['maintenances'], extensions }]);
  }
  expect((await subgraph.ask('{ __typename }')).errors).toEqual([]);
});

it('a request that gets no turn before the deadline is refused with 503, and may be sent again', async () => {
  const { ask } = await start({ ATTEMPT_TIMEOUT_MS: '1', OPERATION_TIMEOUT_MS: '2' });
  const answers = await Promise.all(times(10, () => ask(`{ ${'__typename '.repeat(700)} } ${'#'.repeat(900_000)}`)));
  const refused = answers.filter(({ status }) => status !== 200);
  expect(refused.length).toBeGreaterThan(0);
  for (const { status, headers, errors } of refused) {
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    expect(errors).toMatchObject([{ extensions: { code: 'OVERLOADED', outcome: 'NOT_SENT' } }]);
  }
});
