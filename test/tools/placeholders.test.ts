/** `.ci/placeholders`, which a release calls, in a folder of its own. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';

const OWNERS = '* @acme/maintenance\n';
const REPORTS = 'Write to <security@acme.test>.\n';

it.each<[title: string, owners: string, reports: string | undefined, lines: string[]]>([
  [
    'placeholders of both files',
    '* @example/team\n',
    'Write to <security@example.com>.\n',
    ['.github/CODEOWNERS:1:* @example/team', 'SECURITY.md:1:Write to <security@example.com>.'],
  ],
  ['a missing file', OWNERS, undefined, []],
])('a release is refused for %s', (_, owners, reports, lines) => {
  const { status, stdout } = run(owners, reports);
  expect([status, stdout.split('\n').slice(0, -2)]).toEqual([1, lines]);
  expect(stdout).toMatch(/^::error::.+\.\n$/m);
});

it('a release is not refused with owners and an address of the company', () => {
  expect(run(OWNERS, REPORTS)).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

function run(owners: string, reports?: string) {
  const folder = mkdtempSync(join(tmpdir(), 'placeholders-'));
  try {
    for (const name of ['.ci', '.github']) mkdirSync(join(folder, name));
    cpSync('.ci/placeholders', join(folder, '.ci/placeholders'));
    writeFileSync(join(folder, '.github/CODEOWNERS'), owners);
    if (reports) writeFileSync(join(folder, 'SECURITY.md'), reports);
    return spawnSync(join(folder, '.ci/placeholders'), { encoding: 'utf8' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
