/** What guards a release: the shell of release.yml, with stubs of git, docker, cosign, kustomize and kubectl. */
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import manifest from '../../package.json' with { type: 'json' };
import { ROUTER_SECRET } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

// A registry with one index, $INDEX, and a cluster whose rollouts end with the codes $WAITS.
const STUBS = `
  call() { echo "$*" >> calls; }
  git() { [ "$ON_MAIN" ]; }
  docker() {
    case "$2 $3 $4" in
      *'inspect --raw') [ "$INDEX" ] && echo "$INDEX" || { echo "ERROR: $5: \${FAULT:-not found}" >&2; return 1; } ;;
      *inspect*) echo '{"digest":"sha256:1"}' ;;
      *create*) call "tag \${5##*:}"; echo '{"containerimage.descriptor":{"digest":"sha256:1"}}' > made.json ;;
      *) cat > /dev/null ;;
    esac
  }
  cosign() { if [ "$1" = verify ]; then [ "$SIGNED" ]; else SIGNED=yes; call sign; fi; }
  timeout() { shift; "$@"; }
  kustomize() { call "kustomize $*"; }
  kubectl() {
    case "$*" in
      *get*image*) echo "$BEFORE" ;;
      *get*revision*) echo 4 ;;
      *get\\ pods*) echo "$PODS" ;;
      *exec\\ new*) env "PORT=$PORT" "ROUTER_SECRET=$ROUTER_SECRET" "\${@:8}" ;;
      *rollout\\ status*) call wait; local code=\${WAITS%% *}; WAITS=\${WAITS#* }; return "$code" ;;
      *view-last-applied*) ;;
      *) call "$*" ;;
    esac
  }`;

const folder = mkdtempSync(join(tmpdir(), 'release-'));
afterAll(() => rmSync(folder, { recursive: true }));
function write(name: string, text: string) {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

const subgraph = useSubgraph();
const { jobs } = parse(readDocument('.github/workflows/release.yml'));

const pod = (name: string, changed = {}) => ({
  metadata: { name, creationTimestamp: '2026-12-01T00:00:00Z', ...changed },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
});
const index = (run: string, version = '0.5.0') => {
  const image = 'org.opencontainers.image';
  const annotations = { 'com.github.run-id': run, [`${image}.version`]: version, [`${image}.revision`]: 'c0ffee' };
  return JSON.stringify({ annotations });
};
const PODS = JSON.stringify({ items: [pod('new'), pod('z', { deletionTimestamp: '2026-12-01T00:01:00Z' })] });
const GITHUB = { GITHUB_REPOSITORY: 'Acme/Maintenance', GITHUB_OUTPUT: 'output', GITHUB_STEP_SUMMARY: 'summary' };
const TAG = { GITHUB_REF_NAME: 'v0.5.0', GITHUB_REF_TYPE: 'tag', GITHUB_RUN_ID: '7', GITHUB_WORKSPACE: resolve('.') };
const CLUSTER = { KUBECONFIG_YAML: 'x', OVERLAY: '.', VERSION: manifest.version, IMAGE: 'x', PODS, ROUTER_SECRET };
const ENV = {
  ...GITHUB,
  ...TAG,
  ...CLUSTER,
  ON_MAIN: 'yes',
  COSIGN_KEY: 'x',
  BEFORE: 'old',
  WAITS: '0 0',
  RUNNER_TEMP: '.',
};

const MADE = ['tag run-7', 'sign', 'tag 0.5.0'];
const DEPLOY = ['kustomize edit set image maintenance-subgraph=x', 'apply --kustomize .', 'wait'];
const UNDO = '--namespace graphql rollout undo deployment/maintenance-subgraph --to-revision 4';
const RESTORE = '--namespace graphql apply set-last-applied --filename ./before.yaml';
const BOTH = [...DEPLOY, UNDO, RESTORE, 'wait'];
const ROWS: [title: string, job: string, env: NodeJS.ProcessEnv, error: RegExp, calls?: string[]][] = [
  ['a tag of the version, on main, passes', 'check', {}, /^$/],
  ['a tag on a commit that is not on main is refused', 'check', { ON_MAIN: '' }, /not on main/],
  ['a tag of another version is refused', 'check', { GITHUB_REF_NAME: 'v0.5.1' }, /version of package\.json 0\.5\.0/],
  ['a tag without a key to sign is refused', 'check', { COSIGN_KEY: '' }, /COSIGN_KEY/],
  ['a version is signed before it has its tag', 'sign', {}, /^$/, MADE],
  ['a version is not signed twice', 'sign', { SIGNED: 'yes' }, /^$/, ['tag run-7', 'tag 0.5.0']],
  ['a version stays if the same run made it', 'sign', { INDEX: index('7'), SIGNED: 'yes' }, /^$/],
  ['a version never replaces that of another run', 'sign', { INDEX: index('6'), SIGNED: 'yes' }, /made by run 6/],
  ['a version that anyone made is refused', 'sign', { INDEX: index('7') }, /has no signature/],
  ['a version is not made while the registry fails', 'sign', { FAULT: '503' }, /exists is unknown/],
  ['a signed version is deployed', 'verify', { VERSION: 'v0.5.0', INDEX: index('7'), SIGNED: 'yes' }, /^$/],
  ['a version without a signature is not deployed', 'verify', { INDEX: index('7') }, /no valid signature/],
  ['a moved tag is not deployed', 'verify', { VERSION: 'v0.5.1', INDEX: index('7'), SIGNED: 'yes' }, /, not 0\.5\.1/],
  ['a deployment that works stays', 'deploy', {}, /^$/, DEPLOY],
  ['a deployment whose pods do not get ready goes back', 'deploy', { WAITS: '1 0' }, /old runs again/, BOTH],
  ['a deployment with another version goes back', 'deploy', { VERSION: '9.9.9' }, /old runs again/, BOTH],
  ['a deployment says that the way back failed', 'deploy', { WAITS: '1 1' }, /so did the way back to old/, BOTH],
  ['the first deployment only fails', 'deploy', { WAITS: '1', BEFORE: '' }, /Nothing was there before/, DEPLOY],
];
const STEPS: Record<string, string> = {
  check: 'The commit is',
  sign: 'Make one',
  verify: 'Find the',
  deploy: 'Deploy, wait',
};

const hasJq = !spawnSync('jq', ['--version']).error;
(hasJq ? it : it.skip).each(ROWS)(`%s${hasJq ? '' : '. Skipped: jq is not installed.'}`, async (...row) => {
  const [, job, env, error, calls = []] = row;
  const shell = jobs[job].steps.find(({ name = '' }) => name.startsWith(String(STEPS[job]))).run;
  write('package.json', '{"version":"0.5.0"}');
  write('CHANGELOG.md', '## 0.5.0 — 2026-12-01\n');
  write('kustomization.yaml', 'namespace: graphql\n');
  for (const name of ['deploy/cosign.pub', 'calls']) write(name, '');
  const PATH = `${dirname(process.execPath)}:${process.env.PATH}`;
  const given = { ...ENV, PATH, PORT: new URL(subgraph.url).port, ...env };
  const args = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', `${STUBS}\n${shell}`];
  const bash = promisify(execFile)('bash', args, { env: given, cwd: folder });
  const { code = 0, stdout } = await bash.catch((failure) => failure);
  expect([code, /^::error::(.*)$/m.exec(stdout)?.[1] ?? '']).toEqual([
    error.test('') ? 0 : 1,
    expect.stringMatching(error),
  ]);
  expect(readFileSync(join(folder, 'calls'), 'utf8').split('\n').slice(0, -1)).toEqual(calls);
});

it.each([
  ['@example/team', 1],
  ['@acme/team', 0],
])('with the owner %s, .ci/placeholders ends with %i', (owner, code) => {
  write('.github/CODEOWNERS', `* ${owner}\n`);
  write('SECURITY.md', 'Write to <security@acme.test>.\n');
  cpSync('.ci/placeholders', join(folder, '.ci/placeholders'));
  expect(spawnSync(join(folder, '.ci/placeholders')).status).toBe(code);
});

it.each(globSync('.github/workflows/*.yml'))('%s gives a secret only to the environment of a step', (file) => {
  const workflow = readDocument(file).replace(/^ {8}env:\n(?: {10}.*\n)+/gm, '');
  expect(workflow.match(/^[^#\n]*\bsecrets\..*$/gm)).toBeNull();
});
