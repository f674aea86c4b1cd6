/** Request coalescing: identical reads share an exchange, which a write separates. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Answer } from '../support/ask.ts';
import { stopClock } from '../support/clock.ts';
import { aliased, DELETE, LIST, M, R, times } from '../support/maintenance/requests.ts';
import { untilMetric } from '../support/scrape.ts';
import { inTurn, TOKENS } from '../support/upstream.ts';
import { startSubgraph, useMany, useSubgraph } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const OTHER_LIST = LIST.replace(R, 'other');
const OTHER = 'get_maintenance_list other';
const LISTED = `get_maintenance_list ${R}`;
const TICKETS = '{"success":true,"result":[{"maintenance_id":"m"}]}';

const subgraph = useSubgraph();
const start = useMany(startSubgraph);
// The clock stands still: a busy machine could take longer than the 50 ms in which a read may join.
let moveClock: (ms: number) => void;
beforeEach(() => {
  moveClock = stopClock();
});

async function expectNoErrors(asked: Promise<Answer>[]): Promise<void> {
  for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
}

describe('concurrent identical reads of one caller', () => {
  it.each([
    ['a list', TICKETS, []],
    ['a failure', '{"success":false}', ['COMMAND_REJECTED']],
  ])('share one exchange and its result: %s', async (_, reply, failures) => {
    const held = subgraph.upstream.hold();
    const asked = Array.from({ length: 10 }, () => subgraph.ask(LIST));
    await until(() => held.length === 1);
    await settle(subgraph.url);
    held[0]?.release(reply);
    const answers = await Promise.all(asked);
    const { id: commandId } = subgraph.upstream.received[0] ?? {};
    for (const { data, errors } of answers) {
      expect(data).toEqual(answers[0]?.data);
      expect(errors).toMatchObject(failures.map((code) => ({ extensions: { code, commandId } })));
    }
    expect(subgraph.upstream.received).toHaveLength(1);
    expect(subgraph.logs()).toMatchObject(Array(10).fill({ commands: [{ id: commandId }] }));
  });

  it('share an exchange for 50 ms after its first caller asked', async () => {
    const held = subgraph.upstream.hold('get_maintenance_list');
    const asked = [subgraph.ask(LIST)];
    await until(() => held.length === 1);
    // Not the exact limit: sums of fractions of a millisecond are rounded.
    moveClock(49);
    asked.push(subgraph.ask(LIST));
    await settle(subgraph.url);
    expect(held).toHaveLength(1);
    moveClock(2);
    asked.push(subgraph.ask(LIST), subgraph.ask(LIST));
    await until(() => held.length === 2);
    await settle(subgraph.url);
    held.end();
    await expectNoErrors(asked);
    expect(held).toHaveLength(2);
  });

  it('share no exchange that has waited longer for its place', async () => {
    const { ask, upstream, url } = await start({ MAX_COMMANDS_IN_FLIGHT: '1' });
    const held = upstream.hold();
    const asked = [ask(OTHER_LIST)];
    await until(() => held.length === 1);
    for (let time = 0; time < 2; time++) {
      asked.push(ask(LIST));
      await settle(url);
      moveClock(51);
    }
    held.end();
    await expectNoErrors(asked);
    expect(upstream.commands()).toEqual([OTHER, LISTED, LISTED]);
  });
});

it('a shared exchange is sent again, however little time its first caller has left', async () => {
  const held = subgraph.upstream.hold();
  const asked = subgraph.ask(`{ maintenance(id: "${R}:${M}") { id } }`);
  await until(() => held.length === 1);
  subgraph.upstream.fail(inTurn({ status: 503, headers: { 'retry-after': '1' } }));
  // Of 60 s.
  moveClock(59_500);
  held[0]?.release('{"success":false}');
  await expectNoErrors([asked]);
  expect(subgraph.upstream.commands()).toEqual([`get_maintenance_info ${R} ${M}`, LISTED, LISTED]);
});

it('the last caller that goes away ends a shared exchange, and no later read joins it', async () => {
  const held = subgraph.upstream.hold('get_maintenance_list');
  const first = subgraph.askAndDisconnect(LIST);
  await until(() => held.length === 1);
  const last = subgraph.askAndDisconnect(LIST);
  await settle(subgraph.url);
  first();
  await until(() => subgraph.logs().length === 1);
  expect(held[0]?.isClosed()).toBe(false);
  last();
  await until(() => held[0]?.isClosed() === true);
  const next = subgraph.ask(LIST);
  await until(() => held.length === 2);
  held.end();
  await expectNoErrors([next]);
});

it('a write separates all earlier and later reads, when it is sent and when it is answered, even if it fails', async () => {
  const held = subgraph.upstream.hold('get_maintenance_list', 'delete_maintenance_info');
  const read = () => subgraph.ask(OTHER_LIST, { token: TOKENS.second });
  const reads = [read()];
  await until(() => held.length === 1);
  const write = subgraph.ask(DELETE);
  await until(() => held.length === 2);
  reads.push(read());
  await until(() => held.length === 3);
  reads.push(read());
  await settle(subgraph.url);
  expect(held).toHaveLength(3);
  held[1]?.release('{"success":false}');
  await write;
  reads.push(read());
  await until(() => held.length === 4);
  held.end();
  await expectNoErrors(reads);
  expect(subgraph.upstream.commands()).toEqual([OTHER, `delete_maintenance_info ${R} ${M}`, OTHER, OTHER]);
});

it('a long token is kept once for all reads of its caller', async () => {
  /** Returns the bytes of the heap for each of 640 reads that wait. */
  async function measure(token: string): Promise<number> {
    const { ask, upstream, url } = await start({ MAX_COMMANDS_IN_FLIGHT: '1', MAX_COMMANDS_QUEUED: '10000' });
    const [operations, reads] = [20, 32];
    const list = (index: number) => `maintenances(residenceId: "${index}") { id }`;
    const held = upstream.hold();
    const asked = [ask(LIST)];
    await until(() => held.length === 1);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const queries = times(operations, (index) => `{ ${aliased(reads, (one) => list(reads * index + one))} }`);
    asked.push(...queries.map((query) => ask(query, { token })));
    await untilMetric(url, 'maintenance_commands_queued', operations * reads);
    collectGarbage();
    const after = process.memoryUsage().heapUsed;
    upstream.fail(() => ({ body: { success: true, result: [] } }));
    held[0]?.release();
    await expectNoErrors(asked);
    return (after - before) / (operations * reads);
  }
  expect((await measure('x'.repeat(15_000))) - (await measure('x'))).toBeLessThan(8000);
});
