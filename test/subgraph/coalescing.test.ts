import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { createCoalescing } from '../../src/command-api/coalescing.ts';
import { createCommand } from '../../src/command-api/command.ts';
import { stopClock } from '../support/clock.ts';
import { codes, startSubgraph } from '../support/subgraph.ts';
import { TOKENS } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';

const R = EXAMPLE.residenceId;
const M = EXAMPLE.maintenanceId;
const LIST = `{ maintenances(residenceId: "${R}") { id state } }`;
const DETAIL = `{ maintenance(id: "${R}:${M}") { description } }`;
const DELETE = `mutation { deleteMaintenance(id: "${R}:${M}") { id } }`;
const LISTED = `get_maintenance_list ${R}`;

const subgraph = useSubgraph();
// A busy machine may take longer than a read may be joined.
let moveClock: (ms: number) => void;
beforeEach(() => {
  moveClock = stopClock();
});
afterEach(() => {
  jest.restoreAllMocks();
});

/** Holds the commands of these names until each is released; the answer is what the store has when it comes in. */
function hold(...names: string[]) {
  const held: { command: string; release: (body?: string) => void; closed: Promise<void> }[] = [];
  subgraph.upstream.fail(({ command, param }, response) => {
    if (!names.includes(command)) return undefined;
    const tickets = subgraph.upstream.store.residences.get(String(param.residence_id));
    const result =
      command === 'get_maintenance_list' ? tickets : command === 'get_maintenance_info' ? tickets?.[0] : {};
    const answer = JSON.stringify({ success: true, result });
    held.push({
      command,
      release: (body = answer) => response.end(body),
      closed: new Promise((resolve) => response.once('close', resolve)),
    });
    return 'taken';
  });
  return held;
}

describe('identical reads of one caller that are under way together', () => {
  it.each([
    ['lists', LIST, 'get_maintenance_list'],
    ['details', DETAIL, 'get_maintenance_info'],
  ])('share one exchange: %s', async (_, query, command) => {
    const held = hold(command);
    const asked = Array.from({ length: 10 }, () => subgraph.ask(query));
    await until(() => held.length === 1);
    await settle(subgraph.url);
    held[0]?.release();
    const answers = await Promise.all(asked);
    for (const { data, errors } of answers) {
      expect(errors).toEqual([]);
      expect(data).toEqual(answers[0]?.data);
    }
    expect(subgraph.upstream.received).toHaveLength(1);
    const { id } = subgraph.upstream.received[0] ?? {};
    expect(subgraph.logs().map(({ commands }) => (commands as { id: string }[])[0]?.id)).toEqual(Array(10).fill(id));
  });

  it('share what they fail with', async () => {
    const held = hold('get_maintenance_list');
    const asked = [subgraph.ask(LIST), subgraph.ask(LIST)];
    await until(() => held.length === 1);
    await settle(subgraph.url);
    held[0]?.release('{"success":false}');
    for (const answer of await Promise.all(asked)) {
      expect(codes(answer)).toEqual([['COMMAND_REJECTED', 'maintenances']]);
      expect(answer.errors[0]?.extensions.commandId).toBe(subgraph.upstream.received[0]?.id);
    }
    expect(subgraph.upstream.commands()).toEqual([LISTED]);
  });

  it('share one that was sent at most 50 ms ago, and after that begin another', async () => {
    const held = hold('get_maintenance_list');
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
    expect(held).toHaveLength(2);
    for (const { release } of held) release();
    for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
    expect(subgraph.upstream.received).toHaveLength(2);
  });

  it('share one whose latest attempt was sent at most 50 ms ago', async () => {
    let release = () => {};
    const attempts = new Promise<void>((resolve) => {
      subgraph.upstream.fail((_, response) => {
        if (subgraph.upstream.received.length === 1) {
          moveClock(51);
          return { status: 503 };
        }
        release = () => response.end('{"success":true,"result":[]}');
        resolve();
        return 'taken';
      });
    });
    const asked = [subgraph.ask(LIST)];
    await attempts;
    asked.push(subgraph.ask(LIST));
    await settle(subgraph.url);
    release();
    for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
    expect(subgraph.upstream.received).toHaveLength(2);
  });

  it('share one that waits for its turn, however long', async () => {
    const busy = await startSubgraph({ MAX_COMMANDS_IN_FLIGHT: '1' });
    const release = busy.upstream.hold();
    const asked = [busy.ask(LIST.replace(R, 'other'))];
    await until(() => busy.upstream.received.length === 1);
    asked.push(busy.ask(LIST));
    await settle(busy.url);
    moveClock(5000);
    asked.push(busy.ask(LIST));
    await settle(busy.url);
    release();
    await Promise.all(asked);
    expect(busy.upstream.received).toHaveLength(2);
    await busy.stop();
  });

  it('keep nothing once it is settled', async () => {
    await subgraph.ask(LIST);
    await subgraph.ask(LIST);
    expect(subgraph.upstream.commands()).toEqual([LISTED, LISTED]);
  });

  it.each([
    ['another residence', LIST.replace(R, 'r2'), TOKENS.first, {}],
    ['another command', DETAIL, TOKENS.first, {}],
    ['another caller', LIST, TOKENS.second, {}],
    ['the same token in another spelling of the header', LIST, null, { authorization: `bearer ${TOKENS.first}` }],
  ])('are two with %s', async (_, query, token, headers) => {
    const held = hold('get_maintenance_list', 'get_maintenance_info');
    const asked = [subgraph.ask(LIST), subgraph.ask(query, { token, headers })];
    await until(() => held.length === 2);
    for (const { release } of held) release('{"success":true,"result":[{"maintenance_id":"m"}]}');
    await Promise.all(asked);
    expect(subgraph.upstream.received).toHaveLength(2);
  });
});

describe('a write of a residence', () => {
  it.each([
    ['that succeeds', '{"success":true,"result":{}}'],
    ['that fails', '{"success":false}'],
  ])('%s parts the reads before it from those after it, when it is sent and when it is answered', async (_, answer) => {
    const held = hold('get_maintenance_list', 'delete_maintenance_info');
    const reads = [subgraph.ask(LIST)];
    await until(() => held.length === 1);
    const write = subgraph.ask(DELETE);
    await until(() => held.length === 2);
    reads.push(subgraph.ask(LIST));
    await until(() => held.length === 3);
    reads.push(subgraph.ask(LIST));
    await settle(subgraph.url);
    expect(held).toHaveLength(3);
    held[1]?.release(answer);
    await write;
    reads.push(subgraph.ask(LIST));
    await until(() => held.length === 4);
    for (const { release } of held) release();
    for (const { errors } of await Promise.all(reads)) expect(errors).toEqual([]);
    expect(held.map(({ command }) => command)).toEqual([
      'get_maintenance_list',
      'delete_maintenance_info',
      'get_maintenance_list',
      'get_maintenance_list',
    ]);
  });

  it('parts those of any caller, and none of another residence', async () => {
    const held = hold('get_maintenance_list');
    const reads = [subgraph.ask(LIST, { token: TOKENS.second }), subgraph.ask(LIST.replace(R, 'r2'))];
    await until(() => held.length === 2);
    await subgraph.ask(DELETE);
    reads.push(subgraph.ask(LIST, { token: TOKENS.second }), subgraph.ask(LIST.replace(R, 'r2')));
    await until(() => held.length === 3);
    await settle(subgraph.url);
    for (const { release } of held) release('{"success":true,"result":[]}');
    await Promise.all(reads);
    const commands = [LISTED, 'get_maintenance_list r2', `delete_maintenance_info ${R} ${M}`, LISTED];
    expect(subgraph.upstream.commands().sort()).toEqual(commands.sort());
  });
});

describe('a caller that goes away', () => {
  it('leaves the exchange to the others, and the last one ends it', async () => {
    const held = hold('get_maintenance_list');
    const leaveFirst = subgraph.askAndLeave(LIST);
    await until(() => held.length === 1);
    const leaveSecond = subgraph.askAndLeave(LIST);
    await settle(subgraph.url);
    let isClosed = false;
    held[0]?.closed.then(() => {
      isClosed = true;
    });
    leaveFirst();
    await until(() => subgraph.logs().length === 1);
    await settle(subgraph.url);
    expect(isClosed).toBe(false);
    leaveSecond();
    await held[0]?.closed;
    expect(subgraph.upstream.commands()).toEqual([LISTED]);
  });

  it('costs the one who stays nothing', async () => {
    const held = hold('get_maintenance_list');
    const leave = subgraph.askAndLeave(LIST);
    await until(() => held.length === 1);
    const stays = subgraph.ask(LIST);
    await settle(subgraph.url);
    leave();
    await until(() => subgraph.logs().length === 1);
    held[0]?.release();
    expect((await stays).data.maintenances).toHaveLength(1);
    expect(subgraph.upstream.commands()).toEqual([LISTED]);
  });

  it('leaves nothing to join even while what it gave up is still ending', async () => {
    const coalescing = createCoalescing();
    const runs: AbortSignal[] = [];
    const share = (signal: AbortSignal) =>
      coalescing.share('key', createCommand('get_maintenance_list', false, 'r'), signal, (end) => {
        runs.push(end);
        return new Promise<never>(() => {});
      });
    const caller = new AbortController();
    void share(caller.signal);
    caller.abort();
    void share(new AbortController().signal);
    expect(runs.map(({ aborted }) => aborted)).toEqual([true, false]);
  });

  it('leaves nothing behind for the next to join', async () => {
    const held = hold('get_maintenance_list');
    const leave = subgraph.askAndLeave(LIST);
    await until(() => held.length === 1);
    leave();
    await held[0]?.closed;
    const next = subgraph.ask(LIST);
    await until(() => held.length === 2);
    held[1]?.release();
    expect((await next).errors).toEqual([]);
  });
});
