/** The workflows of GitHub: the shell of a release, with stubs of docker, cosign, gh and kubectl; where secrets go. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { ROUTER_SECRET } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { killAll } from '../support/process.ts';
import { startReplica } from '../support/replica.ts';

type Step = { name?: string; run?: string; env?: object; with?: object };
type Job = { steps?: Step[] };

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WORKFLOW = parse(readDocument('.github/workflows/release.yml'));
const { version: VERSION } = JSON.parse(readDocument('package.json'));
const NAME = 'ghcr.io/acme/maintenance';

/** Returns the shell of the job's only step whose name begins so. */
function shellOf(job: string, name: string): string {
  const steps: Step[] = WORKFLOW.jobs[job].steps.filter((step: Step) => step.name?.startsWith(name));
  expect(steps).toHaveLength(1);
  return String(steps[0]?.run);
}

const folders = mkdtempSync(join(tmpdir(), 'release-'));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(folders, 'test-'));
  for (const name of ['registry', 'signed']) mkdirSync(join(folder, name));
});
afterAll(() => {
  killAll();
  rmSync(folders, { recursive: true });
});

/** Runs shell as GitHub does. Resolves to its exit code, its error, the calls that change something, and its outputs. */
async function run(shell: string, env: NodeJS.ProcessEnv, cwd = folder) {
  const given = {
    PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
    FOLDER: folder,
    RUNNER_TEMP: folder,
    GITHUB_WORKSPACE: ROOT,
    GITHUB_OUTPUT: join(folder, 'output'),
    GITHUB_STEP_SUMMARY: join(folder, 'summary'),
    GITHUB_REPOSITORY: 'Acme/Maintenance',
    GITHUB_SERVER_URL: 'https://github.example',
    GITHUB_REF_TYPE: 'tag',
    GITHUB_RUN_ID: '7',
    ...env,
  };
  for (const name of ['output', 'calls']) writeFileSync(join(folder, name), '');
  const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', `${STUBS}\n${shell}`], {
    cwd,
    env: given,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = new Promise((resolve) => child.on('close', resolve));
  const [out] = await Promise.all([child.stdout.toArray(), child.stderr.toArray()]);
  const linesOf = (name: string) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1);
  const [, error = ''] = /^::error::(.*)$/m.exec(out.join('')) ?? [];
  return { code: await exit, error, calls: linesOf('calls'), output: linesOf('output') };
}

// A registry of files: an index by its tag, and by the hash of its content.
const STUBS = `
  keep() { cp "$1" "$FOLDER/registry/$(sha256sum < "$1" | cut -c-64)"; }
  docker() {
    local file ref tag metadata sources=() annotations='{}'
    case "$1 $2 $3" in
      'login '*) cat > /dev/null ;;
      'buildx build '*)
        echo "build $*" >> "$FOLDER/calls"
        echo '{"containerimage.digest":"sha256:4"}' > build.json ;;
      'buildx imagetools inspect')
        ref=$4
        [ "$4" != --raw ] || ref=$5
        file=$FOLDER/registry/\${ref##*:}
        [ -e "$file" ] && [ -z "$FAULT" ] || { echo "ERROR: $ref: \${FAULT:-not found}" >&2 && return 1; }
        if [ "$4" = --raw ]; then cat "$file"; else echo "{\\"digest\\":\\"sha256:$(sha256sum < "$file" | cut -c-64)\\"}"; fi ;;
      'buildx imagetools create')
        shift 3
        while [ $# -gt 0 ]; do
          case $1 in
            --tag) tag=\${2##*:} && shift ;;
            --metadata-file) metadata=$2 && shift ;;
            --annotation) annotations=$(jq --arg pair "\${2#index:}" '. + ($pair | capture("^(?<key>[^=]+)=(?<value>.*)$") | {(.key): .value})' <<< "$annotations") && shift ;;
            *) sources+=("$1") ;;
          esac
          shift
        done
        echo "tag $tag" >> "$FOLDER/calls"
        if [ "$tag" = "$FAILING_TAG" ]; then return 1; fi
        if [ "\${#sources[@]}" = 1 ]; then cp "$FOLDER/registry/\${sources[0]##*:}" "$FOLDER/registry/$tag"
        else echo "{\\"annotations\\":$annotations,\\"manifests\\":\\"\${sources[*]}\\"}" > "$FOLDER/registry/$tag"; fi
        keep "$FOLDER/registry/$tag"
        [ -z "$metadata" ] ||
          echo "{\\"containerimage.descriptor\\":{\\"digest\\":\\"sha256:$(sha256sum < "$FOLDER/registry/$tag" | cut -c-64)\\"}}" > "$metadata" ;;
    esac
  }
  gh() { [ "$2 $3" = 'repos/Acme/Maintenance/environments/production --jq' ] && jq "$4" <<< "$ENVIRONMENT"; }
  timeout() { shift && "$@"; }
  cosign() {
    local image=\${*: -1}
    case $1 in
      sign) echo sign >> "$FOLDER/calls" && touch "$FOLDER/signed/\${image##*@}" ;;
      verify) [ "$2 $3" = '--key deploy/cosign.pub' ] && [ -e "$FOLDER/signed/\${image##*@}" ] ;;
    esac
  }
  kustomize() { echo "kustomize $*" >> "$FOLDER/calls"; }
  kubectl() {
    [ "$1" != --namespace ] || { [ "$2" = graphql ] && shift 2; }
    case "$1 $2" in
      'get deployment/maintenance-subgraph') if [[ $* = *image* ]]; then echo "$BEFORE"; else echo "\${BEFORE:+4}"; fi ;;
      'get pods') [[ $* = *app.kubernetes.io/version=$VERSION* ]] && echo "$PODS" ;;
      'exec new') [ "$3 $4" = '--container maintenance-subgraph' ] && env "PORT=$PORT" "ROUTER_SECRET=$ROUTER_SECRET" "\${@:6}" ;;
      'apply view-last-applied') echo "$BEFORE" ;;
      'apply set-last-applied') echo "kubectl $1 $2 $3 \${4##*/}: $(cat "$4")" >> "$FOLDER/calls" ;;
      'rollout status')
        echo wait >> "$FOLDER/calls"
        local code=\${WAITS%% *}
        WAITS=\${WAITS#* }
        return "$code" ;;
      *) echo "kubectl $*" >> "$FOLDER/calls" ;;
    esac
  }`;

describe('a tag', () => {
  const shell = shellOf('check', 'The commit is on main');
  const git = (...args: string[]) => {
    const identity = ['-c', 'user.name=x', '-c', 'user.email=x@example.com', '-c', 'commit.gpgsign=false'];
    const { status, stderr } = spawnSync('git', [...identity, ...args], { cwd: folder, encoding: 'utf8' });
    expect({ status, stderr }).toMatchObject({ status: 0 });
  };

  it.each<[title: string, tag: string, changed: { changelog?: string; key?: string; elsewhere?: true }, error: RegExp]>(
    [
      ['of the version, on a commit of main, passes', 'v0.5.0', {}, /^$/],
      ['on another commit is refused', 'v0.5.0', { elsewhere: true }, /not on main/],
      ['of another version is refused', 'v0.5.1', {}, /version of package\.json 0\.5\.0/],
      ['without a section in the changelog is refused', 'v0.5.0', { changelog: '## 0.5.0-rc.1 — ' }, /no section/],
      ['without a key to sign is refused', 'v0.5.0', { key: '' }, /COSIGN_KEY/],
    ],
  )('%s', async (_, tag, { changelog = '## 0.5.0 — 2026-12-01\n', key = 'awskms:///alias/x', elsewhere }, error) => {
    writeFileSync(join(folder, 'package.json'), '{ "version": "0.5.0" }');
    writeFileSync(join(folder, 'CHANGELOG.md'), changelog);
    mkdirSync(join(folder, 'deploy'));
    writeFileSync(join(folder, 'deploy/cosign.pub'), '');
    git('init', '--quiet');
    git('add', 'package.json', 'CHANGELOG.md');
    git('commit', '--quiet', '--message', 'A commit of main');
    git('update-ref', 'refs/remotes/origin/main', 'HEAD');
    if (elsewhere) git('commit', '--quiet', '--allow-empty', '--message', 'A commit that nobody reviewed');
    const result = await run(shell, { GITHUB_REF_NAME: tag, COSIGN_KEY: key });
    expect(result).toMatchObject({ code: error.test('') ? 0 : 1, error: expect.stringMatching(error) });
  });
});

if (spawnSync('jq', ['--version']).error) {
  it.skip('the settings, the images of a release, and deployments. Skipped: jq is not installed.', () => {});
} else {
  describe('the settings of the environment', testSettings);
  describe('the images of a release', testImages);
  describe('a deployment', testDeployments);
}

function testSettings() {
  const protection_rules = [{ type: 'wait_timer' }, { type: 'required_reviewers' }];
  const deployment_branch_policy = { protected_branches: false, custom_branch_policies: true };
  it.each<[code: number, title: string, environment: object]>([
    [0, 'reviewers and a rule for tags', { protection_rules, deployment_branch_policy }],
    [1, 'no reviewers', { protection_rules: [], deployment_branch_policy }],
    [1, 'no rule for tags', { protection_rules, deployment_branch_policy: null }],
    [1, 'no environment', { message: 'Not Found' }],
  ])('end a release with %d: %s', async (code, _, environment) => {
    const result = await run(shellOf('settings', 'Only reviewers'), { ENVIRONMENT: JSON.stringify(environment) });
    expect(result).toMatchObject({ code, error: expect.stringMatching(code ? /needs reviewers and a rule/ : /^$/) });
  });
}

function testImages() {
  const SIGN = shellOf('sign', 'Make one index');
  const env = {
    GITHUB_REF_NAME: 'v0.5.0',
    REVISION: 'c0ffee',
    AMD64: `${NAME}@sha256:1`,
    ARM64: `${NAME}@sha256:2`,
  };
  const all = ['tag run-7', 'sign', 'tag 0.5.0'];
  const sign = (changed: NodeJS.ProcessEnv = {}) => run(SIGN, { ...env, ...changed });
  const verify = (changed: NodeJS.ProcessEnv = {}) =>
    run(shellOf('verify', 'Find the digest'), { ...env, VERSION: 'v0.5.0', ...changed });

  it.each(['amd64', 'arm64'])('are built for %s and pushed by their digest, without a tag', async (arch) => {
    const shell = shellOf('build', 'Build, and push');
    const given = { ...env, ARCH: arch, BASE: 'node:24@sha256:5', BUILDKIT: 'buildkit', SBOM: 'sbom' };
    const { code, calls, output } = await run(shell, given);
    expect({ code, output }).toEqual({ code: 0, output: [`${arch}=${NAME}@sha256:4`] });
    expect(calls).toEqual([expect.stringContaining(` --platform linux/${arch} --build-arg BASE=node:24@sha256:5 `)]);
    expect(calls[0]).toContain(`name=${NAME},push-by-digest=true,push=true`);
    expect(calls[0]).not.toContain('--tag');
  });

  it('get one index, which is signed before it has the tag', async () => {
    expect(await sign()).toMatchObject({ code: 0, calls: all });
    const { output } = await verify();
    expect(output).toEqual([
      'version=0.5.0',
      expect.stringMatching(`^image=${NAME}@sha256:[0-9a-f]{64}$`),
      'revision=c0ffee',
    ]);
  });

  it('are not signed twice if the run fails after the signature and runs again', async () => {
    expect(await sign({ FAILING_TAG: '0.5.0' })).toMatchObject({ code: 1, calls: all });
    expect(await sign()).toMatchObject({ code: 0, calls: ['tag run-7', 'tag 0.5.0'] });
    expect(await sign()).toMatchObject({ code: 0, calls: [] });
  });

  it('are not signed if somebody else made them under the version and the id of the run', async () => {
    const annotations = { 'com.github.run-id': '7', 'org.opencontainers.image.version': '0.5.0' };
    writeFileSync(join(folder, 'registry/0.5.0'), JSON.stringify({ annotations }));
    const error = expect.stringContaining(`${NAME}:0.5.0 has no signature, so this run did not make it`);
    expect(await sign()).toMatchObject({ code: 1, error, calls: [] });
  });

  it('never replace those of another run', async () => {
    await sign();
    const error = `${NAME}:0.5.0 exists, made by run 7. A release needs a new version.`;
    expect(await sign({ GITHUB_RUN_ID: '8' })).toMatchObject({ code: 1, error, calls: [] });
  });

  it('are not made while the registry does not answer', async () => {
    const error = `Whether ${NAME}:0.5.0 exists is unknown.`;
    expect(await sign({ FAULT: '503 Service Unavailable' })).toMatchObject({ code: 1, error, calls: [] });
  });

  it.each<[title: string, changed: NodeJS.ProcessEnv, error: RegExp]>([
    ['on a branch', { GITHUB_REF_TYPE: 'branch' }, /--ref v0\.5\.0/],
    ['without an overlay', { ACTION: 'deploy' }, /no variable OVERLAY/],
    ['without a graph', { ACTION: 'publish' }, /no variable APOLLO_GRAPH_REF/],
    ['without a signature', { VERSION: '0.4.0' }, /no valid signature/],
    ['for a tag that was moved to another version', { VERSION: '0.5.1' }, /0\.5\.0, not 0\.5\.1/],
  ])('are not deployed %s', async (_, changed, error) => {
    await sign();
    writeFileSync(join(folder, 'registry/0.4.0'), 'unsigned');
    cpSync(join(folder, 'registry/0.5.0'), join(folder, 'registry/0.5.1'));
    expect(await verify(changed)).toMatchObject({ code: 1, error: expect.stringMatching(error), output: [] });
  });
}

function testDeployments() {
  let url: string;
  beforeAll(async () => {
    ({ url } = await startReplica('http://127.0.0.1:9'));
  });
  const IMAGE = `${NAME}@sha256:3`;
  const deploy = [`kustomize edit set image maintenance-subgraph=${IMAGE}`, 'kubectl apply --kustomize .', 'wait'];
  const undo = 'kubectl rollout undo deployment/maintenance-subgraph --to-revision 4';
  const both = [...deploy, undo, 'kubectl apply set-last-applied --filename before.yaml: image-before', 'wait'];
  const pod = (name: string, creationTimestamp: number, changed = {}) => ({
    metadata: { name, creationTimestamp: `2026-12-01T00:00:0${creationTimestamp}Z`, ...changed },
    status: { conditions: [{ type: 'Ready', status: name === 'starting' ? 'False' : 'True' }] },
  });
  const ending = pod('ending', 4, { deletionTimestamp: '2026-12-01T00:01:00Z' });
  const items = [pod('new', 2), pod('old', 1), pod('starting', 3), ending, { metadata: {}, status: {} }];

  it.each<[title: string, env: NodeJS.ProcessEnv, calls: string[], error: string]>([
    ['that works stays', {}, deploy, ''],
    ['whose pods do not get ready goes back', { WAITS: '1 0' }, both, 'image-before runs again'],
    ['with another version goes back', { VERSION: '9.9.9' }, both, 'image-before runs again'],
    ['with a wrong secret goes back', { ROUTER_SECRET: 'x' }, both, 'image-before runs again'],
    ['says that the way back failed too', { WAITS: '1 1' }, both, 'so did the way back to image-before.'],
    ['only fails if it is the first', { WAITS: '1', BEFORE: '' }, deploy, 'Nothing was there before.'],
    ['without access to the cluster fails', { KUBECONFIG_YAML: '' }, [], 'no secret KUBECONFIG.'],
    ['works by the login of a cloud', { KUBECONFIG_YAML: '', KUBECONFIG: '/dev/null' }, deploy, ''],
  ])('%s', async (_, changed, calls, error) => {
    const env = {
      KUBECONFIG_YAML: 'x',
      OVERLAY: 'deploy/overlay-example',
      VERSION,
      IMAGE,
      BEFORE: 'image-before',
      PODS: JSON.stringify({ items }),
      WAITS: '0 0',
      PORT: new URL(url).port,
      ROUTER_SECRET,
      ...changed,
    };
    const result = await run(shellOf('deploy', 'Deploy, wait'), env, ROOT);
    expect(result).toMatchObject({ code: error ? 1 : 0, calls, error: expect.stringMatching(error || /^$/) });
  });
}

it.each(globSync('.github/workflows/*.yml'))('%s gives a secret only to the environment of a step', (file) => {
  const jobs: Job[] = Object.values(parse(readDocument(file)).jobs);
  const rest = jobs.map((job) => ({ ...job, steps: job.steps?.map(({ env, ...step }) => step) }));
  expect(JSON.stringify(rest)).not.toMatch(/secrets\b/);
});

it('no job of ci.yml is skipped, which would skip the jobs of a release after it', () => {
  const jobs: object[] = Object.values(parse(readDocument('.github/workflows/ci.yml')).jobs);
  expect(jobs.filter((job) => 'if' in job)).toEqual([]);
});

it('the runbook’s command to go back has the inputs of the workflow', () => {
  const [command = ''] = /gh workflow run .+/.exec(readDocument('docs/runbook.md')) ?? [];
  const fields = Array.from(command.matchAll(/--field (\w+)=/g), ([, field]) => field);
  expect(fields).toEqual(Object.keys(WORKFLOW.on.workflow_dispatch.inputs));
  expect(command).toMatch(/ release\.yml --ref v/);
});
