/** Long operations leave the event loop to others. The order of answers is compared, and no time. */
import { Agent } from 'node:http';
import { expect, it } from '@jest/globals';
import { exampleTicket } from '../../dev/seed.ts';
import { request } from '../support/load.ts';
import { aliased, times } from '../support/requests.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { until } from '../support/wait.ts';

/** With as many aliases as a document may have, about the largest response that is accepted. */
const FIELDS = aliased(100, 'state');
const RESULT = times(2250, (index) => ({ ...exampleTicket(), maintenance_id: `m${index}` }));

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
