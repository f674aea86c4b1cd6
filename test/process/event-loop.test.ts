/** Long operations leave the event loop to others. The order of answers and log lines is compared, and no time. */
import { Agent } from 'node:http';
import { expect, it } from '@jest/globals';
import { stopClock } from '../support/clock.ts';
import { request } from '../support/load.ts';
import { aliased, DELETE, times } from '../support/maintenance/requests.ts';
import { HEADERS } from '../support/replica.ts';
import { scrape, untilMetric } from '../support/scrape.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { type Subgraph, startSubgraph, useMany } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';

/** With as many aliases as a document may have, about the largest response that is accepted. */
const FIELDS = aliased(100, 'state');
const RESULT = times(1500, (index) => ({ maintenance_id: `m${index}`, state: 'closed' }));

const LONG = `{ maintenances(residenceId: "long") { ${FIELDS} } }`;

/** Two lists, of which the second waits for the event loop, and a list whose command is held. */
const waiting = (index: number) =>
  `{ ${aliased(2, `maintenances(residenceId: "left${index}") { ${aliased(4, 'state')} }`)} maintenances(residenceId: "held${index}") { id } }`;

/** Waits for the event loop before its commands. */
const REFERENCES = {
  query: 'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Residence { maintenances { id } } } }',
  variables: { r: times(1000, (index) => ({ __typename: 'Residence', id: `${index}` })) },
};

const start = useReplicas();
const startHere = useMany(startSubgraph);

/** Asks for long responses, all of which wait for their reply until the command API answers. */
async function askLong({ upstream, url, ask }: Pick<Subgraph, 'upstream' | 'url' | 'ask'>, count: number, others = 0) {
  const held = upstream.hold();
  const sending = { headers: HEADERS, body: JSON.stringify({ query: LONG }), kept: 1000 };
  const asked = times(count, () => request(false, `${url}/graphql`, sending));
  await untilMetric(url, 'http_server_active_requests', count + others);
  // It started last: after it, all others wait for their reply.
  await ask('{ __typename }');
  upstream.fail(undefined);
  for (const { release } of held) release(JSON.stringify({ success: true, result: RESULT }));
  return asked;
}

it('answers health checks between operations with the most work, which share one reply', async () => {
  const started = await start();
  const asked = await askLong(started, 16);

  // Each logs its line when its response is made.
  const countEnded = () => started.output().split('"operationType":"query"').length - 2;
  const between = new Set<number>();
  while (countEnded() < asked.length) {
    const { status } = await request(new Agent({ keepAlive: false }), `${started.url}/health/live`);
    expect(status).toBe(200);
    between.add(countEnded());
  }
  between.delete(0);
  between.delete(asked.length);
  expect(between.size).toBeGreaterThanOrEqual(1);
  for (const { status } of await Promise.all(asked)) expect(status).toBe(200);
});

it('the reply to a write goes before the responses to operations that began later', async () => {
  const started = await start();
  const { ask, upstream, output } = started;
  const writes = upstream.hold();
  // A large body asks for so much of the event loop that replies to its reads would go later.
  const written = ask(DELETE, { variables: { unused: 'x'.repeat(900_000) } });
  await until(() => writes.length === 1);
  const asked = await askLong(started, 16, 1);
  await until(() => output().split('"operationType":"query"').length > 2);
  writes[0]?.release();
  expect((await written).errors).toEqual([]);
  for (const { status } of await Promise.all(asked)) expect(status).toBe(200);
  const types = [...output().matchAll(/"operationType":"(\w+)"/g)].map(([, type]) => type);
  expect(types.at(-1)).toBe('query');
});

it('callers that leave while their operations wait harm no one, and nothing of these is left', async () => {
  const { upstream, url, ask, stop } = await start();
  const held = upstream.hold();
  const asked = times(3, (index) => ask(`{ maintenances(residenceId: "long${index}") { ${FIELDS} } }`));
  const callers = times(20, () => new AbortController());
  const left = callers.map(({ signal }, index) => {
    const body = JSON.stringify({ query: waiting(index) });
    return request(false, `${url}/graphql`, { headers: HEADERS, body, signal }).catch(() => 'left');
  });
  await until(() => held.length === asked.length + 2 * callers.length);
  const isHeld = upstream.received.map(({ param }) => String(param.residence_id).startsWith('held'));
  for (const [index, { release }] of held.entries())
    if (!isHeld[index]) release(JSON.stringify({ success: true, result: RESULT }));
  // Each leaves in another round, and so does a caller of references, which wait for the event loop, for slots and for replies.
  upstream.hold();
  for (const caller of callers) {
    const referring = new AbortController();
    const asking = { ...REFERENCES, signal: referring.signal };
    left.push(ask(REFERENCES.query, asking).catch(() => 'left') as Promise<'left'>);
    await fetch(`${url}/health/live`);
    caller.abort();
    setTimeout(() => referring.abort(), 10 * callers.indexOf(caller));
  }
  expect(new Set(await Promise.all(left))).toEqual(new Set(['left']));
  for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
  await untilMetric(url, 'http_server_active_requests', 0);
  for (const gauge of ['commands_queued', 'commands_in_flight', 'memory_held_bytes'])
    await untilMetric(url, `maintenance_${gauge}`, 0);
  const sent = upstream.received.length;
  await ask('{ __typename }');
  expect(upstream.received).toHaveLength(sent);
  expect(await stop()).toBe(0);
});

/** Counts as 6 ms. */
const LARGE = JSON.stringify({ success: true, result: [{ maintenance_id: 'm', description: 'x'.repeat(60_000) }] });

it.each(['later', 'shared'])(
  'an operation with many large replies does not hold up a read of a %s list',
  async (residenceId) => {
    // All begin at the same moment, however busy the machine is. What counts is what they have taken.
    stopClock();
    const { upstream, url, ask } = await startHere();
    const held = upstream.hold();
    const lists = aliased(31, (index) => `maintenances(residenceId: "${index || 'shared'}") { id }`);
    const long = ask(`{ ${lists} }`);
    await until(() => held.length === 31);
    const begun = ask(`{ maintenances(residenceId: "${residenceId}") { id } }`);
    await settle(url);
    upstream.fail(undefined);
    const isLarge = upstream.received.map(({ param }) => /\d/.test(String(param.residence_id)));
    for (const [index, { release }] of held.entries()) if (isLarge[index]) release(LARGE);
    for (const { release } of held) release();
    expect((await begun).errors).toEqual([]);
    expect((await scrape(url)).get('maintenance_commands_in_flight')).toBeGreaterThan(0);
    expect((await long).errors).toEqual([]);
  },
);

it('a response that gets no turn before the deadline is a typed error', async () => {
  // All share one reply.
  stopClock();
  const started = await startHere({ ATTEMPT_TIMEOUT_MS: '3900', OPERATION_TIMEOUT_MS: '4000' });
  const asked = await askLong(started, 20);
  await Promise.race(asked);
  // The others wait for their turn, and the event loop is held up past their deadlines.
  for (const begun = Date.now(); Date.now() < begun + 4000; );
  const message = 'The operation has no time left.';
  const errors = [{ message, path: ['maintenances'], extensions: { code: 'UPSTREAM_TIMEOUT' } }];
  const late = (await Promise.all(asked)).flatMap(({ text }) => (text.includes(message) ? JSON.parse(text) : []));
  expect(late.length).toBeGreaterThan(0);
  expect(late).toEqual(late.map(() => ({ errors, data: { maintenances: null } })));
  expect((await started.ask('{ __typename }')).errors).toEqual([]);
});

it('a request that gets no turn before the deadline is refused with 503', async () => {
  const { url } = await start({ ATTEMPT_TIMEOUT_MS: '1', OPERATION_TIMEOUT_MS: '2' });
  const body = JSON.stringify({ query: `{ ${'__typename '.repeat(700)} } ${'#'.repeat(900_000)}` });
  const send = () => request(false, `${url}/graphql`, { headers: HEADERS, body });
  const answers = await Promise.all(times(10, send));
  const refused = answers.filter(({ status }) => status !== 200);
  expect(refused.length).toBeGreaterThan(0);
  for (const { status, headers, text } of refused) {
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect(JSON.parse(text).errors[0].extensions).toEqual({ code: 'OVERLOADED', outcome: 'NOT_SENT' });
  }
});
