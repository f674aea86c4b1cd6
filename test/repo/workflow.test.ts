/**
 * The workflows in .github/ against the tree: what their steps run, what they may do, and which Router they start.
 */
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { gte, valid } from 'semver';
import { parse } from 'yaml';
import { readDocument as read } from '../support/documents.ts';

interface Step {
  readonly name?: string;
  readonly id?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Record<string, string>;
  readonly with?: Record<string, unknown>;
}

interface Job {
  readonly needs?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly permissions?: Record<string, string>;
  readonly secrets?: Record<string, string> | string;
  readonly env?: Record<string, string>;
  readonly outputs?: Record<string, string>;
  readonly 'timeout-minutes'?: number;
  readonly strategy?: { readonly matrix: { readonly router: readonly string[] } };
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on: Record<string, unknown>;
  readonly permissions: Record<string, string>;
  readonly env?: Record<string, string>;
  readonly jobs: Record<string, Job>;
}

const ROOT = new URL('../../', import.meta.url);
const FOLDER = '.github/workflows';
const files = readdirSync(new URL(FOLDER, ROOT));
const workflows = files.map((file): [string, Workflow] => [file, parse(read(`${FOLDER}/${file}`))]);
const jobs = workflows.flatMap(([file, workflow]) =>
  Object.entries(workflow.jobs).map(([name, job]): [string, string, Job] => [file, name, job]),
);
const steps = jobs.flatMap(([file, name, job]) =>
  (job.steps ?? []).map((step): [string, string, string, Step, Job] => [
    file,
    name,
    step.name ?? step.run ?? step.uses ?? '',
    step,
    job,
  ]),
);
const running = steps.filter(([, , , { run }]) => run !== undefined);
const { scripts, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
/** Whether a job compares the schema with the last release, for which git has to know it. */
const looksBack = ({ steps = [] }: Job) =>
  steps.some(({ run = '' }) => /\.ci\/run|npm test|npm run (schema:)?check/.test(run));
const named = (pattern: RegExp, text: string) => [...text.matchAll(pattern)].map(([, name = '']) => name);

/** The only right that goes beyond reading the code, and the job that has it. */
const WRITES: Record<string, Record<string, string>> = {
  'release.yml image': { contents: 'read', packages: 'write' },
};

it('there are the workflows that this test is about', () => {
  expect(files.sort()).toEqual(['ci.yml', 'release.yml']);
});

describe.each(workflows)('%s', (file, workflow) => {
  it('may read the code, and nothing else', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' });
    // Secrets would go to the code of whoever sends a pull request.
    expect(workflow.on).not.toHaveProperty('pull_request_target');
  });

  it('says at its top what of it was never run', () => {
    expect(/^(?:#.*\n)+/.exec(read(`${FOLDER}/${file}`))?.[0]).toMatch(/run by\n?[# ]*GitHub/);
  });
});

describe.each(jobs)('%s: %s', (file, name, job) => {
  it('has the rights that it needs, and a limit', () => {
    expect(job.permissions).toEqual(WRITES[`${file} ${name}`]);
    if (job.steps) expect(job['timeout-minutes']).toBeLessThanOrEqual(30);
    else expect(job.uses).toBe('./.github/workflows/ci.yml');
  });

  it('names its secrets, and waits for jobs that are there', () => {
    expect(job.secrets).not.toBe('inherit');
    if (job.needs) expect(workflows.find(([one]) => one === file)?.[1].jobs).toHaveProperty(job.needs);
  });

  it('has installed the packages before it runs what needs them', () => {
    const all = job.steps ?? [];
    const without = all.filter(({ run = '', if: condition }, at) => {
      const installs = (one: Step) =>
        /^(npm ci|\.ci\/run)$/.test(one.run ?? '') && [undefined, condition].includes(one.if);
      return /\bnp[mx] (?!ci\b)|\bnode .*\.(ts|mjs)\b/.test(run) && !all.slice(0, at).some(installs);
    });
    expect(without).toEqual([]);
  });
});

describe.each(steps)('%s: %s: %s', (_, __, ___, step, job) => {
  it('does nothing with a secret that is not there', () => {
    const secrets = named(/secrets\.(\w+)/g, JSON.stringify(step));
    // A step has them from its job's environment, which is what its condition can read.
    expect(secrets).toEqual([]);
    for (const [variable, value] of Object.entries(job.env ?? {})) {
      if (value.toString().includes('secrets.')) expect(step.if?.split(' && ')).toContain(`env.${variable} != ''`);
    }
  });

  it('names actions by version, leaves them no credentials, and fetches releases where they are asked for', () => {
    if (step.uses === undefined) return expect(step.run).toBeDefined();
    expect(step.uses).toMatch(/^actions\/[\w-]+@(v\d+(\.\d+\.\d+)?|[0-9a-f]{40})$/);
    if (!step.uses.startsWith('actions/checkout@')) return;
    expect(step.with).toEqual({ 'persist-credentials': false, ...(looksBack(job) && { 'fetch-depth': 0 }) });
  });
});

describe.each(running)('%s: %s: %s', (_, __, ___, { run = '' }) => {
  it('runs what is there', () => {
    for (const script of named(/npm run ([\w:-]+)/g, run)) expect(scripts).toHaveProperty([script]);
    for (const tool of named(/npx (\w+)/g, run)) expect(devDependencies).toHaveProperty([`@apollo/${tool}`]);
    const paths = named(/(?<![\w./])((?:\.ci|schema|supergraph|dev|test)\/[\w./-]+)/g, run);
    expect(paths.filter((path) => !existsSync(new URL(path, ROOT)))).toEqual([]);
  });

  it('takes what others may choose as a variable, never as part of the command', () => {
    expect(named(/\$\{\{\s*([\w.-]+)\s*\}\}/g, run).filter((one) => one !== 'matrix.router')).toEqual([]);
  });
});

describe('ci.yml', () => {
  const ci = workflows.find(([file]) => file === 'ci.yml')?.[1];
  const runs = running.filter(([file]) => file === 'ci.yml').map(([, , , { run }]) => run ?? '');

  it('runs what CI runs, once git takes a checkout that its container’s user does not own', () => {
    expect(ci?.jobs.test?.steps?.flatMap(({ run }) => run ?? [])).toEqual([
      'git config --global --add safe.directory "$GITHUB_WORKSPACE"',
      '.ci/run',
    ]);
  });

  it('checks the image outside of a container, which cannot build it', () => {
    const jobs = Object.values(ci?.jobs ?? {}).filter(({ steps = [] }) =>
      steps.some(({ run }) => run === 'npm run image:check'),
    );
    expect(jobs).toHaveLength(1);
    expect(jobs[0]).not.toHaveProperty('container');
  });

  it('tests the versions of Apollo Router that router.yaml supports, the oldest among them', () => {
    const oldest = /Router (\d+\.\d+) and later/.exec(read('supergraph/apollo/router.yaml'))?.[1];
    const versions = ci?.jobs.router?.strategy?.matrix.router ?? [];
    expect(versions).toContain(`v${oldest}.0`);
    expect(versions.filter((one) => !valid(one) || !gte(one, `${oldest}.0`))).toEqual([]);
    expect(runs).toContain('npm run test:routers -- apollo');
  });
});

describe('rover', () => {
  const commands = running.map(([, , , { run }]) => run ?? '').filter((run) => run.includes('npx rover'));
  const { subgraphs } = parse(read('supergraph/supergraph.yaml'));

  it('checks and publishes the schema under the name that the router knows', () => {
    expect(commands).toHaveLength(2);
    for (const command of commands) {
      const [name = ''] = named(/--name (\S+)/g, command);
      expect(subgraphs).toHaveProperty(name);
      expect(`../${named(/--schema (\S+)/g, command)}`).toBe(subgraphs[name].schema.file);
    }
  });

  it('publishes at a release alone', () => {
    const publishing = running.filter(([, , , { run }]) =>
      /subgraph publish|push=true|imagetools create/.test(run ?? ''),
    );
    expect(publishing.map(([file]) => file)).toEqual(['release.yml', 'release.yml', 'release.yml']);
    expect(workflows.find(([file]) => file === 'release.yml')?.[1].on).toEqual({ push: { tags: ['v*'] } });
  });
});

describe('the image of a release', () => {
  const release = workflows.find(([file]) => file === 'release.yml')?.[1];
  const all = release?.jobs.image?.steps ?? [];
  const build = all.findIndex(({ id }) => id === 'build');
  const [scan, check, tag, ...others] = all.slice(build + 1);

  it('is built once, on a digest, with SBOM and provenance', () => {
    const building = running.filter(([, , , { run = '' }]) => /(docker|buildx) build |image:check$/m.test(run));
    expect(building.map(([file, job]) => `${file} ${job}`)).toEqual(['ci.yml image', 'release.yml image']);
    // Which release.yml calls.
    expect(workflows.find(([file]) => file === 'ci.yml')?.[1].jobs.image?.if).toBe("github.ref_type != 'tag'");
    const run = all[build]?.run ?? '';
    for (const option of [
      'base=$base@$digest\n',
      '--build-arg BASE="$base"',
      '--sbom=true',
      '--provenance=mode=max',
      'push-by-digest=true',
    ]) {
      expect(run).toContain(option);
    }
  });

  it('is scanned and checked, and only then tagged, by the digest that the build gave', () => {
    expect(all[build]?.run).toMatch(/^image=\$name@\$\(jq .+containerimage\.digest.+ build\.json\)$/m);
    const runs = [scan, check, tag].map((step) => {
      expect(step?.env?.IMAGE).toMatch(/^\$\{\{ steps\.build\.outputs\.image \}\}$/);
      expect(step).not.toHaveProperty('if');
      return step?.run;
    });
    expect(runs).toEqual([
      expect.stringMatching(/^docker run .+ \\\n +\S+@sha256:[0-9a-f]{64} \\\n +image .+--exit-code 1 "\$IMAGE"$/m),
      'npm run image:check -- --image "$IMAGE" --base "$BASE"',
      expect.stringMatching(/^docker buildx imagetools create --tag "\$tag" "\$IMAGE"$/m),
    ]);
    expect(others).toEqual([]);
  });

  it('is deployed by the digest that the build gave, before its schema is published', () => {
    const expression = (name: string) => ['$', `{{ ${name} }}`].join('');
    expect(release?.jobs).toMatchObject({
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
