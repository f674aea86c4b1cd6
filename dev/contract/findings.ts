/**
 * The checks of the contract, and their results.
 */
import { COMMAND_NAMES } from '../../src/command-api/commands.ts';
import { describeError, describeFailure } from './describe.ts';
import type { Exchange, Outcome } from './exchange.ts';

/** `new` is an observation about which the contract says nothing. */
export type Verdict = 'holds' | 'differs' | 'not tried' | 'new';

const TIME = 'text, 2024-01-16 13:32:45';
const REFUSAL = 'a refusal';
const NOTHING = '–';

type Checks = Readonly<Record<string, readonly [name: string, promised: string]>>;

/** The rows of the table: the subject of each check, and the promise in docs/command-api.md or the assumption of the code. */
const READS = {
  list: ['get_maintenance_list', 'success, a list of tickets'],
  success: ['members of a success', 'success, timestamp, result'],
  ids: ['maintenance_id in a list', 'a text in each, all different'],
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
  sameId: ['a second read with the same command id', NOTHING],
  info: ['get_maintenance_info', 'success, a ticket'],
  infoId: ['maintenance_id in an info', 'absent'],
  agree: ['an info compared with the list', 'the same values'],
  unknownTicket: ['info of an unknown ticket', 'success: false, or no result'],
  unknownResidence: ['list of an unknown residence', 'a refusal, or an empty list'],
  unknownCommand: ['an unknown command', REFUSAL],
  missingParam: ['a list without residence_id', REFUSAL],
  badToken: ['a bad token', '401'],
  failure: ['members of a failure', 'success, timestamp'],
} as const satisfies Checks;

const WRITES = {
  create: ['create_maintenance_info', 'success, a maintenance_id'],
  readBack: ['info of the created ticket', 'the values of the create'],
  utc: ['created_time of the created ticket', 'now, in UTC'],
  createAgain: ['a second create', 'success, another maintenance_id'],
  listedAtOnce: ['created tickets in the next list', NOTHING],
  delete: ['delete_maintenance_info', 'success, an object'],
  deleteAgain: ['a second delete of the same ticket', NOTHING],
  batchDelete: ['batch_delete_maintenance_info', 'success, an object'],
  gone: ['deleted tickets in the next list', 'absent'],
} as const satisfies Checks;

const CHECKS = { ...READS, ...WRITES };
const NAMES = Object.values(CHECKS).map(([name]): string => name);
/** Commands that this check does not send yet. */
const UNTRIED = COMMAND_NAMES.filter((name) => !NAMES.includes(name));

export type CheckName = keyof typeof CHECKS;

export type Findings = ReturnType<typeof createFindings>;

/** Returns an empty record: every check is `not tried`. `write` is true if the checks of `--write` will run. */
export function createFindings(write: boolean) {
  const found = new Map<string, { verdict: Verdict; seen: string }>();
  const broken: string[] = [];
  const leftovers: string[] = [];
  const unanswered: string[] = [];
  /** `breaks` says why the code cannot handle the reply; undefined if it can. */
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
    /** Replies that the code rejects or misreads. */
    broken,
    /** Tickets of this check that exist, or may exist, at the end. */
    leftovers,
    /** Commands without a reply. */
    unanswered,
    add,
    addUnanswered,
    /** Adds the result of a command that should succeed. `describe` returns a summary of the decoded value. */
    addOutcome<T>(check: CheckName, exchange: Exchange, outcome: Outcome<T>, describe: (value: T) => string): void {
      const { reply } = exchange;
      if (!('text' in reply)) addUnanswered(check, describeError(exchange, reply));
      else if (!outcome.error) add(check, 'holds', `${reply.status}, ${describe(outcome.value)}`);
      else add(check, 'differs', describeFailure(exchange, outcome.error), describeError(exchange, outcome.error));
    },
    table(): string {
      const rows = Object.entries(CHECKS).map(([check, [name, promised]]) => {
        const seen = check in WRITES && !write ? 'needs --write' : 'no ticket to try';
        const one = found.get(check) ?? { verdict: 'not tried', seen };
        return [one.verdict, name, promised, one.seen];
      });
      const untried = UNTRIED.map((name) => ['not tried', name, 'success', NOTHING]);
      return layOut([['VERDICT', 'WHAT', 'PROMISED', 'SEEN'], ...rows, ...untried]);
    },
  };
}

function layOut(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}
