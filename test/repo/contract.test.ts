import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EXAMPLE, FLATS } from '../../dev/seed.ts';
import type { Ticket } from '../../dev/store.ts';
import { killAll, run } from '../support/process.ts';
import { type Answer, type Received, startUpstream, type Upstream } from '../support/upstream.ts';

const { token: TOKEN, residenceId: R, maintenanceId: M } = EXAMPLE;
// In every text of a resident and of upstream. The output of a check never contains these texts.
const [CANARY, PHONE] = ['canary', '13800138000'];
const TIME = '2024-01-16 13:32:45';
const TIMES = { start_time: TIME, finish_time: TIME, created_time: TIME };
const TEXTS = { description: CANARY, contact: `${CANARY} ${PHONE}`, feedback: CANARY, state: 'in progress' };
const TICKET = { ...TIMES, ...TEXTS, maintenance_picture_url: [`https://pictures.example/${CANARY}`] };
const LISTED = { maintenance_id: M, ...TICKET };
const ENV = { COMMAND_API_TOKEN: TOKEN, COMMAND_API_RESIDENCE_ID: R };

const LIST = `get_maintenance_list ${R}`;
const INFO = `get_maintenance_info ${R} ?`;
const FAILING = [INFO, 'get_maintenance_list ?', `get_maintenance_nothing ${R}`, 'get_maintenance_list', LIST];
const READS = [LIST, LIST, `get_maintenance_info ${R} ${M}`, ...FAILING];
const CREATE = `create_maintenance_info ${R}`;
const [DELETE, BATCH_DELETE] = [`delete_maintenance_info ${R} ?`, `batch_delete_maintenance_info ${R} ?`];
const WRITES = [CREATE, INFO, CREATE, LIST, DELETE, DELETE, BATCH_DELETE, LIST];

const ALL_HANDLED = 'The code handles every reply.';
const broken = (...lines: string[]) => ['The code cannot handle:', ...lines].join('\n  ');
const deleteByHand = (...lines: string[]) => ['Delete by hand:', ...lines].join('\n  ');

let upstream: Upstream;
beforeAll(async () => {
  upstream = await startUpstream();
});
beforeEach(() => {
  upstream.reset();
  upstream.store.residences.set(R, [LISTED]);
});
afterEach(killAll);
afterAll(() => upstream.stop());

const start = (args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) =>
  run('dev/contract.ts', { COMMAND_API_URL: upstream.url, ...ENV, ...env }, args);

const check = (...given: Parameters<typeof start>) => finish(start(...given));

/** Returns the rows of the table by their subject, the notes below the table with masked ids, and the sent commands. */
async function finish(running: ReturnType<typeof run>) {
  const code = await running.exit;
  const output = running.output();
  for (const secret of [TOKEN, CANARY, PHONE]) expect(output).not.toContain(secret);
  const [table = '', ...notes] = output.trimEnd().split('\n\n');
  const cells = table.split('\n').map((line) => line.split(/ {2,}/));
  const rows = Object.fromEntries(cells.map(([verdict, name, , observed]) => [name, [verdict, observed]]));
  const mask = (text: string) =>
    leftovers().reduce((masked, id) => masked.replace(id, '<left>'), text.replace(/check c\w{32}/g, 'check <id>'));
  return { code, output: output.replace(upstream.url, 'URL'), rows, notes: notes.map(mask), sent: sent() };
}

/** Returns the received commands, with each id that the check made up as `?`. */
function sent(): string[] {
  const known = [R, M, ...FLATS.map(({ id }) => id)];
  const mask = (id: string) => (known.includes(id) ? id : '?');
  return upstream.commands().map((command) => command.replace(/\b[mr][0-9a-f]{32}\b/g, mask));
}

/** Returns the ids of the tickets that the check created and did not delete. */
const leftovers = () =>
  (upstream.store.residences.get(R) ?? []).map(({ maintenance_id }) => maintenance_id).filter((id) => id !== M);

type Condition = (received: Received) => boolean;
type Reply = Answer | 'cut' | (() => Answer);

/** Answers commands by the first case whose condition holds. `cut` closes the connection. */
function fail(...cases: (readonly [Condition, Reply])[]): void {
  upstream.fail((received, response) => {
    const reply = cases.find(([condition]) => condition(received))?.[1];
    if (reply !== 'cut') return typeof reply === 'function' ? reply() : reply;
    response.destroy();
    return 'taken';
  });
}

const ok = (result: unknown) => ({ body: { success: true, timestamp: 1, result } });
const no = (status: number, body: object = {}) => ({ status, body: { success: false, timestamp: 1, ...body } });
// The members of each reply of `no`.
const MEMBERS = 'success (boolean), timestamp (number)';

const created = () => upstream.received.find(isCreate)?.param;
const isList: Condition = ({ command }) => command === 'get_maintenance_list';
const isInfo: Condition = ({ param }) => param.maintenance_id === M;
const isUnknownTicket: Condition = (received) => received.command === 'get_maintenance_info' && !isInfo(received);
const isUnknownResidence: Condition = ({ param }) => param.residence_id !== undefined && param.residence_id !== R;
const isUnknownCommand: Condition = ({ command }) => command === 'get_maintenance_nothing';
const isIncomplete: Condition = ({ param }) => param.residence_id === undefined;
const isBadToken: Condition = ({ headers }) => headers.authorization !== `Bearer ${TOKEN}`;
const isCreate: Condition = ({ command }) => command === 'create_maintenance_info';
const isDelete: Condition = ({ command }) => command === 'delete_maintenance_info';
const isReadBack: Condition = (received) => created() !== undefined && isUnknownTicket(received);
const isDeleteAt = (index: number) => (received: Received) => upstream.received.filter(isDelete)[index] === received;

describe('npm run contract', () => {
  it('only reads, prints a verdict for each promise, and exits with 0', async () => {
    const { code, notes, sent, rows } = await check();
    expect({ code, notes, sent }).toEqual({ code: 0, notes: [ALL_HANDLED], sent: READS });
    const refused = 'timestamp (number), success (boolean), message (text)';
    const result = `result (list of object or object { ${Object.keys(TICKET).join(' ')} })`;
    const texts = Object.keys({ ...TIMES, ...TEXTS }).map((member) => [member, ['holds', '2 × text']]);
    expect(rows).toMatchObject({
      ...Object.fromEntries(texts),
      WHAT: ['VERDICT', 'SEEN'],
      get_maintenance_list: ['holds', '200, usable tickets: 1'],
      'members of a success': ['holds', `timestamp (number), success (boolean), ${result}`],
      'maintenance_id in a list': ['holds', '1 of 1 usable, 1 different'],
      maintenance_picture_url: ['holds', '2 × list of text'],
      'other members of a ticket': ['holds', 'none'],
      'paging of a list': ['not tried', 'too few tickets: 1'],
      'a second read with the same command id': ['new', '200, the same tickets'],
      get_maintenance_info: ['holds', '200, a ticket'],
      'maintenance_id in an info': ['holds', 'absent'],
      'an info compared with the list': ['holds', 'the same'],
      'info of an unknown ticket': ['holds', `200, rejected, with ${refused}`],
      'list of an unknown residence': ['holds', `200, rejected, with ${refused}`],
      'an unknown command': ['holds', `400, rejected, with ${refused}`],
      'a list without residence_id': ['holds', `400, rejected, with ${refused}`],
      'a bad token': ['holds', `401, unauthenticated, with ${refused}`],
      'members of a failure': ['new', refused],
    });
    const ids = upstream.received.map(({ id }) => id);
    expect([ids[1], new Set(ids).size]).toEqual([ids[0], READS.length - 1]);
    expect(upstream.received.map(isBadToken).indexOf(true)).toBe(READS.length - 1);
  });

  it('accepts differences that the code handles', async () => {
    const phones = { [PHONE]: CANARY, [`a${PHONE}`]: CANARY };
    const empty = { feedback: null, contact: undefined, finish_time: '', maintenance_picture_url: [] };
    const ticket = { ...LISTED, ...empty, handler: { name: CANARY }, ...phones };
    fail(
      [isInfo, ok({ ...ticket, description: CANARY + CANARY })],
      [isUnknownTicket, ok(null)],
      [isUnknownResidence, ok([])],
      [isUnknownCommand, { status: 307, headers: { location: '/' }, body: CANARY }],
      [isIncomplete, { status: 404, body: { errorCode: TOKEN.slice(0, 9) } }],
      [isBadToken, no(200, { error: { code: 10_003, msg: CANARY } })],
      [isList, { body: { success: true, total: 70, next_page: CANARY, result: [ticket] } }],
    );
    const masked = '<a name of 11 characters> (text), <a name of 12 characters> (text)';
    const rows = {
      'paging of a list': ['new', 'members total, next_page'],
      feedback: ['new', '2 × null'],
      contact: ['new', '2 × absent'],
      finish_time: ['new', '2 × empty text'],
      maintenance_picture_url: ['new', '2 × empty list'],
      'other members of a ticket': ['new', `handler (object { name }), ${masked}`],
      'maintenance_id in an info': ['differs', 'the requested id'],
      'an info compared with the list': ['differs', 'other description'],
      'info of an unknown ticket': ['holds', `200, invalid, with ${MEMBERS}, result (null)`],
      'list of an unknown residence': ['holds', '200, an empty list'],
      'an unknown command': ['differs', '307, invalid, no JSON object, 6 characters'],
      'a bad token': ['differs', `200, rejected, code 10003, with ${MEMBERS}, error (object { code msg })`],
      'members of a failure': ['differs', expect.stringContaining('success (boolean or absent)')],
    };
    expect(await check()).toMatchObject({ code: 0, rows, notes: [ALL_HANDLED] });
  });

  it('exits with 1 and names each reply that the code cannot handle', async () => {
    const types = { contact: Number(PHONE), feedback: { text: CANARY }, maintenance_picture_url: [CANARY, 1] };
    const ticket = { ...LISTED, ...types, state: 'waiting for parts', start_time: '2024-01-16T13:32:45+08:00' };
    const second = { ...ticket, maintenance_id: undefined, state: `${CANARY}, ${PHONE}` };
    upstream.store.residences.set(R, [ticket, second] as unknown as Ticket[]);
    fail(
      [isInfo, ok({ ...ticket, maintenance_id: 'm1' })],
      [isUnknownTicket, no(500)],
      [isUnknownResidence, ok([LISTED])],
      [isUnknownCommand, ok({})],
      [isIncomplete, ok([])],
      [isBadToken, ok([LISTED])],
      [({ id }) => upstream.received.filter((other) => other.id === id).length > 1, no(409)],
    );
    const unreadable = '3 of 3 cannot be read';
    const rows = {
      'maintenance_id in a list': ['differs', '1 of 2 usable, 1 different'],
      start_time: ['differs', `3 × text; ${unreadable}: 9999-99-99a99:99:99+99:99`],
      contact: ['differs', `3 × number; ${unreadable}: number`],
      maintenance_picture_url: ['differs', `3 × list of text and number; ${unreadable}: list of text and number`],
      state: ['differs', `3 × text; ${unreadable}: "waiting for parts", text`],
      'a second read with the same command id': ['new', `409, rejected, with ${MEMBERS}`],
      'maintenance_id in an info': ['differs', 'another id (text)'],
      'info of an unknown ticket': ['differs', `500, unavailable, with ${MEMBERS}`],
      'a list without residence_id': ['differs', '200, success, empty list'],
    };
    const misread = (failure: string) => `${failure}: the code would read this failure as a success`;
    const members = ['start_time', 'contact', 'feedback', 'maintenance_picture_url', 'state'];
    const note = broken(
      'maintenance_id in a list: 1 of 2 tickets have no usable id and would be left out',
      'a second read with the same command id: get_maintenance_list: status 409',
      'maintenance_id in an info: is the id of another ticket',
      'info of an unknown ticket: the code would return an error in place of null',
      misread('list of an unknown residence'),
      ...['an unknown command', 'a list without residence_id', 'a bad token'].map(misread),
      ...members.map((member) => `${member}: ${unreadable}`),
    );
    expect(await check()).toMatchObject({ code: 1, rows, notes: [note] });
  });

  it('exits with 2 if a command gets no reply', async () => {
    fail([isUnknownCommand, 'cut']);
    const rows = { 'an unknown command': ['not tried', 'get_maintenance_nothing: UND_ERR_SOCKET'] };
    expect(await check()).toMatchObject({ code: 2, rows, notes: ['No reply to:\n  an unknown command'] });
  });

  it('masks its token where upstream repeats it', async () => {
    const short = 'short-token';
    fail([isList, ok([])], [() => true, no(400, { code: short, [short]: short })]);
    const { output, rows } = await check([], { COMMAND_API_TOKEN: short });
    expect(output).not.toContain(short);
    const masked = `400, rejected, code <token>, with ${MEMBERS}, code (text), <token> (text)`;
    expect(rows['an unknown command']).toEqual(['holds', masked]);
  });
});

describe('npm run contract -- --write', () => {
  it('creates and deletes two tickets, and changes no other ticket', async () => {
    const before = structuredClone(upstream.store.residences);
    const { code, sent, rows } = await check(['--write']);
    expect({ code, sent }).toEqual({ code: 0, sent: [...READS, ...WRITES] });
    expect(rows).toMatchObject({
      create_maintenance_info: ['holds', '200, an id of 33 characters'],
      'info of the created ticket': ['holds', '200, a ticket'],
      'created_time of the created ticket': ['holds', 'now'],
      'a second create': ['holds', '200, an id of 33 characters'],
      'created tickets in the next list': ['new', '200, 2 of 2 listed'],
      delete_maintenance_info: ['holds', '200, success'],
      'a second delete of the same ticket': ['new', '200, success'],
      batch_delete_maintenance_info: ['holds', '200, success'],
      'deleted tickets in the next list': ['holds', '200, absent'],
    });
    expect(upstream.store.residences).toEqual(before);
    const [create, info, , , first, again, batch] = upstream.received.slice(READS.length).map(({ param }) => param);
    expect([first, again]).toEqual([info, info]);
    expect(batch).not.toMatchObject({ maintenances: [{ maintenance_id: info?.maintenance_id }] });
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    const description = expect.stringMatching(/^Contract check c[0-9a-f]{32}, to be deleted$/);
    expect(create).toEqual({ residence_id: R, start_time: time, finish_time: time, description, contact: '10086' });
  });

  it('writes nothing if the list cannot be read: its tickets would be indistinguishable from others', async () => {
    fail([isList, ok({ items: [CANARY] })]);
    const get_maintenance_list = ['differs', `200, invalid, with ${MEMBERS}, result (object { items })`];
    const rows = { get_maintenance_list, create_maintenance_info: ['not tried', 'no ticket to try'] };
    expect(await check(['--write'])).toMatchObject({ code: 1, sent: [LIST, ...FAILING], rows });
  });

  const otherTicket = () => {
    const created_time = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
    return ok({ ...created(), description: CANARY, created_time });
  };
  const lookFor = (ticket: string) =>
    deleteByHand(...Array(2).fill(`A ticket with${ticket} may exist. Look for "Contract check <id>, to be deleted".`));
  const REFUSED = ['create_maintenance_info', 'a second create'].map(
    (row) => `${row}: create_maintenance_info: status 200`,
  );
  const UNREAD = [
    'info of the created ticket: get_maintenance_info: status 404',
    'created tickets in the next list: get_maintenance_list: status 404',
  ];
  const OTHER = 'info of the created ticket: differs from the create in description';
  const LATE = 'created_time of the created ticket: is not now in UTC';
  const FAILED = 'delete_maintenance_info: delete_maintenance_info: status 503';
  const CUT = 'Could not delete the ticket <left> of this check (delete_maintenance_info: UND_ERR_SOCKET).';
  const LISTED_AFTER = 'The ticket <left> of this check is still listed after its delete.';
  const isAnyDelete: Condition = ({ command }) => command.includes('delete');
  const isAnyRead: Condition = ({ command }) => created() !== undefined && command.startsWith('get');
  const CREATES = [CREATE, CREATE];
  const NO_SECOND_DELETE = [CREATE, INFO, CREATE, LIST, DELETE, BATCH_DELETE, LIST, DELETE];

  it.each<[title: string, condition: Condition, reply: Reply, sent: string[], note: string, left?: number]>([
    ['a create without an id', isCreate, ok({ id: 'm1' }), CREATES, lookFor('out a returned id')],
    ['a create with the id of an older ticket', isCreate, ok(LISTED), CREATES, lookFor(' a wrong id')],
    ['a refused create', isCreate, no(200), CREATES, broken(...REFUSED)],
    ['a created ticket that cannot be read', isAnyRead, no(404), WRITES.slice(0, -1), broken(...UNREAD)],
    ['another description, and a clock of another zone', isReadBack, otherTicket, WRITES, broken(OTHER, LATE)],
    ['a failed delete, and repeats the delete', isDeleteAt(0), no(503), NO_SECOND_DELETE, broken(FAILED)],
    ['a ticket that cannot be deleted', isDelete, 'cut', NO_SECOND_DELETE, deleteByHand(CUT), 1],
    ['deletes without effect', isAnyDelete, ok({}), WRITES, deleteByHand(LISTED_AFTER, LISTED_AFTER), 2],
  ])('reports %s', async (_, condition, reply, writes, note, left = 0) => {
    fail([condition, reply]);
    const { code, sent, notes } = await check(['--write']);
    expect({ code, sent, note: notes.at(-1) }).toEqual({ code: 1, sent: [...READS, ...writes], note });
    expect(leftovers()).toHaveLength(left);
    expect(upstream.store.residences.get(R)?.[0]).toEqual(LISTED);
  });

  it('deletes its ticket and sends nothing else after an interrupt', async () => {
    const running = start(['--write']);
    const answer = await new Promise<() => void>((resolve) => {
      upstream.fail((received, response) => {
        if (!isReadBack(received)) return undefined;
        resolve(() => response.end(JSON.stringify(ok(created()).body)));
        return 'taken';
      });
    });
    running.child.kill('SIGINT');
    await running.until(/Interrupted: /);
    answer();
    const sent = [...READS, CREATE, INFO, DELETE];
    expect(await finish(running)).toMatchObject({ code: 2, sent, notes: ['Interrupted before the end.'] });
    expect(leftovers()).toEqual([]);
  });
});

describe('npm run contract exits with 2', () => {
  const EMPTY = { COMMAND_API_URL: '', COMMAND_API_TOKEN: '', COMMAND_API_RESIDENCE_ID: '' };
  const WRONG = { COMMAND_API_URL: 'https://api.ecloud.akubela.com/api', COMMAND_API_TOKEN: `Bearer ${TOKEN}` };
  const MISSING = `Invalid environment:
  COMMAND_API_URL is missing: the origin of the command API, like https://api.ecloud.akubela.com
  COMMAND_API_TOKEN is missing: an access token that the command API accepts, without "Bearer"
  COMMAND_API_RESIDENCE_ID is missing: the id of a residence that the token may read`;
  const INVALID = `Invalid environment:
  COMMAND_API_URL must be an http or https origin without a path, query or credentials
  COMMAND_API_TOKEN must be visible ASCII without spaces: the token alone`;
  it.each<[fault: string, args: string[], env: NodeJS.ProcessEnv, output: string]>([
    ['without its variables', [], EMPTY, MISSING],
    ['with invalid variables', [], WRONG, INVALID],
  ])('%s, and sends nothing', async (_, args, env, output) => {
    expect(await check(args, env)).toMatchObject({ code: 2, output: `${output}\n`, sent: [] });
  });

  const refused = (reply: string, name: string) =>
    `The command API refuses to list the residence: ${reply}, with ${MEMBERS}. See ${name}.`;
  const UNAVAILABLE = 'The command API at URL is unavailable';
  const NO_API = 'There is no command API at URL: 404, invalid, no JSON object, 6 characters. See COMMAND_API_URL.';
  it.each<[title: string, answer: Answer | 'taken', output: string]>([
    ['a refused token', no(401), refused('401, unauthenticated', 'COMMAND_API_TOKEN')],
    ['a refused residence', no(200), refused('200, rejected', 'COMMAND_API_RESIDENCE_ID')],
    ['an outage', { status: 503 }, `${UNAVAILABLE}: 503, unavailable, no JSON object, 2 characters.`],
    ['another server', { status: 404, body: CANARY }, NO_API],
    ['silence', 'taken', `${UNAVAILABLE}: get_maintenance_list: no answer in 5 s.`],
  ])('after the first command with %s', async (_, answer, output) => {
    upstream.fail(() => answer);
    expect(await check(['--write'])).toMatchObject({ code: 2, output: `${output}\n`, sent: [LIST] });
  });
});
