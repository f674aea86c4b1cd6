/**
 * Long work takes turns. Work that has begun cannot be interrupted, so a turn begins about 10 ms of it, and then the process accepts
 * connections and reads sockets, for about as long as the turn took. Four kinds of work wait in one queue: to execute a request, to
 * decode a reply, to call many reference resolvers, to make a large response. The operation that began first goes first. One that
 * has taken its share lets the replies to reads of later operations pass, but the reply to a write keeps its place. Nobody waits beyond
 * the deadline, or after the caller has left.
 *
 * The subgraph runs in the process of the tests. What is compared is the order of answers and log lines, and no time.
 */
import { expect, it } from '@jest/globals';
import { stopClock } from '../support/clock.ts';
import { aliased, answerWith, DELETE, times } from '../support/maintenance/requests.ts';
import { scrape, untilMetric } from '../support/scrape.ts';
import { type Subgraph, startSubgraph, useMany } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';

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

/** The types of the operations that were answered, in order, after the one that `askLong` sends. */
const answered = ({ logs }: Subgraph) =>
  logs()
    .flatMap(({ operationType }) => (operationType ? [operationType] : []))
    .slice(1);

it('between long responses, new connections are accepted and health checks are answered', async () => {
  const subgraph = await start();
  const asked = await askLong(subgraph, 4);
  const seen = new Set<number>();
  while (answered(subgraph).length < asked.length) {
    await settle(subgraph.url);
    seen.add(answered(subgraph).length);
  }
  expect([...seen]).toEqual(expect.arrayContaining([1, 2, 3]));
  for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
});

it('the reply to a write goes before the responses to operations that began later', async () => {
  const subgraph = await start();
  const writes = subgraph.upstream.hold();
  // Its large body has taken so much of its share that replies to its reads would go later.
  const written = subgraph.ask(DELETE, { variables: { unused: 'x'.repeat(900_000) } });
  await until(() => writes.length === 1);
  const asked = await askLong(subgraph, 4, 1);
  await until(() => answered(subgraph).length > 0);
  writes[0]?.release();
  expect((await written).errors).toEqual([]);
  for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
  expect(answered(subgraph)).toHaveLength(5);
  expect(answered(subgraph).at(-1)).toBe('query');
});

it.each([
  ['that began later', 'later'],
  ['that waits for one of these replies too', 'shared'],
])('an operation that reads many large replies does not hold up an operation %s', async (_, residenceId) => {
  // All begin at the same moment, however busy the machine is. What counts is what they have taken.
  stopClock();
  const { upstream, url, ask } = await start();
  const held = upstream.hold();
  const long = ask(`{ ${aliased(31, (index) => `maintenances(residenceId: "${index || 'shared'}") { id }`)} }`);
  await until(() => held.length === 31);
  const begun = ask(`{ maintenances(residenceId: "${residenceId}") { id } }`);
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
  await until(() => answered(subgraph).length > 0);
  // The others wait for their turn, and the event loop is held up past their deadlines.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4000);
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

it('callers that leave while their operations wait hold up no one, and nothing of them is left', async () => {
  const { upstream, url, ask, askAndDisconnect } = await start();
  const held = upstream.hold();
  const asked = times(3, (index) => ask(`{ maintenances(residenceId: "long${index}") { ${aliased(100, 'state')} } }`));
  // Of its lists, the second one waits for a turn, and the third one for the command API.
  const lists = (index: number) =>
    `${aliased(2, `maintenances(residenceId: "left${index}") { ${aliased(4, 'state')} }`)} h: maintenances(residenceId: "held${index}") { id }`;
  const leave = times(20, (index) => askAndDisconnect(`{ ${lists(index)} }`));
  await until(() => held.length === asked.length + 2 * leave.length);
  const isHeld = upstream.received.map(({ param }) => String(param.residence_id).startsWith('held'));
  for (const [index, { release }] of held.entries())
    if (!isHeld[index]) release(JSON.stringify({ success: true, result: RESULT }));
  // Each leaves in another round, and so do callers of references, which wait for a turn, for slots and for replies.
  upstream.hold();
  const references = times(1000, (index) => `{ __typename: "Residence", id: "${index}" }`);
  const query = `{ _entities(representations: [${references}]) { ... on Residence { maintenances { id } } } }`;
  for (const leaveLists of leave) {
    const leaveReferences = askAndDisconnect(query);
    await settle(url);
    await leaveLists();
    await leaveReferences();
  }
  for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
  await untilMetric(url, 'http_server_active_requests', 0);
  for (const gauge of ['commands_queued', 'commands_in_flight', 'memory_held_bytes'])
    await untilMetric(url, `maintenance_${gauge}`, 0);
  const sent = upstream.received.length;
  await ask('{ __typename }');
  expect(upstream.received).toHaveLength(sent);
});
