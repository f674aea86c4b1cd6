import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { serve } from '../../dev/command-api.ts';
import { EXAMPLE, FLATS } from '../../dev/seed.ts';
import type { Ticket } from '../../dev/store.ts';
import { type Fault, type Received, startUpstream, type Upstream } from '../support/upstream.ts';

const ROOT = new URL('../..', import.meta.url);
const PROGRAM = ['--import', './check-node.mjs', 'dev/contract.ts'];
const TOKEN = EXAMPLE.token;
const R = EXAMPLE.residenceId;
const M = EXAMPLE.maintenanceId;
// Stands in everything that a resident wrote, and in every text of upstream's.
const CANARY = 'canary';
const TICKET = {
  start_time: '2024-01-16 13:32:45',
  finish_time: '2024-01-17 13:32:45',
  description: CANARY,
  contact: `${CANARY} 13800138000`,
  maintenance_picture_url: [`https://pictures.example/${CANARY}`],
  feedback: CANARY,
  state: 'in progress',
  created_time: '2024-01-12 13:32:45',
};
const running: ChildProcess[] = [];
let upstream: Upstream;

beforeAll(async () => {
  upstream = await startUpstream();
});
afterAll(() => upstream.stop());
beforeEach(() => {
  upstream.reset();
  upstream.store.residences.set(R, [{ maintenance_id: M, ...TICKET }]);
});
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

interface Ran {
  readonly code: number | null;
  readonly output: string;
  /** What was checked → the verdict and what was seen. */
  readonly rows: Record<string, [verdict: string, seen: string]>;
}

function start(args: readonly string[], env: Record<string, string> = {}) {
  const given = { COMMAND_API_URL: upstream.url, COMMAND_API_TOKEN: TOKEN, COMMAND_API_RESIDENCE_ID: R, ...env };
  const child = spawn(process.execPath, [...PROGRAM, ...args], { cwd: ROOT, env: given });
  running.push(child);
  let output = '';
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  const interrupted = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
        if (output.includes('Interrupted')) resolve();
      });
    }
  });
  return { child, exit, interrupted, output: () => output };
}

/** Runs the check to its end. Whatever it found, it tells nobody the token or anything that a resident wrote. */
async function run(args: readonly string[] = [], env?: Record<string, string>): Promise<Ran> {
  const { exit, output } = start(args, env);
  return toRan(await exit, output());
}

function toRan(code: number | null, output: string): Ran {
  for (const secret of [TOKEN, CANARY, '13800138000']) expect(output).not.toContain(secret);
  const lines = output.split('\n').map((line) => line.split(/ {2,}/));
  const rows = lines.filter(({ length }) => length === 4).map(([verdict, what, , seen]) => [what, [verdict, seen]]);
  return { code, output, rows: Object.fromEntries(rows) };
}

/** What stands below the table where nothing else has to be said. */
const TAKES_ALL = 'The code takes all that came.';

const UNKNOWN_ID = /^[cmr][0-9a-f]{32}$/;

/** The commands that arrived, with the ids that the check made up as `?`. */
function commands(): string[] {
  const known = new Set([R, ...FLATS.map(({ id }) => id), M]);
  return upstream.commands().map((command) =>
    command
      .split(' ')
      .map((word) => (UNKNOWN_ID.test(word) && !known.has(word) ? '?' : word))
      .join(' '),
  );
}

const READS = [
  `get_maintenance_list ${R}`,
  `get_maintenance_list ${R}`,
  `get_maintenance_info ${R} ${M}`,
  `get_maintenance_info ${R} ?`,
  'get_maintenance_list ?',
  `get_maintenance_nothing ${R}`,
  'get_maintenance_list',
  `get_maintenance_list ${R}`,
];

const WRITES = [
  `create_maintenance_info ${R}`,
  `get_maintenance_info ${R} ?`,
  `create_maintenance_info ${R}`,
  `get_maintenance_list ${R}`,
  `delete_maintenance_info ${R} ?`,
  `delete_maintenance_info ${R} ?`,
  `batch_delete_maintenance_info ${R} ?`,
  `get_maintenance_list ${R}`,
];

const REFUSED = 'timestamp (number), success (boolean), message (text)';

describe('npm run contract', () => {
  it('reads only, says what holds and what is new, and exits with 0', async () => {
    const { code, output, rows } = await run();
    const notTried = ['not tried', 'needs --write'];
    const twoTexts = ['holds', '2 × text'];
    expect(rows).toEqual({
      WHAT: ['VERDICT', 'SEEN'],
      get_maintenance_list: ['holds', '200, usable tickets: 1'],
      'members of a success': [
        'holds',
        `timestamp (number), success (boolean), result (list of object or object { ${Object.keys(TICKET).join(' ')} })`,
      ],
      'maintenance_id in a list': ['holds', '1 of 1 usable, 1 different'],
      start_time: twoTexts,
      finish_time: twoTexts,
      created_time: twoTexts,
      description: twoTexts,
      contact: twoTexts,
      feedback: twoTexts,
      maintenance_picture_url: ['holds', '2 × list of text'],
      state: twoTexts,
      'other members of a ticket': ['holds', 'none'],
      'paging of a list': ['not tried', 'too few tickets to tell: 1'],
      'a read again, with the same command id': ['new', '200, the same tickets'],
      get_maintenance_info: ['holds', '200, a ticket'],
      'maintenance_id in an info': ['holds', 'absent'],
      'an info beside its ticket in the list': ['holds', 'the same'],
      'info of an unknown ticket': ['holds', `200, rejected, with ${REFUSED}`],
      'list of an unknown residence': ['holds', `200, rejected, with ${REFUSED}`],
      'an unknown command': ['holds', `400, rejected, with ${REFUSED}`],
      'a list without residence_id': ['holds', `400, rejected, with ${REFUSED}`],
      'a bad token': ['holds', `401, unauthenticated, with ${REFUSED}`],
      'members of a failure': ['new', 'timestamp (number), success (boolean), message (text)'],
      create_maintenance_info: notTried,
      'info of the created ticket': notTried,
      'created_time of the created ticket': notTried,
      'create, a second one': notTried,
      'created tickets in the next list': notTried,
      delete_maintenance_info: notTried,
      'delete of one already deleted': notTried,
      batch_delete_maintenance_info: notTried,
      'deleted tickets in the next list': notTried,
    });
    expect(output.trimEnd().split('\n').at(-1)).toBe(TAKES_ALL);
    expect(code).toBe(0);
    expect(commands()).toEqual(READS);
  });

  it('sends each command as documented, the second with the first’s id, and the last with another token', async () => {
    await run();
    const ids = upstream.received.map(({ id }) => id);
    expect(ids).toEqual(ids.map(() => expect.stringMatching(/^c[0-9a-f]{32}$/)));
    expect(ids[1]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(ids.length - 1);
    for (const { method, url, headers } of upstream.received) {
      expect([method, url]).toEqual(['POST', '/api/v1.0/invoke/open-ability/method/user-commands']);
      expect(headers).toMatchObject({ 'content-type': 'application/json', accept: 'application/json' });
    }
    const tokens = upstream.received.map(({ headers }) => headers.authorization);
    expect(tokens.map((token) => token === `Bearer ${TOKEN}`)).toEqual(ids.map((_, index) => index < ids.length - 1));
  });

  it('creates and deletes two tickets of its own with --write, and leaves all others as they were', async () => {
    const before = structuredClone(upstream.store.residences);
    const { code, output, rows } = await run(['--write']);
    expect(rows).toMatchObject({
      create_maintenance_info: ['holds', '200, an id of 33 characters'],
      'info of the created ticket': ['holds', '200, a ticket'],
      'created_time of the created ticket': ['holds', 'now'],
      'create, a second one': ['holds', '200, an id of 33 characters'],
      'created tickets in the next list': ['new', '200, 2 of 2 listed'],
      delete_maintenance_info: ['holds', '200, success'],
      'delete of one already deleted': ['new', '200, success'],
      batch_delete_maintenance_info: ['holds', '200, success'],
      'deleted tickets in the next list': ['holds', '200, absent'],
      feedback: ['new', '2 × text, 1 × empty text'],
    });
    expect(output.trimEnd().split('\n').at(-1)).toBe(TAKES_ALL);
    expect(code).toBe(0);
    expect(commands()).toEqual([...READS, ...WRITES]);
    const [info, first, again, batch] = written().map(({ param }) => param);
    expect([first, again]).toEqual([info, info]);
    expect(batch).not.toMatchObject({ maintenances: [{ maintenance_id: info?.maintenance_id }] });
    expect(upstream.store.residences).toEqual(before);
    expect(upstream.received.find(({ command }) => command === 'create_maintenance_info')?.param).toEqual({
      residence_id: R,
      start_time: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      finish_time: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      description: expect.stringMatching(/^Contract check c[0-9a-f]{32}, to be deleted$/),
      contact: '10086',
    });
  });

  it('learns the members of a ticket from its own where the residence has none', async () => {
    upstream.store.residences.set(R, []);
    const { code, rows } = await run(['--write']);
    expect(rows).toMatchObject({
      get_maintenance_list: ['holds', '200, usable tickets: 0'],
      get_maintenance_info: ['not tried', 'nothing to try it on'],
      'maintenance_id in an info': ['holds', 'absent'],
      state: ['holds', '1 × text'],
      feedback: ['new', '1 × empty text'],
    });
    expect(code).toBe(0);
    expect(commands()).toEqual([READS[0], READS[1], ...READS.slice(3), ...WRITES]);
  });

  it.each([
    [200, 'no member for it, and 200 tickets: a round number, perhaps a page'],
    [199, 'no member for it, and 199 tickets: no round number'],
  ])('tells of a list of %i tickets', async (tickets, seen) => {
    const { id } = FLATS.at(-1) ?? { id: '' };
    upstream.store.residences.get(id)?.splice(tickets);
    const { code, rows } = await run([], { COMMAND_API_RESIDENCE_ID: id });
    expect([code, rows['paging of a list']]).toEqual([0, ['new', seen]]);
  });
});

/** The commands about a ticket that the check created. */
function written(): Received[] {
  const index = upstream.received.findIndex(({ command }) => command === 'create_maintenance_info');
  return upstream.received
    .slice(index)
    .filter(({ command }) => command.includes('delete') || command === 'get_maintenance_info');
}

type Row = [what: string, verdict: string, seen: string];

interface Case {
  readonly name: string;
  readonly fault?: Fault;
  /** What the one ticket of the residence has in place of what is usual. */
  readonly ticket?: Record<string, unknown>;
  readonly code: number;
  readonly row: Row;
  /** What is told below the table. */
  readonly told?: string;
}

const ok = (result: unknown) => ({ body: { success: true, timestamp: 1_540_869_200_562, result } });
const no = (status: number, body: object = {}) => ({
  status,
  body: { success: false, timestamp: 1_540_869_200_562, ...body },
});
const isOwn: (received: Received) => boolean = ({ headers }) => headers.authorization === `Bearer ${TOKEN}`;
const isUnknownTicket = ({ command, param }: Received) =>
  command === 'get_maintenance_info' && param.maintenance_id !== M;
const isUnknownResidence = ({ param }: Received) => param.residence_id !== undefined && param.residence_id !== R;

const BROKEN = 'The code does not take this for what it is:\n  ';

const READ_CASES: Case[] = [
  {
    name: 'a list that is an object',
    fault: ({ command, param }) =>
      command === 'get_maintenance_list' && param.residence_id === R ? ok({ items: [CANARY], total: 1 }) : undefined,
    code: 1,
    row: [
      'get_maintenance_list',
      'differs',
      '200, invalid, with success (boolean), timestamp (number), result (object { items total })',
    ],
    told: `${BROKEN}get_maintenance_list: get_maintenance_list: unexpected result`,
  },
  {
    name: 'a list that is paged',
    fault: (received) =>
      received.command === 'get_maintenance_list' && received.param.residence_id === R && isOwn(received)
        ? { body: { success: true, total: 70, next_page: CANARY, result: [{ maintenance_id: M, ...TICKET }] } }
        : undefined,
    code: 0,
    row: ['paging of a list', 'new', 'members total, next_page'],
  },
  {
    name: 'a ticket without maintenance_id',
    ticket: { maintenance_id: undefined },
    code: 1,
    row: ['maintenance_id in a list', 'differs', '0 of 1 usable, 0 different'],
    told: `${BROKEN}maintenance_id in a list: 1 of 1 tickets have no usable one and would be left out`,
  },
  {
    name: 'a maintenance_id that is a number',
    ticket: { maintenance_id: 13800138000 },
    code: 1,
    row: ['maintenance_id in a list', 'differs', '0 of 1 usable, 0 different'],
  },
  {
    name: 'an unknown state',
    ticket: { state: 'waiting for parts' },
    code: 1,
    row: ['state', 'differs', '2 × text; 2 of 2 cannot be read: "waiting for parts"'],
    told: `${BROKEN}state: 2 of 2 cannot be read`,
  },
  {
    name: 'a state that may be anything',
    ticket: { state: `${CANARY}, 13800138000` },
    code: 1,
    row: ['state', 'differs', '2 × text; 2 of 2 cannot be read: text'],
  },
  {
    name: 'a time of another form',
    ticket: { start_time: '2024-01-16T13:32:45+08:00' },
    code: 1,
    row: ['start_time', 'differs', '2 × text; 2 of 2 cannot be read: 9999-99-99a99:99:99+99:99'],
  },
  {
    name: 'a contact that is a number',
    ticket: { contact: 13800138000 },
    code: 1,
    row: ['contact', 'differs', '2 × number; 2 of 2 cannot be read: number'],
  },
  {
    name: 'texts that are none',
    ticket: { description: [CANARY], feedback: { text: CANARY }, maintenance_picture_url: [CANARY, 1] },
    code: 1,
    row: ['description', 'differs', '2 × list of text; 2 of 2 cannot be read: list of text'],
    told: [
      `${BROKEN}description: 2 of 2 cannot be read`,
      'feedback: 2 of 2 cannot be read',
      'maintenance_picture_url: 2 of 2 cannot be read',
    ].join('\n  '),
  },
  { name: 'null', ticket: { feedback: null }, code: 0, row: ['feedback', 'new', '2 × null'] },
  { name: 'an absent member', ticket: { feedback: undefined }, code: 0, row: ['feedback', 'new', '2 × absent'] },
  { name: 'an empty time', ticket: { finish_time: '' }, code: 0, row: ['finish_time', 'new', '2 × empty text'] },
  {
    name: 'no pictures',
    ticket: { maintenance_picture_url: [] },
    code: 0,
    row: ['maintenance_picture_url', 'new', '2 × empty list'],
  },
  {
    name: 'more members, some of them named by data',
    ticket: { priority: 3, handler: { name: CANARY }, '13800138000': CANARY, a13800138000: CANARY },
    code: 0,
    row: [
      'other members of a ticket',
      'new',
      [
        'priority (number), handler (object { name })',
        '<a name of 11 characters> (text), <a name of 12 characters> (text)',
      ].join(', '),
    ],
  },
  {
    name: 'an info that repeats its id',
    fault: ({ param }) => (param.maintenance_id === M ? ok({ maintenance_id: M, ...TICKET }) : undefined),
    code: 0,
    row: ['maintenance_id in an info', 'differs', 'the one asked for'],
  },
  {
    name: 'an info of another ticket',
    fault: ({ param }) => (param.maintenance_id === M ? ok({ maintenance_id: 'm1', ...TICKET }) : undefined),
    code: 1,
    row: ['maintenance_id in an info', 'differs', 'another one (text)'],
    told: `${BROKEN}maintenance_id in an info: is that of another ticket`,
  },
  {
    name: 'an info that knows more than the list',
    fault: ({ param }) => (param.maintenance_id === M ? ok({ ...TICKET, feedback: CANARY + CANARY }) : undefined),
    code: 0,
    row: ['an info beside its ticket in the list', 'differs', 'other feedback'],
  },
  {
    name: 'an info that is a list',
    fault: ({ param }) => (param.maintenance_id === M ? ok([TICKET]) : undefined),
    code: 1,
    row: [
      'get_maintenance_info',
      'differs',
      '200, invalid, with success (boolean), timestamp (number), result (list of object)',
    ],
  },
  {
    name: 'a command id that is refused when it comes again',
    fault: ({ id }) => (upstream.received.filter((one) => one.id === id).length > 1 ? no(409) : undefined),
    code: 1,
    row: ['a read again, with the same command id', 'new', '409, rejected, with success (boolean), timestamp (number)'],
    told: `${BROKEN}a read again, with the same command id: get_maintenance_list: status 409`,
  },
  {
    name: 'a bad token answered with a list',
    fault: (received) => (isOwn(received) ? undefined : ok([{ maintenance_id: M, ...TICKET }])),
    code: 1,
    row: ['a bad token', 'differs', '200, success, list of object'],
    told: `${BROKEN}a bad token: a failure that the code takes for a success`,
  },
  {
    name: 'a bad token refused without 401',
    fault: (received) => (isOwn(received) ? undefined : no(200, { error: { code: 10_003, msg: CANARY } })),
    code: 0,
    row: [
      'a bad token',
      'differs',
      '200, rejected, code 10003, with success (boolean), timestamp (number), error (object { code msg })',
    ],
  },
  {
    name: 'an unknown ticket answered with another one',
    fault: (received) => (isUnknownTicket(received) ? ok(TICKET) : undefined),
    code: 1,
    row: ['info of an unknown ticket', 'differs', '200, success, object'],
    told: `${BROKEN}info of an unknown ticket: a failure that the code takes for a success`,
  },
  {
    name: 'an unknown ticket answered with nothing',
    fault: (received) => (isUnknownTicket(received) ? ok(null) : undefined),
    code: 0,
    row: [
      'info of an unknown ticket',
      'holds',
      '200, invalid, with success (boolean), timestamp (number), result (null)',
    ],
  },
  {
    name: 'an unknown ticket answered with 500',
    fault: (received) => (isUnknownTicket(received) ? no(500) : undefined),
    code: 1,
    row: ['info of an unknown ticket', 'differs', '500, unavailable, with success (boolean), timestamp (number)'],
    told: `${BROKEN}info of an unknown ticket: is an error where the code means to answer that there is no such ticket`,
  },
  {
    name: 'an unknown residence answered with an empty list',
    fault: (received) => (isUnknownResidence(received) ? ok([]) : undefined),
    code: 0,
    row: ['list of an unknown residence', 'holds', '200, an empty list'],
  },
  {
    name: 'an unknown residence answered with tickets',
    fault: (received) => (isUnknownResidence(received) ? ok([{ maintenance_id: M, ...TICKET }]) : undefined),
    code: 1,
    row: ['list of an unknown residence', 'differs', '200, success, list of object'],
  },
  {
    name: 'an unknown command answered with success',
    fault: ({ command }) => (command === 'get_maintenance_nothing' ? ok({}) : undefined),
    code: 1,
    row: ['an unknown command', 'differs', '200, success, object'],
  },
  {
    name: 'a redirect, which is not followed',
    fault: ({ command }) =>
      command === 'get_maintenance_nothing' ? { status: 307, headers: { location: '/' }, body: CANARY } : undefined,
    code: 0,
    row: ['an unknown command', 'differs', '307, invalid, no JSON object, 6 characters'],
  },
  {
    name: 'a missing member answered with the list',
    fault: ({ param }) => (param.residence_id === undefined ? ok([]) : undefined),
    code: 1,
    row: ['a list without residence_id', 'differs', '200, success, empty list'],
  },
  {
    name: 'a failure without success or timestamp',
    fault: ({ command }) =>
      command === 'get_maintenance_nothing' ? { status: 404, body: { errorCode: TOKEN.slice(0, 9) } } : undefined,
    code: 0,
    row: [
      'members of a failure',
      'differs',
      [
        'timestamp (number or absent), success (boolean or absent)',
        'message (text or absent), errorCode (absent or text)',
      ].join(', '),
    ],
  },
  {
    name: 'a reset',
    fault: ({ command }, response) => {
      if (command !== 'get_maintenance_nothing') return undefined;
      response.destroy();
      return 'taken';
    },
    code: 2,
    row: ['an unknown command', 'not tried', 'get_maintenance_nothing: UND_ERR_SOCKET'],
    told: 'Nothing came back to:\n  an unknown command',
  },
];

describe('what differs in a read', () => {
  it.each(READ_CASES)('$name exits with $code', async ({ fault, ticket, code: expected, row, told }) => {
    if (ticket) upstream.store.residences.set(R, [{ maintenance_id: M, ...TICKET, ...ticket } as unknown as Ticket]);
    upstream.fail(fault);
    const { code, output, rows } = await run();
    const [what, ...found] = row;
    expect([what, ...(rows[what] ?? [])]).toEqual([what, ...found]);
    expect(output).toContain(told ?? '');
    expect(output.includes(TAKES_ALL)).toBe(expected === 0);
    expect(code).toBe(expected);
  });

  it('writes nothing where the list cannot be read, since nobody could tell which tickets are its own', async () => {
    upstream.fail(({ command }) => (command === 'get_maintenance_list' ? ok({ items: [] }) : undefined));
    const { code, rows } = await run(['--write']);
    expect([code, rows.create_maintenance_info]).toEqual([1, ['not tried', 'nothing to try it on']]);
    expect(commands()).toEqual([READS[0], ...READS.slice(3)]);
  });

  it('does not print a token that upstream repeats', async () => {
    const short = 'short-token';
    upstream.fail(({ command }) =>
      command === 'get_maintenance_list' ? ok([]) : no(400, { code: short, [short]: short }),
    );
    const { output, rows } = await run([], { COMMAND_API_TOKEN: short });
    expect(output).not.toContain(short);
    expect(rows['an unknown command']).toEqual([
      'holds',
      '400, rejected, code <token>, with success (boolean), timestamp (number), code (text), <token> (text)',
    ]);
  });
});

const isCreate = ({ command }: Received) => command === 'create_maintenance_info';
const isDelete = ({ command }: Received) => command === 'delete_maintenance_info';
const isBatchDelete = ({ command }: Received) => command === 'batch_delete_maintenance_info';
const isSecond = (received: Received, kind: (one: Received) => boolean) =>
  upstream.received.filter(kind).indexOf(received) === 1;

interface WriteCase extends Case {
  /** The commands after those that only read. */
  readonly sent: readonly string[];
  /** How many tickets of the check are still there in the end. */
  readonly left?: number;
  /** Whether a ticket may be there that nobody knows the id of. */
  readonly mayBeLeft?: true;
}

const [CREATE, INFO, , LIST, DELETE, , BATCH_DELETE] = WRITES as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
];

const WRITE_CASES: WriteCase[] = [
  {
    name: 'a create without an id',
    fault: (received) => (isCreate(received) ? ok({ id: 'm1' }) : undefined),
    code: 1,
    row: [
      'create_maintenance_info',
      'differs',
      '200, invalid, with success (boolean), timestamp (number), result (object { id })',
    ],
    told: 'Left over, for you to delete:\n  A ticket may have been created whose id was not told. Look for "Contract check',
    sent: [CREATE, CREATE],
    mayBeLeft: true,
  },
  {
    name: 'a create that is refused',
    fault: (received) => (isCreate(received) ? no(200, { code: 7 }) : undefined),
    code: 1,
    row: [
      'create_maintenance_info',
      'differs',
      '200, rejected, code 7, with success (boolean), timestamp (number), code (number)',
    ],
    sent: [CREATE, CREATE],
  },
  {
    name: 'a create that answers the id of another ticket, which is not deleted',
    fault: (received) => (isCreate(received) ? ok({ maintenance_id: M }) : undefined),
    code: 1,
    row: ['create_maintenance_info', 'differs', 'the id of a ticket that was there before'],
    told: 'A ticket may have been created whose id is not its own. Look for "Contract check c',
    sent: [CREATE, CREATE],
    mayBeLeft: true,
  },
  {
    name: 'a created ticket that cannot be read',
    fault: (received) => (upstream.received.some(isCreate) && received.command.startsWith('get') ? no(404) : undefined),
    code: 1,
    row: ['info of the created ticket', 'differs', '404, rejected, with success (boolean), timestamp (number)'],
    sent: [CREATE, INFO, CREATE, LIST, DELETE, DELETE, BATCH_DELETE],
  },
  {
    name: 'a created ticket that reads otherwise than it was given',
    fault: (received) => (isUnknownTicket(received) && upstream.received.some(isCreate) ? ok(TICKET) : undefined),
    code: 1,
    row: ['info of the created ticket', 'differs', 'other start_time, finish_time, description, contact'],
    sent: WRITES,
  },
  {
    name: 'a clock of another zone',
    fault: (received) => {
      const created = upstream.received.find(isCreate);
      if (!created || !isUnknownTicket(received)) return undefined;
      const { residence_id: _, ...given } = created.param;
      const there = new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
      return ok({ ...given, created_time: there });
    },
    code: 1,
    row: ['created_time of the created ticket', 'differs', '8.0 hours from now'],
    told: `${BROKEN}created_time of the created ticket: is not now in UTC`,
    sent: WRITES,
  },
  {
    name: 'a created ticket that is not listed at once',
    fault: ({ command }) =>
      command === 'get_maintenance_list' && upstream.received.some(isCreate) ? ok([]) : undefined,
    code: 0,
    row: ['created tickets in the next list', 'new', '200, 0 of 2 listed'],
    sent: WRITES.slice(0, -1),
  },
  {
    name: 'a delete of one already deleted that succeeds',
    fault: (received) => (isSecond(received, isDelete) ? ok({}) : undefined),
    code: 0,
    row: ['delete of one already deleted', 'new', '200, success'],
    sent: WRITES,
  },
  {
    name: 'a delete that fails, and fails again',
    fault: (received) => (isDelete(received) ? no(500) : undefined),
    code: 1,
    row: ['delete_maintenance_info', 'differs', '500, unavailable, with success (boolean), timestamp (number)'],
    told: 'of this check (500, unavailable, with success (boolean), timestamp (number)).',
    sent: [CREATE, INFO, CREATE, LIST, DELETE, BATCH_DELETE, LIST, DELETE],
    left: 1,
  },
  {
    name: 'a delete that is cut off, and fails again',
    fault: (received, response) => {
      if (!isDelete(received)) return undefined;
      response.destroy();
      return 'taken';
    },
    code: 1,
    row: ['delete_maintenance_info', 'not tried', 'delete_maintenance_info: UND_ERR_SOCKET'],
    told: 'of this check (delete_maintenance_info: UND_ERR_SOCKET).',
    sent: [CREATE, INFO, CREATE, LIST, DELETE, BATCH_DELETE, LIST, DELETE],
    left: 1,
  },
  {
    name: 'a delete that fails once',
    fault: (received) => (isDelete(received) && !isSecond(received, isDelete) ? no(503) : undefined),
    code: 1,
    row: ['delete_maintenance_info', 'differs', '503, unavailable, with success (boolean), timestamp (number)'],
    sent: [CREATE, INFO, CREATE, LIST, DELETE, BATCH_DELETE, LIST, DELETE],
  },
  {
    name: 'a batch delete that answers a list',
    fault: (received) => (isBatchDelete(received) ? ok([CANARY]) : undefined),
    code: 1,
    row: [
      'batch_delete_maintenance_info',
      'differs',
      '200, invalid, with success (boolean), timestamp (number), result (list of text)',
    ],
    told: `${BROKEN}batch_delete_maintenance_info: batch_delete_maintenance_info: unexpected result`,
    sent: [...WRITES, DELETE],
  },
  {
    name: 'a delete that says so and does nothing',
    fault: (received) => (isDelete(received) || isBatchDelete(received) ? ok({}) : undefined),
    code: 1,
    row: ['deleted tickets in the next list', 'differs', '2 of 2 still listed'],
    told: `${BROKEN}deleted tickets in the next list: a delete that did not happen was answered with success`,
    sent: WRITES,
    left: 2,
  },
];

/** The ids of the tickets of the residence that were not there before. */
function leftovers(): string[] {
  const tickets = upstream.store.residences.get(R) ?? [];
  return tickets.map(({ maintenance_id }) => maintenance_id).filter((id) => id !== M);
}

describe('what differs in a write', () => {
  it.each(WRITE_CASES)(
    '$name exits with $code',
    async ({ fault, code: expected, row, told, sent, left = 0, mayBeLeft = false }) => {
      upstream.fail(fault);
      const { code, output, rows } = await run(['--write']);
      const [what, ...found] = row;
      expect([what, ...(rows[what] ?? [])]).toEqual([what, ...found]);
      expect(output).toContain(told ?? '');
      expect(code).toBe(expected);
      expect(commands()).toEqual([...READS, ...sent]);
      const ids = leftovers();
      expect(ids).toHaveLength(left);
      // Each is told of, and no other.
      expect(output.includes('Left over')).toBe(left > 0 || mayBeLeft);
      const named = output.split('\n').flatMap((line) => /[Tt]he ticket (\S+) of this check/.exec(line)?.[1] ?? []);
      expect(named).toEqual(ids);
      expect(upstream.store.residences.get(R)?.[0]).toEqual({ maintenance_id: M, ...TICKET });
    },
  );

  it('cleans up where it is interrupted, and sends nothing else', async () => {
    let release = () => {};
    const arrived = new Promise<void>((resolve) => {
      upstream.fail((received, response) => {
        const created = upstream.received.find(isCreate);
        if (!created || !isUnknownTicket(received)) return undefined;
        release = () => response.end(JSON.stringify(ok(created.param).body));
        resolve();
        return 'taken';
      });
    });
    const { child, exit, interrupted, output } = start(['--write']);
    await Promise.race([arrived, exit]);
    child.kill('SIGINT');
    await Promise.race([interrupted, exit]);
    release();
    const { code } = toRan(await exit, output());
    expect(output()).toContain('Interrupted before the end.');
    expect(code).toBe(2);
    expect(commands()).toEqual([...READS, CREATE, INFO, DELETE]);
    expect(leftovers()).toEqual([]);
  });
});

describe('an environment in which nothing can be checked', () => {
  it('is told of every missing variable at once, through npm', async () => {
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn('npm', ['run', '--silent', 'contract'], { cwd: ROOT, env: { PATH, HOME } });
    running.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(2);
    expect(output).toBe(
      [
        'The environment cannot be used:',
        '  COMMAND_API_URL is missing: the origin of the command API, like https://api.ecloud.akubela.com',
        '  COMMAND_API_TOKEN is missing: an access token that the command API takes, without "Bearer"',
        '  COMMAND_API_RESIDENCE_ID is missing: the id of a residence that the token may read',
        '',
      ].join('\n'),
    );
  });

  const UNUSABLE: [env: Record<string, string>, args: string[], told: string][] = [
    [{ COMMAND_API_URL: '' }, [], 'COMMAND_API_URL is missing'],
    [{ COMMAND_API_URL: 'https://api.ecloud.akubela.com/api' }, [], 'COMMAND_API_URL must be an http or https origin'],
    [{ COMMAND_API_TOKEN: `Bearer ${TOKEN}` }, [], 'COMMAND_API_TOKEN must be visible ASCII without spaces'],
    [{ COMMAND_API_RESIDENCE_ID: '' }, [], 'COMMAND_API_RESIDENCE_ID is missing'],
    [{}, ['--wirte'], 'The only argument is --write: npm run contract -- --write'],
    [{}, ['--write', 'r1'], 'The only argument is --write'],
  ];

  it.each(UNUSABLE)('%j %j exits with 2 and sends nothing', async (env, args, told) => {
    const { code, output } = await run(args, env);
    expect(output).toContain(told);
    expect(output).not.toMatch(/^ +at /m);
    expect([code, upstream.commands()]).toEqual([2, []]);
  });

  const USELESS: [name: string, fault: Fault, told: RegExp][] = [
    ['a token that is refused', () => no(401), /says no .*: 401, unauthenticated, .*\. See COMMAND_API_TOKEN\.\n$/],
    [
      'a residence that is refused',
      () => no(200, { code: 9 }),
      /rejected, code 9, .*See COMMAND_API_RESIDENCE_ID\.\n$/,
    ],
    ['a residence that is forbidden', () => no(403), /403, forbidden, .*See COMMAND_API_RESIDENCE_ID\.\n$/],
    [
      'an outage',
      () => ({ status: 503, body: CANARY }),
      /does not serve: 503, unavailable, no JSON object, 6 characters\.\n$/,
    ],
    [
      'another server',
      () => ({ status: 404, body: CANARY }),
      /^No command API answers at http.*See COMMAND_API_URL\.\n$/,
    ],
    ['silence', () => 'taken', /does not serve: get_maintenance_list: no answer in 5 s\.\n$/],
  ];

  it.each(USELESS)(
    '%s exits with 2 after the first command',
    async (_, fault, told) => {
      upstream.fail(fault);
      const { code, output, rows } = await run(['--write']);
      expect(output).toMatch(told);
      expect([code, rows]).toEqual([2, {}]);
      expect(commands()).toEqual([READS[0]]);
    },
    20_000,
  );

  it('says where nobody listens', async () => {
    const { url, stop } = await serve(() => {});
    await stop();
    const { code, output } = await run([], { COMMAND_API_URL: url });
    expect(output).toBe(`The command API at ${url} does not serve: get_maintenance_list: ECONNREFUSED.\n`);
    expect(code).toBe(2);
  });
});
