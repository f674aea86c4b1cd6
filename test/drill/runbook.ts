/**
 * Runs the runbook's commands from an id to the cause, with the drill's logs and the ids in its callers' errors.
 */
import { spawnSync } from 'node:child_process';
import { atLeast, type Figure } from '../soak/figures.ts';
import { readDocument as read } from '../support/documents.ts';
import type { CallerError, Site } from './site.ts';

const SECTION = 'From an id to the cause';
/** Each kind of id → the namespace with such errors. */
const IDS: Readonly<Partial<Record<keyof CallerError, string>>> = {
  requestId: 'some-fail',
  traceId: 'some-fail',
  commandId: 'some-fail',
  errorId: 'internal-error',
};

/** Returns the indented blocks of the section: the definitions of functions, and the commands with `$ID`. */
function readBlocks(markdown: string): { definitions: string; commands: string[] } {
  const [, section = ''] = markdown.split(`\n## ${SECTION}\n`);
  const [text = ''] = section.split('\n## ');
  const blocks = text.match(/(?:^ {4}.*\n)+/gm) ?? [];
  const commands = blocks.filter((block) => block.includes('"$ID"'));
  return { definitions: blocks.filter((block) => !commands.includes(block)).join(''), commands };
}

/** Runs each command with each kind of id. Each command and each kind must find something. */
export function runRunbook(sites: readonly Site[], output: string): Figure[] {
  const { definitions, commands } = readBlocks(read('docs/runbook.md'));
  const finds = (command: string, kind: string) => {
    const namespace = IDS[kind as keyof typeof IDS];
    const errors = sites.find((site) => site.namespace === namespace)?.errors ?? [];
    const ID = String(errors.map((error) => error[kind as keyof typeof IDS]).find((id) => id !== undefined));
    const script = `logs() { cat '${output}/${namespace}/logs.jsonl'; }\n${definitions}\n${command}`;
    const env = { PATH: process.env.PATH, ID };
    const { stdout, stderr, status } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], { encoding: 'utf8', env });
    if (status !== 0) console.log(`runbook: ${command}\n${stderr}`);
    return status === 0 && stdout.trim() !== '';
  };
  const kinds = Object.keys(IDS);
  const found = commands.map((command) => kinds.filter((kind) => finds(command, kind)));
  return [
    ...commands.map((command, at) => {
      const [first = ''] = command.trim().split('\n');
      return atLeast(`runbook: kinds of id that find an error with ${first}`, found[at]?.length ?? 0, 1);
    }),
    ...kinds.map((kind) =>
      atLeast(`runbook: commands that find a ${kind}`, found.filter((of) => of.includes(kind)).length, 1),
    ),
  ];
}
