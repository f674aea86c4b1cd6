/**
 * The workflows in .github/ against the tree: what their steps run, which rights they have, and how a release publishes.
 */
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { gte } from 'semver';
import { parse } from 'yaml';
import { readDocument as read } from '../support/documents.ts';

type Names = 'id' | 'if' | 'uses' | 'run';
type Step = { [name in Names]?: string } & { env?: Record<string, string>; with?: object };
type Job = { needs?: string; if?: string; uses?: string; permissions?: object; secrets?: unknown; env?: object } & {
  'timeout-minutes'?: number;
  strategy?: { matrix: { router: string[] } };
  steps?: Step[];
};
type Workflow = { on: object; permissions: object; jobs: Record<string, Job> };

const FOLDER = '.github/workflows';
const readWorkflow = (file: string): Workflow => parse(read(`${FOLDER}/${file}`));
const [ci, release] = [readWorkflow('ci.yml'), readWorkflow('release.yml')];
const jobs = Object.entries({ ci, release }).flatMap(([workflow, { jobs }]) =>
  Object.entries(jobs).map(([name, job]) => ({ title: `${workflow} ${name}`, workflow, job, steps: job.steps ?? [] })),
);
const steps = jobs.flatMap(({ steps, ...of }) => steps.map((step) => ({ ...of, step, run: step.run ?? '' })));
const { scripts, devDependencies } = JSON.parse(read('package.json'));

const expression = (name: string) => ['$', `{{ ${name} }}`].join('');
const capture = (pattern: RegExp, text: string) => Array.from(text.matchAll(pattern), ([, name = '']) => name);
const titlesOf = (pattern: RegExp) => steps.filter(({ run }) => pattern.test(run)).map(({ title }) => title);

it('ci.yml and release.yml are the only workflows', () => {
  expect(readdirSync(new URL(`../../${FOLDER}`, import.meta.url)).sort()).toEqual(['ci.yml', 'release.yml']);
});

describe('each workflow', () => {
  it('may only read the code, except the job that pushes the image', () => {
    expect([ci.permissions, release.permissions]).toEqual([{ contents: 'read' }, { contents: 'read' }]);
    expect(jobs.flatMap(({ title, job }) => (job.permissions ? { title, ...job.permissions } : []))).toEqual([
      { title: 'release image', contents: 'read', packages: 'write' },
    ]);
    // `pull_request_target` would give the secrets to the code of any pull request.
    expect(Object.keys(ci.on)).toEqual(['push', 'pull_request', 'workflow_call']);
    expect(release.on).toEqual({ push: { tags: ['v*'] } });
  });

  it.each(jobs)('limits the time of $title, names its secrets, and waits for jobs that exist', ({ job, workflow }) => {
    if (job.steps) expect(job['timeout-minutes']).toBeLessThanOrEqual(30);
    else expect(job.uses).toBe('./.github/workflows/ci.yml');
    expect(job.secrets).not.toBe('inherit');
    if (job.needs) expect({ ci, release }[workflow]?.jobs).toHaveProperty(job.needs);
  });

  it.each(jobs)('installs the packages before a step of $title that needs them', ({ steps }) => {
    const early = steps.filter(({ run = '', if: condition }, index) => {
      const installs = (one: Step) =>
        /^(npm ci|\.ci\/run)$/.test(one.run ?? '') && [undefined, condition].includes(one.if);
      return /\bnp[mx] (?!ci\b)|\bnode .*\.(ts|mjs)\b/.test(run) && !steps.slice(0, index).some(installs);
    });
    expect(early).toEqual([]);
  });

  it.each(jobs)('skips each step of $title if a secret of the job does not exist', ({ job, steps }) => {
    // A condition can read a secret only through the environment of the job.
    expect(JSON.stringify(steps)).not.toContain('secrets.');
    const variables = Object.entries(job.env ?? {}).filter(([, value]) => String(value).includes('secrets.'));
    const conditions = variables.map(([variable]) => `env.${variable} != ''`);
    for (const step of steps) expect(step.if?.split(' && ') ?? []).toEqual(expect.arrayContaining(conditions));
  });

  it.each(jobs)('names the actions of $title by version, and leaves them no credentials', ({ steps }) => {
    const actions = steps.filter(({ uses }) => uses);
    for (const { uses } of actions) expect(uses).toMatch(/^actions\/[\w-]+@(v\d+(\.\d+\.\d+)?|[0-9a-f]{40})$/);
    const checkouts = actions.filter(({ uses }) => uses?.startsWith('actions/checkout@'));
    // Only the schema check needs the tags.
    const needsTags = steps.some(({ run }) => /\.ci\/run|npm test|npm run (schema:)?check/.test(run ?? ''));
    const options = { 'persist-credentials': false, ...(needsTags && { 'fetch-depth': 0 }) };
    expect(checkouts.map((step) => step.with)).toEqual(checkouts.map(() => options));
  });

  it('runs scripts, tools and files that exist', () => {
    const all = steps.map(({ run }) => run).join('\n');
    for (const script of capture(/npm run ([\w:-]+)/g, all)) expect(scripts).toHaveProperty([script]);
    for (const tool of capture(/npx (\w+)/g, all)) expect(devDependencies).toHaveProperty([`@apollo/${tool}`]);
    const paths = capture(/(?<![\w./])((?:\.ci|schema|supergraph|dev|test)\/[\w./-]+)/g, all);
    expect(paths.filter((path) => !existsSync(new URL(`../../${path}`, import.meta.url)))).toEqual([]);
    expect(paths).toContain('.ci/run');
  });

  it('passes foreign values to a command only in variables', () => {
    const pasted = steps.flatMap(({ run }) => capture(/\$\{\{\s*([\w.-]+)\s*\}\}/g, run));
    expect(pasted).toEqual(['matrix.router']);
  });
});

describe('ci.yml', () => {
  it('runs .ci/run after git accepts a checkout of another user', () => {
    expect(ci.jobs.test?.steps?.flatMap(({ run }) => run ?? [])).toEqual([
      'git config --global --add safe.directory "$GITHUB_WORKSPACE"',
      '.ci/run',
    ]);
  });

  it('checks the image outside of a container, which cannot build images, and not for a release', () => {
    expect(titlesOf(/^npm run image:check$/)).toEqual(['ci image']);
    expect(ci.jobs.image).not.toHaveProperty('container');
    expect(ci.jobs.image?.if).toBe("github.ref_type != 'tag'");
  });

  it('tests versions of Apollo Router that router.yaml supports, also the oldest', () => {
    const oldest = /Router (\d+\.\d+) and later/.exec(read('supergraph/apollo/router.yaml'))?.[1];
    const versions = ci.jobs.router?.strategy?.matrix.router ?? [];
    expect(versions).toContain(`v${oldest}.0`);
    expect(versions.filter((version) => !gte(version, `${oldest}.0`))).toEqual([]);
    expect(titlesOf(/^npm run test:routers -- apollo$/)).toEqual(['ci router']);
  });
});

describe('release.yml', () => {
  const all = release.jobs.image?.steps ?? [];
  const build = all.findIndex(({ id }) => id === 'build');

  it('checks and publishes the schema under the name that the router has', () => {
    const commands = steps.map(({ run }) => run).filter((run) => run.includes('npx rover'));
    const { subgraphs } = parse(read('supergraph/supergraph.yaml'));
    const schema = subgraphs.maintenance.schema.file.slice('../'.length);
    expect(commands.map((command) => / --name (\S+) --schema (\S+)/.exec(command)?.slice(1))).toEqual([
      ['maintenance', schema],
      ['maintenance', schema],
    ]);
    expect(titlesOf(/subgraph publish/)).toEqual(['release publish']);
    expect(titlesOf(/push=true|imagetools create/)).toEqual(['release image', 'release image']);
  });

  it('builds the image once, on a digest, with SBOM and provenance', () => {
    expect(titlesOf(/(docker|buildx) build /)).toEqual(['release image']);
    const run = all[build]?.run ?? '';
    expect(run).toContain('base=$base@$digest\n');
    expect(run).toMatch(/ --build-arg BASE="\$base" --sbom=true --provenance=mode=max .+ \\\n.+push-by-digest=true/);
    expect(run).toMatch(/^image=\$name@\$\(jq .+containerimage\.digest.+ build\.json\)$/m);
  });

  it('scans and checks the digest of the build, and only then tags the image', () => {
    const IMAGE = expression('steps.build.outputs.image');
    const after = all.slice(build + 1).map(({ env, if: condition, run }) => ({ IMAGE: env?.IMAGE, condition, run }));
    expect(after).toEqual(
      [
        /^docker run .+ \\\n +\S+@sha256:[0-9a-f]{64} \\\n +image .+--exit-code 1 "\$IMAGE"$/m,
        /^npm run image:check -- --image "\$IMAGE" --base "\$BASE"$/,
        /^docker buildx imagetools create --tag "\$tag" "\$IMAGE"$/m,
      ].map((run) => ({ IMAGE, condition: undefined, run: expect.stringMatching(run) })),
    );
  });

  it('deploys the digest of the build, and publishes the schema only then', () => {
    expect(release.jobs).toMatchObject({
      image: { outputs: { image: expression('steps.build.outputs.image') } },
      deploy: {
        needs: 'image',
        env: { IMAGE: expression('needs.image.outputs.image') },
        steps: [{}, { run: expect.stringMatching(/^kustomize edit set image maintenance-subgraph="\$IMAGE"$/m) }],
      },
      publish: { needs: 'deploy' },
    });
  });
});
