/** Long operations leave the event loop to others. The order of answers is compared, and no time. */
import { Agent } from 'node:http';
import { expect, it } from '@jest/globals';
import { exampleTicket } from '../../dev/seed.ts';
import { request } from '../support/load.ts';
import { HEADERS } from '../support/replica.ts';
import { aliased, times } from '../support/requests.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { until } from '../support/wait.ts';

/** With as many aliases as a document may have, about the largest response that is accepted. */
const FIELDS = aliased(100, 'state');
const RESULT = times(2250, (index) => ({ ...exampleTicket(), maintenance_id: `m${index}` }));

/** Two lists, of which the second waits for the event loop, and a list whose command is held. */
const waiting = (index: number) =>
  `{ ${aliased(2, `maintenances(residenceId: "left${index}") { ${aliased(4, 'state')} }`)} maintenances(residenceId: "held${index}") { id } }`;

const start = useReplicas();

it('answers health checks and small operations before any of three operations with the most work ends', async () => {
  const { upstream, url, ask } = await start();
  const held = upstream.hold();
  let hasEnded = false;
  const asked = times(3, async (index) => {
    const answer = await ask(`{ maintenances(residenceId: "long${index}") { ${FIELDS} } }`);
    hasEnded = true;
    return answer;
  });
  await until(() => held.length === asked.length);
  upstream.fail(undefined);
  for (const { release } of held) release(JSON.stringify({ success: true, result: RESULT }));

  const checkHealth = () => request(new Agent({ keepAlive: false }), `${url}/health/live`);
  const answered: unknown[] = [];
  while (!hasEnded) {
    const [{ errors }, { status }] = await Promise.all([ask('{ __typename }'), checkHealth()]);
    if (!hasEnded) answered.push([errors, status]);
  }
  // One round can be over before the first reply has arrived.
  expect(answered.length).toBeGreaterThanOrEqual(3);
  expect(answered).toEqual(answered.map(() => [[], 200]));
  const served = { errors: [], data: { maintenances: { length: RESULT.length } } };
  expect(await Promise.all(asked)).toMatchObject([served, served, served]);
});

it('callers that leave while their responses wait harm no one', async () => {
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
  // Each leaves in another round.
  for (const caller of callers) {
    await fetch(`${url}/health/live`);
    caller.abort();
  }
  expect(new Set(await Promise.all(left))).toEqual(new Set(['left']));
  for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
  expect(await stop()).toBe(0);
});
