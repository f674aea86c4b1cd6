/**
 * What guards a release: the shell of release.yml and scan.yml, with stubs of docker, cosign, kustomize, kubectl and npx; settings.sh, with
 * a stub of gh; the Dockerfile's compile cache.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import manifest from '../../package.json' with { type: 'json' };
import { ROUTER_SECRET } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { skipped, itWithJq as test } from '../support/jq.ts';
import { start, watch } from '../support/process.ts';
import { useFolder } from '../support/use-folder.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

// The registry has one index, $INDEX, and all versions except $LACKS. The cluster's rollouts end with the codes $WAITS, and its only pod
// is the subgraph of this test.
const STUBS = `
  exec 2>&1
  call() { echo "call $*" >&2; }
  index() {
    local image=org.opencontainers.image
    echo '{"annotations":{"com.github.run-id":"'$1'","'$image'.version":"0.5.0","'$image'.revision":"'\${2-$(git rev-parse HEAD)}'"}}'
  }
  git() { if [ "$1" = merge-base ]; then [ "$ON_MAIN" ]; else command git "$@"; fi; }
  absent() { echo "ERROR: $1: \${FAULT:-not found}" >&2; return 1; }
  docker() {
    case "$2 $3 $4" in
      *'inspect --raw') [ "$INDEX" ] && echo "$INDEX" || absent "$5" ;;
      *inspect*) [[ $4 != *:$LACKS ]] && echo '{"digest":"sha256:'\${4##*:}'"}' || absent "$4" ;;
      *create*) call "tag \${5##*:}"; echo '{"containerimage.descriptor":{"digest":"sha256:1"}}' > made.json ;;
      *) cat > /dev/null ;;
    esac
  }
  cosign() { if [ "$1" = verify ]; then [ "$SIGNED" ]; else SIGNED=yes; call sign; fi; }
  .ci/scan() { call "scan $*"; }
  npx() {
    call "$3"
    case "$*" in
      *check*) echo "$CHECK"; [ -z "$CHECK" ] ;;
      *publish*--format\\ json) echo "{\\"data\\":{\\"success\\":true},\\"error\\":\${ERROR:-null}}" ;;
    esac
  }
  timeout() { shift; "$@"; }
  kustomize() { if [ "$1" = build ]; then printf 'subjects:\n  namespace: ci\nmetadata:\n  namespace: %s\n' $NAMESPACES; else call "kustomize $*"; fi; }
  kubectl() {
    case "$*" in
      *get*image*) echo "$BEFORE" ;;
      *get*revision*) echo 4 ;;
      *get\\ pods*) echo '{"items":[{"metadata":{"name":"new"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}]}' ;;
      *exec\\ new*) env "PORT=$PORT" "ROUTER_SECRET=$ROUTER_SECRET other" "\${@:8}" ;;
      *rollout\\ status*) call wait; local code=\${WAITS%% *}; WAITS=\${WAITS#* }; return "$code" ;;
      *view-last-applied*) ;;
      *) call "$*" ;;
    esac
  }
  mkdir -p deploy/base .ci .github docs && touch deploy/cosign.pub SECURITY.md && cp "$GITHUB_WORKSPACE/.ci/placeholders" .ci
  echo '{"version":"0.5.0"}' > package.json; echo '## 0.5.0 — 2026-12-01' > CHANGELOG.md; NAMESPACES='graphql "graphql"'
  echo 'app.kubernetes.io/version: 0.5.0' > deploy/base/kustomization.yaml
  GITHUB_REPOSITORY=Acme/Maintenance GITHUB_REF_NAME=v0.5.0 GITHUB_REF_TYPE=tag GITHUB_RUN_ID=7 RUNNER_TEMP=.
  GITHUB_OUTPUT=output GITHUB_STEP_SUMMARY=summary ON_MAIN=yes COSIGN_KEY=x OVERLAY=. IMAGE=x KUBECONFIG_YAML=x BEFORE=old WAITS='0 0'
  GITHUB_EVENT_NAME=push APOLLO_KEY=x APOLLO_GRAPH_REF=x`;
// The tag of the version is annotated.
const REPOSITORY = `git init --quiet . && git config user.name x && git config user.email x && git commit --quiet --allow-empty --message x
  git tag --annotate --message x v0.5.0 && git tag v0.10.0-rc.1 && git tag v0.10.0 && git tag v0.9.0`;

const { jobs } = parse(readDocument('.github/workflows/release.yml'));
const scan = parse(readDocument('.github/workflows/scan.yml')).jobs;
const stepOf = (job: string, name: string, from = jobs) =>
  from[job].steps.find((step: { name?: string }) => step.name?.startsWith(name));
const SHELL = {
  placeholders: `echo "$OWNER" > .github/CODEOWNERS; echo "$CONTACT" > docs/runbook.md; echo "$SUPPORT" > README.md
    echo "$REPOSITORY" > package.json; .ci/placeholders`,
  check: stepOf('check', 'The commit is').run,
  sign: stepOf('sign', 'Make one index').run,
  verify: stepOf('verify', 'Find the digest').run,
  deploy: stepOf('deploy', 'Deploy, wait').run,
  publish: stepOf('publish', 'Check the schema').run,
  scan: stepOf('scan', 'Scan its digest', scan).run,
};

const MADE = ['tag run-7', 'sign', 'tag 0.5.0'];
const DEPLOY = ['kustomize edit set image maintenance-subgraph=x', 'apply --kustomize .', 'wait'];
const UNDO = '--namespace graphql rollout undo deployment/maintenance-subgraph --to-revision 4';
const RESTORE = '--namespace graphql apply set-last-applied --filename ./before.yaml';
const BOTH = [...DEPLOY, UNDO, RESTORE, 'wait'];
const FAILS = `ERROR='{"code":"E029"}'`;
const BY_HAND = `GITHUB_EVENT_NAME=workflow_dispatch ${FAILS}`;
const TAGS = ['v0.10.0', 'v0.10.0-rc.1', 'v0.9.0', 'v0.5.0'];
const lacks = (tag: string) => `The registry lacks ${tag}: its release failed, or has not ended.`;
const scans = (version: string) =>
  ['amd64', 'arm64'].map((arch) => `scan linux/${arch} ghcr.io/acme/maintenance@sha256:${version}`);
const OLDER = [...TAGS.slice(0, 2).map(lacks), ...scans('0.9.0')];
const ROWS: [title: string, step: keyof typeof SHELL, variables: string, error: RegExp, calls?: string[]][] = [
  ['your own teams and addresses pass', 'placeholders', '', /^$/],
  ['a placeholder of the owners is refused', 'placeholders', 'OWNER=@example/team', /put in your teams/],
  ['a placeholder of the contacts is refused', 'placeholders', 'CONTACT=vendor@example.com', /contacts/],
  ['a placeholder of the support is refused', 'placeholders', 'SUPPORT="<help@example.com>"', /addresses/],
  ['the placeholder URL is refused', 'placeholders', 'REPOSITORY=https://github.com/example/maintenance', /repository/],
  ['a tag of the version, on main, passes', 'check', '', /^$/],
  ['a tag on a commit that is not on main is refused', 'check', 'ON_MAIN=', /not on main/],
  ['a tag of another version is refused', 'check', 'GITHUB_REF_NAME=v0.5.1', /version of package\.json 0\.5\.0/],
  ['a tag without its label is refused', 'check', 'rm -r deploy/base', /kustomization\.yaml is not of 0\.5\.0/],
  ['a tag without a key to sign is refused', 'check', 'COSIGN_KEY=', /COSIGN_KEY/],
  ['a version is signed before it has its tag', 'sign', '', /^$/, MADE],
  ['a version stays if the same run made it', 'sign', 'INDEX=$(index 7) SIGNED=yes', /^$/],
  ['a version never replaces that of another run', 'sign', 'INDEX=$(index 6) SIGNED=yes', /made by run 6/],
  ['a version that anyone made is refused', 'sign', 'INDEX=$(index 7)', /has no signature/],
  ['a version is not made while the registry fails', 'sign', 'FAULT=503', /exists is unknown/],
  ['a signed version is deployed', 'verify', 'VERSION=v0.5.0 INDEX=$(index 7) SIGNED=yes', /^$/],
  ['a version without a signature is not deployed', 'verify', 'INDEX=$(index 7)', /no valid signature/],
  ['a moved tag is not deployed', 'verify', 'VERSION=v0.5.1 INDEX=$(index 7) SIGNED=yes', /, not 0\.5\.1/],
  ['an image of another commit is refused', 'verify', 'VERSION=0.5.0 INDEX=$(index 7 c0ffee) SIGNED=yes', /not of/],
  ['a deployment that works stays', 'deploy', '', /^$/, DEPLOY],
  ['a deployment whose pods do not get ready goes back', 'deploy', 'WAITS="1 0"', /old runs again/, BOTH],
  ['a deployment into no namespace is refused', 'deploy', 'NAMESPACES=', /must have one namespace, not: $/],
  ['a deployment into two namespaces is refused', 'deploy', 'NAMESPACES="a b"', /must have one namespace, not: a, b/],
  ['a deployment with another version goes back', 'deploy', 'VERSION=9.9.9', /old runs again/, BOTH],
  ['a deployment says that the way back failed', 'deploy', 'WAITS="1 1"', /so did the way back to old/, BOTH],
  ['a schema is checked, and published', 'publish', '', /^$/, ['check', 'publish']],
  ['a schema is not published if its check fails', 'publish', 'CHECK=::error::E030', /E030/, ['check']],
  ['a schema that does not compose is reported', 'publish', FAILS, /keep the supergraph/, ['check', 'publish']],
  ['a schema by hand that does not compose is reported', 'publish', BY_HAND, /keep the supergraph/, ['publish']],
  ['the newest version is scanned', 'scan', '', /^$/, scans('0.10.0')],
  ['a version that the registry lacks is named, and an older one scanned', 'scan', 'LACKS=0.10.0*', /^$/, OLDER],
  ['a scan without any version is refused', 'scan', 'LACKS=*', /no version to scan/, TAGS.map(lacks)],
  ['a scan does not take an outage for a missing version', 'scan', 'LACKS=0.10.0 FAULT=503', /v0\.10\.0 is unknown/],
  ['a scan without tags passes', 'scan', 'git() { :; }', /^$/, ['No release yet.']],
];

const subgraph = useSubgraph();
const { folder, write } = useFolder('release');
const PATH = `${dirname(process.execPath)}:${process.env.PATH}`;
beforeAll(() => void execFileSync('bash', ['--norc', '-ec', REPOSITORY], { cwd: folder, env: { PATH } }));
test.each(ROWS)(`%s${skipped}`, async (...row) => {
  const [, step, variables, error, calls = []] = row;
  const pod = { VERSION: manifest.version, PORT: new URL(subgraph.url).port, ROUTER_SECRET };
  const args = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', [STUBS, variables, SHELL[step]].join('\n')];
  const env = { PATH, GITHUB_WORKSPACE: resolve('.'), ...pod };
  const bash = watch(start('bash', args, env, { cwd: folder }));
  expect(await bash.exit).toBe(error.test('') ? 0 : 1);
  expect(/^::error::(.*)$/m.exec(bash.output())?.[1] ?? '').toMatch(error);
  expect(bash.output().match(/(?<=^call |^::warning::).*|^No release.*/gm) ?? []).toEqual(calls);
});

it('the image caches no SDK of tracing, whose variables BuildKit sets', () => {
  const [, run = ''] = /^RUN (OTEL_.*?'SIGTERM'.*?)$/ms.exec(readDocument('Dockerfile')) ?? [];
  const otel = { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'unix:///dev/otel-grpc.sock' };
  const env = { PATH, NODE_COMPILE_CACHE: join(folder, 'cache'), NODE_DEBUG_NATIVE: 'COMPILE_CACHE', ...otel };
  const command = `{ ${run.replace('/app', resolve('.'))}; } 2>&1 | grep -oE 'src/main.ts|sdk-node' | sort -u`;
  expect(execFileSync('sh', ['-c', command], { env, encoding: 'utf8' })).toBe('src/main.ts\n');
});

it.each(globSync('.github/workflows/*.yml'))('%s gives a secret only to the environment of a step', (file) => {
  const workflow = readDocument(file).replace(/^ {8}env:\n(?: {10}.*\n)+/gm, '');
  expect(workflow.match(/^[^#\n]*\bsecrets\..*$/gm)).toBeNull();
});

it('the job that compares a version with its Git tag fetches all tags', () => {
  expect(jobs.verify.steps[0].with).toMatchObject({ 'fetch-depth': 0 });
});

// A skipped job would skip build, sign and deploy, in a green run.
const CALLED = Object.values<{ uses?: string }>(jobs).flatMap(({ uses }) => uses ?? []);
it.each(CALLED)('no job of %s, which a release calls, has a condition', (file) => {
  const called: { jobs: Record<string, { if?: string }> } = parse(readDocument(file));
  expect(Object.values(called.jobs).filter((job) => job.if !== undefined)).toEqual([]);
});

// Keeps the settings in a file, by their paths, in the forms that GitHub documents.
const GH = `
  gh() {
    local path=\${2#repos/Acme/Maintenance} body=null change='.[$path] = $body'
    path=\${path%\\?*}
    [ "\${5-}" != --input ] || body=$(cat)
    case "\${4-GET} $path" in
      'GET ') echo "{ \\"permissions\\": { \\"admin\\": $ADMIN } }" && return ;;
      GET\\ orgs*\${TEAM-/releases}) echo '{ "id": 7 }' && return ;;
      GET*) jq --exit-status --arg path "$path" '.[$path]' state.json && return; echo 'gh: (HTTP 404)' >&2; return 1 ;;
      DELETE*policies*) change='.[$path | sub("/[0-9]+$"; "")].branch_policies = []' ;;
      DELETE*) change='del(.[$path])' ;;
      *policies) change='.[$path].branch_policies += [{ id: 1 } + $body]' ;;
      POST\\ /rulesets) change='.[$path] += [$body + { id: length }] | .["\\($path)/\\(.[$path][-1].id)"] = $body' ;;
      *production) change='.[$path] = ($body | { can_admins_bypass, deployment_branch_policy, protection_rules: [
        { type: "required_reviewers", prevent_self_review, reviewers: [{ type: "Team", reviewer: { slug: "releases" } }] }] })
        | .["\\($path)/deployment-branch-policies"] //= { branch_policies: [{ id: 9, name: "main", type: "branch" }] }' ;;
      *graphos-check) change='.[$path] = { protection_rules: [] }' ;;
      POST*variables) change='.["\\($path)/\\($body.name)"] = $body' ;;
    esac
    change "$change" --arg path "$path" --argjson body "$body"
  }
  change() { jq "$@" state.json > new.json && mv new.json state.json; }
  export -f gh change`;

describe('.github/settings.sh', () => {
  const state = join(folder, 'state.json');
  let made = '';
  function settings(code: string, ADMIN = 'true') {
    const options = { cwd: folder, env: { PATH: process.env.PATH, GITHUB_REPOSITORY: 'Acme/Maintenance', ADMIN } };
    const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', `${GH}\n${code}`], options);
    const found = `${stdout}`.match(/(?<=^differs: |not shown to this login: ).*|.* has no team .*(?=:)/gm) ?? [];
    return { status, stderr: `${stderr}`, found };
  }

  beforeAll(() => {
    cpSync('.github', join(folder, '.github'), { recursive: true });
    write('.github/CODEOWNERS', '* @acme/releases\n/.ci/ @acme/platform\n');
    writeFileSync(state, '{"/rulesets": [], "/actions/secrets": { "secrets": [] }, "/actions/variables/OVERLAY": {}}');
    const fill = `text=$(<.github/settings.sh) && text=\${text/COSIGN_KEY= /COSIGN_KEY=x } &&
      echo "\${text/GRAPH_REF= /GRAPH_REF=x }" > .github/settings.sh`;
    // Twice: the second time, everything exists.
    const twice = `${fill}; .github/settings.sh && .github/settings.sh`;
    expect(settings(twice)).toEqual({ status: 0, stderr: '', found: [] });
    made = readFileSync(state, 'utf8');
  });
  beforeEach(() => writeFileSync(state, made));

  test(`demands each job of ci.yml and graphos.yml, and permits what the workflows use${skipped}`, () => {
    const workflows = ['ci', 'graphos'].map((name) => readDocument(`.github/workflows/${name}.yml`)).join('');
    const routers = /(?<=router: \[).*(?=\])/.exec(workflows)?.[0].split(', ') ?? [];
    const names = workflows.match(/(?<=^ {4}name: ).*/gm)?.flatMap((name) => {
      return name.includes('$') ? routers.map((router) => name.replace(/\$.*/, router)) : name;
    });
    expect([...new Set(made.match(/(?<="context": ").+(?=")/g))]).toEqual(names);
    expect(made).toMatch(/_allowed": \[\s+"sigstore\/cosign-installer@\*",\s+"zizmorcore\/zizmor-action@\*"\s+\]/);
  });

  const PRODUCTION = '.["/environments/production"]';
  const POLICIES = '.["/environments/production/deployment-branch-policies"].branch_policies';
  test.each([
    ['ruleset versions', 'del(.["/rulesets"][0])'],
    ['ruleset versions', '.["/rulesets/3"].bypass_actors += [{ actor_id: 5 }]'],
    ['ruleset main', 'del(.["/rulesets/4"].rules[3].parameters.required_status_checks[1])'],
    ['environment production', `del(${PRODUCTION})`],
    ['environment production', `${PRODUCTION}.protection_rules[0].reviewers[0].reviewer.slug = "all"`],
    ['tags of environment production', `${POLICIES} += [{}]`],
    ['actions', '.["/actions/permissions"].allowed_actions = "all"'],
    ['variable COSIGN_KEY', 'del(.["/actions/variables/COSIGN_KEY"])'],
    ...['APOLLO_KEY', 'COSIGN_PRIVATE_KEY', 'COSIGN_PASSWORD'].map((name) => [
      'secrets of the repository, which each branch can read',
      `.["/actions/secrets"].secrets[0].name = "${name}"`,
    ]),
  ])(`--check finds a difference of the %s: %s${skipped}`, (title, change) => {
    const found = { status: 1, stderr: '', found: [title] };
    expect(settings(`change '${change}'; .github/settings.sh --check`)).toEqual(found);
  });

  test(`names the owner of all files that is no team of the company${skipped}`, () => {
    const found = ["Acme has no team 'releases'"];
    expect(settings('export TEAM=/other; .github/settings.sh')).toEqual({ status: 1, stderr: '', found });
  });

  test(`--check compares what GitHub shows the first job of a release, and names the rest${skipped}`, () => {
    const hide = `change 'del(${PRODUCTION}.can_admins_bypass, .["/rulesets/3", "/rulesets/4"].bypass_actors)'`;
    const found = ['bypass_actors', 'bypass_actors', 'can_admins_bypass', 'actions, variables, secrets'];
    expect(settings(`${hide}; .github/settings.sh --check`, 'false')).toEqual({ status: 0, stderr: '', found });
    expect(settings('.github/settings.sh', 'false').status).toBe(1);
  });
});
