/**
 * What is checked, and what was found.
 */
import { describeError, describeFailure } from './describe.ts';
import type { Exchange, Outcome } from './exchange.ts';

/** What was promised came, or something else did; nobody asked; or it was told where nothing had been promised. */
export type Verdict = 'holds' | 'differs' | 'not tried' | 'new';

const TIME = 'text, 2024-01-16 13:32:45';
const REFUSAL = 'a refusal';
const NOTHING = '–';

type Checks = Readonly<Record<string, readonly [name: string, promised: string]>>;

/** Each row of the table: what is checked, and what docs/command-api.md promises of it or the code relies on. */
const READS = {
  list: ['get_maintenance_list', 'success, a list of tickets'],
  success: ['members of a success', 'success, timestamp, result'],
  ids: ['maintenance_id in a list', 'a text in each, no two alike'],
  start_time: ['start_time', TIME],
  finish_time: ['finish_time', TIME],
  created_time: ['created_time', TIME],
  description: ['description', 'text'],
  contact: ['contact', 'text'],
  feedback: ['feedback', 'text'],
  maintenance_picture_url: ['maintenance_picture_url', 'list of text'],
  state: ['state', 'text, one of the four'],
  extra: ['other members of a ticket', 'none'],
  paging: ['paging of a list', NOTHING],
  sameId: ['a read again, with the same command id', NOTHING],
  info: ['get_maintenance_info', 'success, a ticket'],
  infoId: ['maintenance_id in an info', 'absent'],
  agree: ['an info beside its ticket in the list', 'the same values'],
  unknownTicket: ['info of an unknown ticket', 'success: false, or no result'],
  unknownResidence: ['list of an unknown residence', 'a refusal, or an empty list'],
  unknownCommand: ['an unknown command', REFUSAL],
  missingParam: ['a list without residence_id', REFUSAL],
  badToken: ['a bad token', '401'],
  failure: ['members of a failure', 'success, timestamp'],
} as const satisfies Checks;

const WRITES = {
  create: ['create_maintenance_info', 'success, a maintenance_id'],
  readBack: ['info of the created ticket', 'what it was created with'],
  utc: ['created_time of the created ticket', 'now, in UTC'],
  createAgain: ['create, a second one', 'success, another maintenance_id'],
  listedAtOnce: ['created tickets in the next list', NOTHING],
  delete: ['delete_maintenance_info', 'success, an object'],
  deleteAgain: ['delete of one already deleted', NOTHING],
  batchDelete: ['batch_delete_maintenance_info', 'success, an object'],
  gone: ['deleted tickets in the next list', 'absent'],
} as const satisfies Checks;

const CHECKS = { ...READS, ...WRITES };

export type CheckName = keyof typeof CHECKS;

export type Findings = ReturnType<typeof createFindings>;

/** Every check is `not tried` until something is found; `write` says whether those of `--write` were wanted. */
export function createFindings(write: boolean) {
  const found = new Map<string, { verdict: Verdict; seen: string }>();
  const broken: string[] = [];
  const leftovers: string[] = [];
  const unanswered: string[] = [];
  /** `breaks` says what of it the code cannot take, where there is such a thing. */
  function add(check: CheckName, verdict: Verdict, seen: string, breaks?: string): void {
    const [name, promised] = CHECKS[check];
    found.set(check, { verdict: promised === NOTHING && verdict !== 'not tried' ? 'new' : verdict, seen });
    if (breaks !== undefined) broken.push(`${name}: ${breaks}`);
  }

  function addUnanswered(check: CheckName, reason: string): void {
    found.set(check, { verdict: 'not tried', seen: reason });
    unanswered.push(CHECKS[check][0]);
  }

  return {
    /** Why the code would not take what came, or would take it wrongly. */
    broken,
    /** Tickets of this check that are, or may be, still there. */
    leftovers,
    /** Commands that nothing came back to. */
    unanswered,
    add,
    addUnanswered,
    /** What became of a command that should have succeeded; `describe` tells of its value. */
    addOutcome<T>(check: CheckName, exchange: Exchange, outcome: Outcome<T>, describe: (value: T) => string): void {
      const { reply } = exchange;
      if (!('text' in reply)) addUnanswered(check, describeError(exchange, reply));
      else if (!outcome.error) add(check, 'holds', `${reply.status}, ${describe(outcome.value)}`);
      else add(check, 'differs', describeFailure(exchange, outcome.error), describeError(exchange, outcome.error));
    },
    table(): string {
      const rows = Object.entries(CHECKS).map(([check, [name, promised]]) => {
        const seen = check in WRITES && !write ? 'needs --write' : 'nothing to try it on';
        const one = found.get(check) ?? { verdict: 'not tried', seen };
        return [one.verdict, name, promised, one.seen];
      });
      return layOut([['VERDICT', 'WHAT', 'PROMISED', 'SEEN'], ...rows]);
    },
  };
}

function layOut(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}
