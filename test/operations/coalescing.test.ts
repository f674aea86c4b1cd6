import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { createCoalescing } from '../../src/command-api/coalescing.ts';
import { CommandRecord } from '../../src/command-api/record.ts';
import { ReplyAccount } from '../../src/memory.ts';
import type { Answer } from '../support/ask.ts';
import { stopClock } from '../support/clock.ts';
import { scrape, writeSample } from '../support/scrape.ts';
import { startSubgraph } from '../support/subgraph.ts';
import { TOKENS } from '../support/upstream.ts';
import { useMany, useSubgraph } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';

const R = EXAMPLE.residenceId;
const M = EXAMPLE.maintenanceId;
const LIST = `{ maintenances(residenceId: "${R}") { id state } }`;
const OTHER_LIST = LIST.replace(R, 'other');
const DETAIL = `{ maintenance(id: "${R}:${M}") { description } }`;
const OTHER_DETAIL = DETAIL.replace(R, 'other');
const DELETE = `mutation { deleteMaintenance(id: "${R}:${M}") { deletedId } }`;
const LISTED = `get_maintenance_list ${R}`;
const TICKETS = '{"success":true,"result":[{"maintenance_id":"m"}]}';
const EMPTY = '{"success":true,"result":[]}';

const subgraph = useSubgraph();
// The clock stands still: a busy machine could take longer than the 50 ms in which a read may join.
let moveClock: (ms: number) => void;
beforeEach(() => {
  moveClock = stopClock();
});
afterEach(() => {
  jest.restoreAllMocks();
});

const start = useMany(startSubgraph);
/** Starts a subgraph that sends one command at a time, holds its command, and asks it for a list, which waits. */
async function startBusy() {
  const busy = await start({ MAX_COMMANDS_IN_FLIGHT: '1', ATTEMPT_TIMEOUT_MS: '29999', OPERATION_TIMEOUT_MS: '30000' });
  const held = busy.upstream.hold();
  const asked = [busy.ask(OTHER_LIST)];
  await until(() => busy.upstream.received.length === 1);
  asked.push(busy.ask(LIST));
  await settle(busy.url);
  return { busy, asked, held };
}

async function expectNoErrors(asked: Promise<Answer>[]): Promise<void> {
  for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
}

describe('concurrent identical reads of one caller', () => {
  it.each([
    ['a list', LIST, TICKETS, []],
    ['a detail', DETAIL, '{"success":true,"result":{"description":"x"}}', []],
    ['a failure', LIST, '{"success":false}', ['COMMAND_REJECTED']],
  ])('share one exchange and its result: %s', async (_, query, reply, failures) => {
    const held = subgraph.upstream.hold('get_maintenance_list', 'get_maintenance_info');
    const asked = Array.from({ length: 10 }, () => subgraph.ask(query));
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

  it.each([
    ['authorization', `bearer  ${TOKENS.first}`],
    ['x-vendor-authorization', TOKENS.first],
  ])('share an exchange if only the spelling of their header %s differs', async (name, value) => {
    const { upstream, url, ask } = await start({ TOKEN_HEADER: name });
    const held = upstream.hold();
    const spellings = [`Bearer ${TOKENS.first}`, value];
    // Each caller has an identity token of its own.
    const headersOf = (spelling: string, user: number) => ({ authorization: `Bearer user-${user}`, [name]: spelling });
    const asked = spellings.map((spelling, user) => ask(LIST, { headers: headersOf(spelling, user) }));
    await until(() => upstream.received.length > 0);
    await settle(url);
    held.end();
    await expectNoErrors(asked);
    expect(upstream.commands()).toEqual([LISTED]);
  });

  it('share an exchange for 50 ms after it was sent', async () => {
    const held = subgraph.upstream.hold('get_maintenance_list');
    const asked = [subgraph.ask(LIST)];
    await until(() => held.length === 1);
    moveClock(50);
    asked.push(subgraph.ask(LIST));
    await settle(subgraph.url);
    expect(held).toHaveLength(1);
    moveClock(1);
    asked.push(subgraph.ask(LIST), subgraph.ask(LIST));
    await until(() => held.length === 2);
    await settle(subgraph.url);
    held.end();
    await expectNoErrors(asked);
    expect(held).toHaveLength(2);
  });

  it('share an exchange for 50 ms after its latest attempt', async () => {
    let release: (() => void) | undefined;
    subgraph.upstream.fail((_, response) => {
      if (subgraph.upstream.received.length === 1) {
        moveClock(51);
        return { status: 503 };
      }
      release = () => response.end(EMPTY);
      return 'taken';
    });
    const asked = [subgraph.ask(LIST)];
    await until(() => release !== undefined);
    asked.push(subgraph.ask(LIST));
    await settle(subgraph.url);
    release?.();
    await expectNoErrors(asked);
    expect(subgraph.upstream.received).toHaveLength(2);
  });

  it('share an exchange that waits to be sent, for any time', async () => {
    const { busy, asked, held } = await startBusy();
    moveClock(5000);
    asked.push(busy.ask(LIST));
    await settle(busy.url);
    held.end();
    await Promise.all(asked);
    expect(busy.upstream.commands()).toEqual(['get_maintenance_list other', LISTED]);
  });

  it('count once, when the exchange has ended, although its first caller left while it waited', async () => {
    const { busy, asked, held } = await startBusy();
    const first = busy.askAndDisconnect(OTHER_DETAIL);
    await settle(busy.url);
    asked.push(busy.ask(OTHER_DETAIL));
    await settle(busy.url);
    await first();
    await until(() => busy.logText().includes('CALLER_GONE'));
    held.end();
    await Promise.all(asked);
    const samples = await scrape(busy.url);
    const count = (outcome: string) =>
      samples.get(writeSample('maintenance_commands_total', { command: 'get_maintenance_info', outcome }));
    expect([count('COMMAND_REJECTED'), count('CALLER_GONE')]).toEqual([1, 0]);
  });

  it.each([
    ['before', 9000, ['get_maintenance_list other', LISTED, LISTED], 0],
    ['after', 11_000, ['get_maintenance_list other', LISTED], 2],
  ])('retry %s the deadline of the caller that started the exchange', async (_, ms, commands, failures) => {
    const { busy, asked, held } = await startBusy();
    moveClock(20_000);
    asked.push(busy.ask(LIST));
    await settle(busy.url);
    moveClock(ms);
    held.end();
    busy.upstream.fail(() => (busy.upstream.received.length === 2 ? { status: 503 } : undefined));
    const answers = await Promise.all(asked);
    expect(answers.flatMap(({ errors }) => errors)).toHaveLength(failures);
    expect(busy.upstream.commands()).toEqual(commands);
  });

  it.each([
    ['residence', OTHER_LIST, TOKENS.first],
    ['command', DETAIL, TOKENS.first],
    ['caller', LIST, TOKENS.second],
  ])('share nothing with a read that has another %s', async (_, query, token) => {
    const held = subgraph.upstream.hold('get_maintenance_list', 'get_maintenance_info');
    const asked = [subgraph.ask(LIST), subgraph.ask(query, { token })];
    await until(() => held.length === 2);
    for (const { release } of held) release(TICKETS);
    await Promise.all(asked);
    expect(held).toHaveLength(2);
  });
});

describe('a caller that goes away', () => {
  it('leaves the exchange and its result to the other callers', async () => {
    const held = subgraph.upstream.hold('get_maintenance_list');
    const leave = subgraph.askAndDisconnect(LIST);
    await until(() => held.length === 1);
    const stays = subgraph.ask(LIST);
    await settle(subgraph.url);
    leave();
    await until(() => subgraph.logs().length === 1);
    held[0]?.release();
    expect((await stays).data).toEqual({ maintenances: [] });
    expect(held).toHaveLength(1);
  });

  it('aborts the exchange if it is the last caller, and leaves no exchange to join', () => {
    const coalescing = createCoalescing();
    const exchanges: AbortSignal[] = [];
    const read = (signal: AbortSignal) => {
      let shared = coalescing.find('key');
      if (!shared) {
        const controller = new AbortController();
        exchanges.push(controller.signal);
        const record = new CommandRecord({ name: 'get_maintenance_list', isWrite: false }, 'r');
        const reply = new Promise<never>(() => {});
        shared = coalescing.add('key', { record, reply, controller, memory: new ReplyAccount(false) });
      }
      coalescing.wait(shared, signal).catch(() => {});
    };
    const [first, second] = [new AbortController(), new AbortController()];
    read(first.signal);
    read(second.signal);
    first.abort();
    expect(exchanges.map(({ aborted }) => aborted)).toEqual([false]);
    second.abort();
    // The aborted exchange has not ended yet.
    read(new AbortController().signal);
    expect(exchanges.map(({ aborted }) => aborted)).toEqual([true, false]);
  });
});

describe('a write', () => {
  it.each([
    ['that succeeds', '{"success":true,"result":{}}'],
    ['that fails', '{"success":false}'],
  ])('%s separates earlier and later reads, when it is sent and when it is answered', async (_, reply) => {
    const held = subgraph.upstream.hold('get_maintenance_list', 'delete_maintenance_info');
    const reads = [subgraph.ask(LIST)];
    await until(() => held.length === 1);
    const write = subgraph.ask(DELETE);
    await until(() => held.length === 2);
    reads.push(subgraph.ask(LIST));
    await until(() => held.length === 3);
    reads.push(subgraph.ask(LIST));
    await settle(subgraph.url);
    expect(held).toHaveLength(3);
    held[1]?.release(reply);
    await write;
    reads.push(subgraph.ask(LIST));
    await until(() => held.length === 4);
    held.end();
    await expectNoErrors(reads);
    expect(subgraph.upstream.commands()).toEqual([LISTED, `delete_maintenance_info ${R} ${M}`, LISTED, LISTED]);
  });

  it('separates the reads of any caller, but not of another residence', async () => {
    const held = subgraph.upstream.hold('get_maintenance_list');
    const ask = () => [LIST, OTHER_LIST].map((query) => subgraph.ask(query, { token: TOKENS.second }));
    const reads = ask();
    await until(() => held.length === 2);
    await subgraph.ask(DELETE);
    reads.push(...ask());
    await until(() => held.length === 3);
    await settle(subgraph.url);
    held.end();
    await expectNoErrors(reads);
    const commands = [`delete_maintenance_info ${R} ${M}`, 'get_maintenance_list other', LISTED, LISTED];
    expect(subgraph.upstream.commands().sort()).toEqual(commands);
  });
});
