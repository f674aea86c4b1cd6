/** The workflows in .github/: what their steps run, which rights they have, and how a release publishes. */
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { gte } from 'semver';
import { parse } from 'yaml';
import { readDocument as read } from '../support/documents.ts';

type Step = { id?: string; if?: string; uses?: string; run?: string; env?: Record<string, string>; with?: object };
type Job = { permissions?: object; secrets?: unknown; env?: object; steps?: Step[] };

const readWorkflow = (file: string) => parse(read(`.github/workflows/${file}`));
const [ci, release] = [readWorkflow('ci.yml'), readWorkflow('release.yml')];
const jobs = Object.entries({ ci, release }).flatMap(([workflow, { jobs }]) =>
  Object.entries<Job>(jobs).map(([name, job]) => ({ title: `${workflow} ${name}`, job, steps: job.steps ?? [] })),
);
const runs = jobs.flatMap(({ title, steps }) => steps.map(({ run = '' }) => ({ title, run })));
const commands = runs.map(({ run }) => run).join('\n');

const root = new URL('../../', import.meta.url);
const expression = (name: string) => ['$', `{{ ${name} }}`].join('');
const capture = (pattern: RegExp) => Array.from(commands.matchAll(pattern), ([, name = '']) => name);
const jobsThatRun = (pattern: RegExp) => runs.filter(({ run }) => pattern.test(run)).map(({ title }) => title);

describe('the workflows', () => {
  it('may only read the code, except the job that pushes the image', () => {
    expect(readdirSync(new URL('.github/workflows', root)).sort()).toEqual(['ci.yml', 'release.yml']);
    expect([ci.permissions, release.permissions]).toEqual([{ contents: 'read' }, { contents: 'read' }]);
    expect(jobs.flatMap(({ title, job }) => (job.permissions ? { title, ...job.permissions } : []))).toEqual([
      { title: 'release image', contents: 'read', packages: 'write' },
    ]);
    // `pull_request_target` would give the secrets to the code of any pull request.
    expect(Object.keys(ci.on)).toEqual(['push', 'pull_request', 'workflow_call']);
    expect(release.on).toEqual({ push: { tags: ['v*'] } });
  });

  it.each(jobs)('skip each step of $title if a secret of the job does not exist', ({ job, steps }) => {
    // A condition can read a secret only through the environment of the job.
    expect(JSON.stringify(steps)).not.toContain('secrets.');
    expect(job.secrets).not.toBe('inherit');
    const variables = Object.entries(job.env ?? {}).filter(([, value]) => String(value).includes('secrets.'));
    const conditions = variables.map(([variable]) => `env.${variable} != ''`);
    for (const step of steps) {
      const own = step.if?.split(' && ') ?? [];
      expect(conditions.filter((condition) => !own.includes(condition))).toEqual([]);
    }
  });

  it.each(jobs)('name the actions of $title by version, and leave them no credentials', ({ steps }) => {
    const actions = steps.filter(({ uses }) => uses);
    for (const { uses } of actions) expect(uses).toMatch(/^actions\/[\w-]+@(v\d+(\.\d+\.\d+)?|[0-9a-f]{40})$/);
    // Only the schema check needs the tags.
    const needsTags = steps.some(({ run }) => /\.ci\/run|npm test|npm run (schema:)?check/.test(run ?? ''));
    const options = { 'persist-credentials': false, ...(needsTags && { 'fetch-depth': 0 }) };
    for (const step of actions.filter(({ uses }) => uses?.includes('/checkout@'))) expect(step.with).toEqual(options);
  });

  it('run scripts, tools and files that exist', () => {
    const { scripts, devDependencies } = JSON.parse(read('package.json'));
    for (const script of capture(/npm run ([\w:-]+)/g)) expect(scripts).toHaveProperty([script]);
    for (const tool of capture(/npx (\w+)/g)) expect(devDependencies).toHaveProperty([`@apollo/${tool}`]);
    const paths = capture(/(?<![\w./])((?:\.ci|schema|supergraph|dev|test)\/[\w./-]+)/g);
    expect(paths).toContain('.ci/run');
    expect(paths.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
  });

  it('pass foreign values to a command only in variables', () => {
    expect(capture(/\$\{\{\s*([\w.-]+)\s*\}\}/g)).toEqual(['matrix.router']);
  });
});

describe('ci.yml', () => {
  it('runs .ci/run, and checks the image outside of a container, which cannot build images', () => {
    expect(jobsThatRun(/^\.ci\/run$/)).toEqual(['ci test']);
    expect(jobsThatRun(/^npm run image:check$/)).toEqual(['ci image']);
    expect(ci.jobs.image).not.toHaveProperty('container');
  });

  it('tests versions of Apollo Router that router.yaml supports, also the oldest', () => {
    const oldest = /Router (\d+\.\d+) and later/.exec(read('supergraph/apollo/router.yaml'))?.[1];
    const versions: string[] = ci.jobs.router.strategy.matrix.router;
    expect(versions).toContain(`v${oldest}.0`);
    expect(versions.filter((version) => !gte(version, `${oldest}.0`))).toEqual([]);
    expect(jobsThatRun(/^npm run test:routers -- apollo$/)).toEqual(['ci router']);
  });
});

describe('release.yml', () => {
  const steps: Step[] = release.jobs.image.steps;
  const build = steps.findIndex(({ id }) => id === 'build');

  it('scans and checks the digest of the build, and only then tags the image', () => {
    const IMAGE = expression('steps.build.outputs.image');
    const after = steps.slice(build + 1).map(({ env, if: condition, run }) => ({ IMAGE: env?.IMAGE, condition, run }));
    const expected = [
      /^docker run .+ \\\n +\S+@sha256:[0-9a-f]{64} \\\n +image .+--exit-code 1 "\$IMAGE"$/m,
      /^npm run image:check -- --image "\$IMAGE" --base "\$BASE"$/,
      /^docker buildx imagetools create --tag "\$tag" "\$IMAGE"$/m,
    ];
    expect(after).toEqual(expected.map((run) => ({ IMAGE, condition: undefined, run: expect.stringMatching(run) })));
    expect(jobsThatRun(/push=true|imagetools create/)).toEqual(['release image', 'release image']);
  });

  it('deploys the digest of the build, and only then publishes the schema, under the name that the router has', () => {
    expect(release.jobs).toMatchObject({
      image: { needs: 'ci', outputs: { image: expression('steps.build.outputs.image') } },
      deploy: {
        needs: 'image',
        env: { IMAGE: expression('needs.image.outputs.image') },
        steps: [{}, { run: expect.stringMatching(/^kustomize edit set image maintenance-subgraph="\$IMAGE"$/m) }],
      },
      publish: { needs: 'deploy' },
    });
    expect(jobsThatRun(/subgraph publish/)).toEqual(['release publish']);
    const { file } = parse(read('supergraph/supergraph.yaml')).subgraphs.maintenance.schema;
    const options = `--name maintenance --schema ${file.replace('../', '')}`;
    expect(capture(/npx rover subgraph \w+ "\$APOLLO_GRAPH_REF" (.+)/g)).toEqual([options, `${options} \\`]);
  });
});
