/** `npm run contract` against a command API of its own in each test. The tests run side by side. */
import { readFileSync } from 'node:fs';
import { afterAll, expect, it } from '@jest/globals';
import { EXAMPLE, exampleTicket } from '../../dev/seed.ts';
import type { NewTicket } from '../../dev/store.ts';
import { killAll, run } from '../support/process.ts';
import { type Answer, type Received, startUpstream, type Upstream } from '../support/upstream.ts';

const { token: TOKEN, residenceId: R, maintenanceId: M } = EXAMPLE;
// In the texts and member names of replies, or short enough for a code. The output never contains them.
const [CANARY, PHONE, SHORT_TOKEN] = ['canary', '13800138000', 'short-token'];
const TICKET = { ...exampleTicket(), description: CANARY, contact: PHONE, feedback: CANARY };
const ODD_TICKET = { ...TICKET, feedback: null, contact: undefined, [PHONE]: PHONE, more: [{ name: CANARY }, {}] };

const [LIST, INFO] = [`get_maintenance_list ${R}`, `get_maintenance_info ${R}`];
const READS = [LIST, `${INFO} ${M}`, `${INFO} ?`, 'get_maintenance_list ?', LIST];
const [CREATE, DELETE] = [`create_maintenance_info ${R}`, `delete_maintenance_info ${R} ?`];
const BATCH = [`batch_delete_maintenance_info ${R} ?,?,?`, LIST];
const CREATES = [...READS, CREATE, CREATE, CREATE, `${INFO} ?`];
const WRITES = [...CREATES, DELETE, DELETE, ...BATCH];
const UNDELETED = [...CREATES, DELETE, ...BATCH, DELETE, DELETE, DELETE];

const upstreams: Upstream[] = [];
afterAll(async () => {
  killAll();
  for (const { stop } of upstreams) await stop();
});

/** Prepares a command API and a run of the script. */
async function prepare() {
  const upstream = await startUpstream();
  upstreams.push(upstream);
  upstream.store.residences.set(R, [TICKET]);
  const own = { COMMAND_API_URL: upstream.url, COMMAND_API_TOKEN: TOKEN, COMMAND_API_RESIDENCE_ID: R };
  const start = (option = '', env: NodeJS.ProcessEnv = {}) =>
    run('dev/contract.ts', { ...own, ...env }, option ? [option] : []);

  /** Returns the exit code, the output and the sent commands with masked ids, and the number of tickets left. */
  async function finish({ exit, output }: ReturnType<typeof run>) {
    const code = await exit;
    for (const secret of [TOKEN, SHORT_TOKEN, CANARY, PHONE, R, M]) expect(output()).not.toContain(secret);
    const mask = (id: string) => (id === R || id === M ? id : '?');
    const sent = upstream.commands().map((command) => command.replace(/\b[mr][0-9a-f]{32}\b/g, mask));
    const [ticket, ...left] = upstream.store.residences.get(R) ?? [];
    expect(ticket).toEqual(TICKET);
    return { code, sent, left: left.length, output: output().replace(/\b[mc][0-9a-f]{32}\b/g, 'ID') };
  }
  return { upstream, start, finish };
}

/** Selects a command among all that were received. */
type Is = (received: Received, all: readonly Received[]) => boolean;
const named = (part: string) => (received: Received) => received.command.includes(part);
const first =
  (part: string): Is =>
  (received, all) =>
    all.find(named(part)) === received;
const unknownId: Is = ({ command, param }) => command === 'get_maintenance_info' && param.maintenance_id !== M;
const badToken: Is = ({ headers }) => headers.authorization !== `Bearer ${TOKEN}`;
const ok = (result: unknown): Answer => ({ body: { success: true, result } });
const no = (status: number, more = {}): Answer => ({ status, body: { success: false, message: CANARY, ...more } });

const [ODD_LIST, NONE, W] = [ok([...Array(9).fill(ODD_TICKET), TICKET]), named('none'), '--write'];
const WRONG = 'The code would mishandle the reply to get_maintenance';
const LEFT = 'Delete by hand: ticket ID, ';
const LOOK = 'Delete by hand: perhaps a ticket without a usable id. Look for "Contract check ID, to be deleted".\n';

// `cut` closes the connection and `none` keeps it open without a reply.
type Reply = Answer | 'cut' | 'none';
type Row = [title: string, option: string, Is, Reply, code: number, sent: string[], output: string, left?: number];
it.concurrent.each<Row>([
  ['only reads without --write', '', NONE, ok(0), 0, READS, 'handles every reply.\nNot sent: create_'],
  ['prints types', '', first('list'), ODD_LIST, 0, READS, 'feedback: null | text, state: text,'],
  ['merges types', '', first('list'), ODD_LIST, 0, READS, 'more: list of { name: text } | empty object | absent'],
  ['masks names that look like data', '', first('list'), ODD_LIST, 0, READS, ', <a name of 11 characters>: text |'],
  ['prints codes', '', unknownId, no(404, { error: { code: 7 } }), 0, READS, 'rejected: status 404, code 7\n'],
  ['finds unreadable members', '', first('info'), ok({ state: 1 }), 1, READS, 'accepted, but cannot read state\n'],
  ['finds a misread failure', '', badToken, ok([]), 1, READS, `${WRONG}_list, a bad token.\n`],
  ['finds an unclear unknown id', '', unknownId, no(500), 1, READS, `${WRONG}_info, an unknown id.\n`],
  ['continues without a reply', '', unknownId, 'cut', 2, READS, '  no reply: UND_ERR_SOCKET\n'],
  ['stops if the list is refused', W, named('list'), no(401), 2, [LIST], 'cannot be listed.'],
  ['stops at another server', W, named('list'), { status: 404, body: CANARY }, 2, [LIST], 'no JSON, 6 bytes\n'],
  ['stops at another form', W, named('list'), ok({ items: CANARY }), 1, [LIST], 'result: unexpected result\n'],
  ['stops without a reply for 20 s', W, named('list'), 'none', 2, [LIST], 'no reply: TimeoutError\n'],
  ['creates and deletes', W, NONE, ok(0), 0, WRITES, '  created  0 of 3 tickets are still listed\n'],
  ['never deletes an older ticket', W, named('create'), ok(TICKET), 1, [...READS, CREATE], LOOK],
  ['names a ticket perhaps created', W, named('create'), 'cut', 1, [...READS, CREATE], LOOK],
  ['deletes after a failed delete', W, first('delete'), no(503), 1, [...CREATES, DELETE, ...BATCH], ' 0 of 3'],
  ['deletes after a failed batch', W, named('batch'), no(200), 0, [...WRITES, DELETE, DELETE], ' 2 of 3 tickets'],
  ['names undeleted tickets', W, named('delete'), 'cut', 1, UNDELETED, `${LEFT}which could not be deleted.\n`, 3],
  ['names tickets still listed', W, named('delete'), ok({}), 1, WRITES, `${LEFT}still listed after its delete.\n`, 3],
])('npm run contract %s', async (_, option, isMatch, answer, code, sent, output, left = 0) => {
  const { upstream, start, finish } = await prepare();
  upstream.fail((received, response) => {
    if (!isMatch(received, upstream.received)) return undefined;
    if (answer === 'cut') response.destroy();
    return typeof answer === 'string' ? 'taken' : answer;
  });
  expect(await finish(start(option))).toEqual({ code, sent, output: expect.stringContaining(output), left });
});

/** No reply answers it. */
const UNANSWERABLE = 'How long a token lives, and what it may see';
it.concurrent('npm run contract answers every unknown of docs/command-api.md but one', async () => {
  const page = readFileSync(new URL('../../docs/command-api.md', import.meta.url), 'utf8');
  const table = page.slice(page.indexOf('## Unknowns'), page.indexOf('## Check'));
  const unknowns = Array.from(table.matchAll(/^\| (.+?) \| /gm), ([, unknown]) => unknown).slice(1);
  const { upstream, start, finish } = await prepare();
  const isFirst = first('list');
  upstream.fail((received) => {
    if (isFirst(received, upstream.received)) return ODD_LIST;
    return badToken(received, []) ? no(429) : undefined;
  });
  const { output } = await finish(start(W));
  const unanswered = unknowns.filter((one) => one !== UNANSWERABLE && !output.includes(`  answers  ${one}\n`));
  expect(unanswered.map((one) => `send a command in dev/contract.ts that answers "${one}"`)).toEqual([]);
  // Two creates share their command id.
  expect(new Set(upstream.received.map(({ id }) => id)).size).toBe(WRITES.length - 1);
});

it.concurrent('npm run contract masks a token that upstream repeats as a code or a name', async () => {
  const { upstream, start, finish } = await prepare();
  upstream.fail(() => no(400, { code: SHORT_TOKEN, [SHORT_TOKEN]: CANARY }));
  const { output } = await finish(start('', { COMMAND_API_TOKEN: SHORT_TOKEN }));
  expect(output).toMatch(/, <token>: text \}\n {2}decoder {2}rejected: status 400, code <token>\n/);
});

it.concurrent('npm run contract only deletes its ticket after Ctrl-C, even a repeated one', async () => {
  const { upstream, start, finish } = await prepare();
  upstream.fail(({ command, param }, response) => {
    if (command !== 'create_maintenance_info') return undefined;
    running.child.kill('SIGINT');
    void running.until(/Interrupted: /).then(() => {
      running.child.kill('SIGINT');
      response.end(JSON.stringify(ok({ maintenance_id: upstream.store.create(param as unknown as NewTicket) }).body));
    });
    return 'taken';
  });
  const running = start(W);
  const output = expect.stringContaining('\nInterrupted before the end.\n');
  expect(await finish(running)).toEqual({ code: 2, sent: [...READS, CREATE, DELETE], output, left: 0 });
});

it.concurrent.each([
  ['', '', '', /^\nCOMMAND_API_URL .+\nCOMMAND_API_TOKEN .+\nCOMMAND_API_RESIDENCE_ID .+\nSet these variables\.\n$/],
  ['https://api.ecloud.akubela.com/api', `Bearer ${TOKEN}`, R, /^\nCOMMAND_API_URL .+\nCOMMAND_API_TOKEN .+\nSet /],
])('npm run contract sends nothing with the variables "%s", "%s" and "%s"', async (url, token, residence, output) => {
  const { start, finish } = await prepare();
  const env = { COMMAND_API_URL: url, COMMAND_API_TOKEN: token, COMMAND_API_RESIDENCE_ID: residence };
  expect(await finish(start('', env))).toMatchObject({ code: 2, sent: [], output: expect.stringMatching(output) });
});
