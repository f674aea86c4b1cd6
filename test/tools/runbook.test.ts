/** The runbook's shell for systemd: `logs`, `failed` and the rotation of the secret, with stubs of journalctl and systemctl. */
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
const FUNCTIONS = Array.from(
  runbook.matchAll(/^ {4}(failed|logs)\(\) \{\n(?: {6}.+\n)+ {4}\}\n/gm),
  ([code]) => code,
).join('');
const [ROTATE = ''] = /^ {7}cd \/etc(?:.+\n)+/m.exec(runbook) ?? [];
const [, FINISH = ''] = /With systemd: `(cp [^`]+)`/.exec(runbook) ?? [];
const STUBS = `journalctl() { cat "${folder}/journal"; }\nrestart() { echo restarted; }`;
const missing = ['bash', 'jq'].filter((tool) => spawnSync(tool, ['--version']).error);
const test = missing.length === 0 ? it : it.skip;
const skipped = missing.length === 0 ? '' : `. Skipped: ${missing.join(', ')} not installed.`;

function run(code: string): string[] {
  const script = `${FUNCTIONS}\n${STUBS}\n${code}`.replaceAll('/etc/maintenance-subgraph', folder);
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').slice(0, -1);
}

test(`logs prints the lines of the processes, and failed counts their failed commands${skipped}`, async () => {
  subgraph.upstream.fail(() => ({ status: 403, body: {} }));
  await subgraph.ask(list().query, list());
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
});

test(`the rotation makes the old secret the previous one, and then drops it${skipped}`, () => {
  const secrets = () =>
    ['router-secret', 'router-secret-previous'].map((name) => readFileSync(join(folder, name), 'utf8'));
  writeFileSync(join(folder, 'router-secret'), 'old\n');
  expect(run(`NEW=new\n${ROTATE}`)).toEqual(['restarted']);
  expect(secrets()).toEqual(['new\n', 'old\n']);
  expect(run(`cd ${folder}\n${FINISH}`)).toEqual(['restarted']);
  expect(secrets()).toEqual(['new\n', 'new\n']);
});
