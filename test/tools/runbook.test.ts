/** The runbook's shell for systemd, with stubs of journalctl and systemctl: the log, the way from an id to its cause, a new secret. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { readDocument } from '../support/documents.ts';
import { list } from '../support/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const folder = mkdtempSync(join(tmpdir(), 'runbook-'));
afterAll(() => rmSync(folder, { recursive: true }));
const subgraph = useSubgraph();
const runbook = readDocument('docs/runbook.md');
const FUNCTIONS = runbook.match(/^ {4}(failed|logs)\(\) \{\n(?: {6}.+\n)+ {4}\}\n/gm)?.join('');
const [ROTATE = ''] = /^ {7}cd \/etc(?:.+\n)+/m.exec(runbook) ?? [];
const [FIND_SECTION = ''] = /^## From an id to the cause\n(.(?!^## ))*/ms.exec(runbook) ?? [];
const FIND = FIND_SECTION.match(/^ {4}.*\n/gm)?.join('');
const STUBS = `journalctl() { cat "${folder}/journal"; }\nrestart() { echo restarted; }`;
const hasJq = !spawnSync('jq', ['--version']).error;
const [test, skipped] = hasJq ? [it, ''] : [it.skip, '. Skipped: jq is not installed.'];

function run(code: string): string[] {
  const script = `${FUNCTIONS}\n${STUBS}\n${code}`.replaceAll('/etc/maintenance-subgraph', folder);
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').slice(0, -1);
}

test(`logs, failed and the way from each kind of id find the commands and the cause${skipped}`, async () => {
  subgraph.upstream.fail(() => ({ status: 403, body: {} }));
  const trace = 'a'.repeat(32);
  const headers = { 'x-request-id': 'request-1', traceparent: `00-${trace}-${'b'.repeat(16)}-01` };
  const failed = await subgraph.ask(list().query, { ...list(), headers });
  const lines = subgraph.logText().trimEnd().split('\n');
  // systemd's own messages, and bytes that are no text.
  const messages = ['Started maintenance-subgraph@4001.service.', [255], ...lines];
  const unit = { _SYSTEMD_UNIT: 'maintenance-subgraph@4001.service' };
  writeFileSync(join(folder, 'journal'), messages.map((MESSAGE) => JSON.stringify({ ...unit, MESSAGE })).join('\n'));

  const logged = run('logs 1h').map((line) => JSON.parse(line));
  expect(logged.map(({ msg }) => msg)).toEqual(lines.map((line) => JSON.parse(line).msg));
  expect(logged[0].time).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const counted = /^ +1 FORBIDDEN get_maintenance_list status 403 null null \S+ maintenance-subgraph@4001\.service$/;
  expect(run('failed')).toEqual([expect.stringMatching(counted)]);
  const { commandId } = failed.errors[0]?.extensions ?? {};
  const forVendor = expect.stringMatching(`^\\S+Z ${commandId} get_maintenance_list status 403 $`);
  for (const id of ['request-1', trace, commandId])
    expect(run(`ID=${id}\n${FIND}`)).toEqual(expect.arrayContaining(['  "requestId": "request-1",', forVendor]));
});

test(`the rotation puts the new secret before the old one, and then drops that${skipped}`, () => {
  const file = join(folder, 'router-secret');
  writeFileSync(file, 'old\n');
  expect(run(`NEW=new\n${ROTATE}`)).toEqual(['restarted']);
  expect(readFileSync(file, 'utf8')).toBe('new old\n');
  expect(run(`NEW=new\n${ROTATE.replaceAll(' $OLD', '')}`)).toEqual(['restarted']);
  expect(readFileSync(file, 'utf8')).toBe('new\n');
});
