/** `npm run contract` as a process, against a new command API in each test. */
import { afterAll, expect, it } from '@jest/globals';
import { EXAMPLE, exampleTicket } from '../../dev/maintenance/seed.ts';
import type { NewTicket } from '../../dev/maintenance/store.ts';
import { WIRE } from '../support/maintenance/wire.ts';
import { killAll, run } from '../support/process.ts';
import { type Answer, inTurn, type Received, startUpstream } from '../support/upstream.ts';

const { token: TOKEN, residenceId: R, maintenanceId: M } = EXAMPLE;
// In the texts and member names of replies. The output never contains them.
const [CANARY, PHONE] = ['canary', '13800138000'];
const TICKET = { ...exampleTicket(), description: CANARY, contact: PHONE, feedback: CANARY };
const ODD_TICKET = { ...TICKET, feedback: null, state: 1, [PHONE]: PHONE };

const [LIST, INFO] = [`get_maintenance_list ${R}`, `get_maintenance_info ${R}`];
const READS = [LIST, `${INFO} ${M}`, `${INFO} ?`, 'get_maintenance_list ?', LIST];
const [CREATE, DELETE] = [`create_maintenance_info ${R}`, `delete_maintenance_info ${R} ?`];
const BATCH = [`batch_delete_maintenance_info ${R} ?,?,?`, LIST];
const CREATES = [...READS, CREATE, CREATE, CREATE, `${INFO} ?`, DELETE];

it('npm run contract -- --write sends each command', () => {
  const sent = [...CREATES, ...BATCH].map((command) => command.split(' ')[0]);
  expect(new Set(sent)).toEqual(new Set(WIRE.map(({ name }) => name)));
});

const unknownId = ({ param: { maintenance_id: id } }: Received) => id !== undefined && id !== M;
const named = (part: string) => (received: Received) => received.command.includes(part);
const ok = (result: unknown): Answer => ({ body: { success: true, result } });
const no = (status: number): Answer => ({ status, body: { success: false, message: CANARY, code: 7 } });

const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  killAll();
  for (const stop of stops) await stop();
});

/** Starts a command API and the program, which takes longer to load than a test takes to prepare a fault. */
async function start(option: string) {
  const upstream = await startUpstream();
  stops.push(upstream.stop);
  upstream.store.residences.set(R, [TICKET]);
  const env = { COMMAND_API_URL: upstream.url, COMMAND_API_TOKEN: TOKEN, COMMAND_API_RESIDENCE_ID: R };
  const program = run('dev/maintenance/contract.ts', env, option ? [option] : []);
  /** Returns the exit code, the commands and the output with masked ids, and the number of tickets left. */
  const finish = async () => {
    const code = await program.exit;
    for (const secret of [TOKEN, CANARY, PHONE, R, M]) expect(program.output()).not.toContain(secret);
    const mask = (id: string) => (id === R || id === M ? id : '?');
    const sent = upstream.commands().map((command) => command.replace(/\b[mr][0-9a-f]{32}\b/g, mask));
    const [ticket, ...left] = upstream.store.residences.get(R) ?? [];
    expect(ticket).toEqual(TICKET);
    return { code, sent, left: left.length, output: program.output().replace(/\b[mc][0-9a-f]{32}\b/g, 'ID') };
  };
  return { upstream, program, finish };
}

const TYPES =
  /cannot read state\n.+feedback: null \| text, 2 times\n.+<a name of 11 characters>: text\n.+ mishandle .+ token/s;
const LOOK = 'Delete by hand: perhaps a ticket without a usable id. Look for "Contract check ID, to be deleted".\n';
const [LEFT, W] = ['Delete by hand: ticket ID, which could not be deleted.\n', '--write'];
type Is = (received: Received) => boolean;
type Row = [string, option: string, Is, Answer | 'cut', code: number, sent: string[], RegExp | string, left?: number];
it.concurrent.each<Row>([
  ['prints types, and finds a misread failure', '', named('list'), ok([ODD_TICKET, TICKET]), 1, READS, TYPES],
  ['only reads, and prints codes', '', unknownId, no(404), 0, READS, 'rejected: status 404, code 7\n'],
  ['continues without a reply', '', unknownId, 'cut', 2, READS, '  no reply: UND_ERR_SOCKET\n'],
  ['stops if the list is refused', W, named('list'), no(401), 2, [LIST], 'cannot be listed.'],
  ['creates and deletes', W, () => false, 'cut', 0, [...CREATES, DELETE, ...BATCH], ' 0 of 3 tickets are still'],
  ['never deletes an older ticket', W, named('create'), ok(TICKET), 1, [...READS, CREATE], LOOK],
  ['names what is left', W, named('delete'), 'cut', 1, [...CREATES, ...BATCH, DELETE, DELETE, DELETE], LEFT, 3],
])('npm run contract %s', async (_, option, isFaulty, answer, code, sent, output, left = 0) => {
  const { upstream, finish } = await start(option);
  upstream.fail((received, response) => (isFaulty(received) ? inTurn(answer)(received, response) : undefined));
  expect(await finish()).toEqual({ code, sent, output: expect.stringMatching(output), left });
});

it.concurrent('npm run contract only deletes its ticket after Ctrl-C, even a repeated one', async () => {
  const { upstream, program, finish } = await start(W);
  upstream.fail(({ command, param }, response) => {
    if (command !== 'create_maintenance_info') return undefined;
    program.child.kill('SIGINT');
    void program.until(/Interrupted: /).then(() => {
      program.child.kill('SIGINT');
      response.end(JSON.stringify(ok({ maintenance_id: upstream.store.create(param as unknown as NewTicket) }).body));
    });
    return 'taken';
  });
  const output = expect.stringContaining('\nInterrupted before the end.\n');
  expect(await finish()).toEqual({ code: 2, sent: [...READS, CREATE, DELETE], output, left: 0 });
});
