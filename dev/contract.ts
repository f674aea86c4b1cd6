/**
 * `npm run contract`: compares a live command API with the contract of docs/command-api.md, and prints the differences.
 * Only reads, unless `--write` is given. Exits with 1 if the code cannot handle a reply or a test ticket remains, and
 * with 2 if the check is incomplete.
 */
import { makeValidator } from 'envalid';
import { ConfigError, checked, origin, readVariables, visible } from '../src/config.ts';
import { describeFailure } from './contract/describe.ts';
import { createSend, type Send } from './contract/exchange.ts';
import { createFindings, type Findings } from './contract/findings.ts';
import { checkMembers, checkReads, type ListRead, readList } from './contract/reads.ts';
import { checkWrites } from './contract/writes.ts';
import { readOptions } from './options.ts';

const token = checked(visible, 'must be visible ASCII without spaces: the token alone');

const id = makeValidator((text) => text);

/** An error of the command line or the command API. The message is enough for the user: no stack is printed. */
class CannotCheck extends Error {}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof CannotCheck)) throw error;
  console.error(redact(error.message));
  process.exitCode = 2;
}

async function main(): Promise<number> {
  const { write } = readOptions(
    {
      write: { type: 'boolean', default: false, help: 'creates, reads and deletes two tickets too' },
    },
    'Needs COMMAND_API_URL, COMMAND_API_TOKEN and COMMAND_API_RESIDENCE_ID: see docs/command-api.md.',
  );
  const env = readEnvironment();
  const send = createSend(env.COMMAND_API_URL, env.COMMAND_API_TOKEN);
  const residenceId = env.COMMAND_API_RESIDENCE_ID;
  const findings = createFindings(write);
  const tickets: Record<string, unknown>[] = [];
  const list = await readList(send, residenceId);
  refuseUseless(list, env.COMMAND_API_URL);

  const interrupted = listenForInterrupt();
  const sendUntilInterrupted: Send = async (sending) => {
    interrupted.throwIfAborted();
    return send(sending);
  };
  try {
    await checkReads(sendUntilInterrupted, residenceId, list, findings, tickets);
    // Without a list, the tickets of this check are indistinguishable from older tickets.
    if (write && !list.outcome.error) {
      const before = new Set(list.outcome.value.map(({ maintenanceId }) => maintenanceId));
      await checkWrites(sendUntilInterrupted, send, residenceId, before, findings, tickets);
    }
  } catch (error) {
    if (!interrupted.aborted) throw error;
  } finally {
    checkMembers(tickets, findings);
    console.log(redact(report(findings, interrupted.aborted)));
  }
  if (findings.broken.length > 0 || findings.leftovers.length > 0) return 1;
  return findings.unanswered.length > 0 || interrupted.aborted ? 2 : 0;
}

/** Throws a `ConfigError` that names every fault at once. */
function readEnvironment() {
  return readVariables(process.env, {
    COMMAND_API_URL: origin({
      desc: 'is missing: the origin of the command API, like https://api.ecloud.akubela.com',
    }),
    COMMAND_API_TOKEN: token({ desc: 'is missing: an access token that the command API accepts, without "Bearer"' }),
    COMMAND_API_RESIDENCE_ID: id({ desc: 'is missing: the id of a residence that the token may read' }),
  });
}

/** Throws if the first reply shows a wrong token, residence or origin: every further command would fail the same way. */
function refuseUseless({ exchange, outcome: { error } }: ListRead, url: string): void {
  if (!error) return;
  const seen = describeFailure(exchange, error);
  if (error.health === 'down') throw new CannotCheck(`The command API at ${url} is unavailable: ${seen}.`);
  if (error.outcome === 'REJECTED') {
    const variable = error.reason === 'unauthenticated' ? 'COMMAND_API_TOKEN' : 'COMMAND_API_RESIDENCE_ID';
    throw new CannotCheck(`The command API refuses to list the residence: ${seen}. See ${variable}.`);
  }
  const isSuccess = 'text' in exchange.reply && exchange.reply.status < 300;
  if (!isSuccess) throw new CannotCheck(`There is no command API at ${url}: ${seen}. See COMMAND_API_URL.`);
}

/** Returns a signal that the first Ctrl-C or SIGTERM aborts. After that, only the clean-up sends commands. */
function listenForInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (!controller.signal.aborted) console.error('Interrupted: waiting for the current command, then cleaning up.');
      controller.abort();
    });
  }
  return controller.signal;
}

/** Removes the token: upstream may repeat it as an error code or as the name of a member. */
function redact(text: string): string {
  const { COMMAND_API_TOKEN } = process.env;
  return COMMAND_API_TOKEN ? text.replaceAll(COMMAND_API_TOKEN, '<token>') : text;
}

function report(findings: Findings, interrupted: boolean): string {
  const { broken, unanswered, leftovers } = findings;
  const sections = [findings.table()];
  if (broken.length > 0) sections.push(['The code cannot handle:', ...broken].join('\n  '));
  if (unanswered.length > 0) sections.push(['No reply to:', ...unanswered].join('\n  '));
  if (interrupted) sections.push('Interrupted before the end.');
  if (leftovers.length > 0) sections.push(['Delete by hand:', ...leftovers].join('\n  '));
  if (sections.length === 1) sections.push('The code handles every reply.');
  return sections.join('\n\n');
}
