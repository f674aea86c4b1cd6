/** The manifests for Kubernetes: each fits its schema, and the process that it starts. */
import { spawnSync } from 'node:child_process';
import { cpSync, globSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Service } from 'kubernetes-models/v1/Service';
import { parseAllDocuments } from 'yaml';
import { ROUTER_SECRET } from '../support/ask.ts';
import { loadConfig } from '../support/configuration.ts';
import { readDocument as read } from '../support/documents.ts';
import { useFolder } from '../support/use-folder.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

type Variable = { name: string; value?: string };

/** A folder for the files of a test. */
const { folder, write } = useFolder('deploy');
const SECRET_FILE = write('secret', ROUTER_SECRET);

/** Returns the configuration of a process with these variables, whose secrets exist. Throws if one is not accepted. */
function loadVariables(variables: readonly Variable[]) {
  const secrets: Record<string, string> = { COMMAND_API_PROXY: 'http://proxy.test', ROUTER_SECRET };
  const textOf = ({ name, value }: Variable) => (name.endsWith('_FILE') ? SECRET_FILE : (value ?? secrets[name]));
  return loadConfig(Object.fromEntries(variables.map((one) => [one.name, textOf(one)])));
}

/** Returns the seconds until the operation of a write that arrives last has ended, and the last spans are sent. */
function shutdownSeconds({ DRAIN_DELAY_MS, OPERATION_TIMEOUT_MS }: ReturnType<typeof loadVariables>): number {
  return (DRAIN_DELAY_MS + 2 * OPERATION_TIMEOUT_MS + 3000) / 1000;
}

const MODELS = [
  ...[Deployment, Service, HorizontalPodAutoscaler, PodDisruptionBudget, NetworkPolicy, PodMonitor, PrometheusRule],
].map(({ kind, prototype }) => ({ kind, validate: prototype.validate as (this: object) => void }));

cpSync(new URL('../../deploy', import.meta.url), folder, { recursive: true });

/** Returns the resources that the overlay in this folder of deploy/ builds. */
function buildAll(name: string) {
  const { stdout, stderr } = spawnSync('kustomize', ['build', join(folder, name)], { encoding: 'utf8' });
  if (!stdout) throw new Error(`kustomize: ${stderr}`);
  return parseAllDocuments(stdout).map((document) => document.toJS());
}

/** Returns the resources that the example with this file builds, by kind. */
function build(kustomization: string) {
  write('overlay-example/kustomization.yaml', kustomization);
  return Object.fromEntries(buildAll('overlay-example').map((resource) => [resource.kind, resource]));
}

const overlay = read('deploy/overlay-example/kustomization.yaml');
/** Makes the comments of some parts lines of the file. */
function uncomment(parts: RegExp): string {
  if (overlay.search(parts) < 0) throw new Error(`The overlay has no ${parts}`);
  return overlay.replaceAll(parts, (comments) => comments.replaceAll(/^( *)# (?!With a proxy)/gm, '$1'));
}

/** Expects rules for DNS and for the port of each address in the variables. */
function expectEgress(egress: readonly { ports: { port: number }[] }[], variables: readonly Variable[]): void {
  const hasProxy = variables.some(({ name }) => name === 'COMMAND_API_PROXY');
  const reached = variables.filter(({ name }) => !hasProxy || name !== 'COMMAND_API_URL');
  const urls = reached.flatMap(({ value }) => (value?.startsWith('http') ? new URL(value) : []));
  const ports = egress.flatMap((rule) => rule.ports.map(({ port }) => port));
  expect(ports).toEqual([53, 53, ...urls.map(({ port }) => Number(port || 443))]);
}

// Of a company.
for (const name of globSync('deploy/*/kustomization.yaml').map((file) => basename(dirname(file))))
  if (!['base', 'overlay-example'].includes(name))
    it(`deploy/${name} fits its schemas, has no value of the example, and starts a process without a warning`, () => {
      const resources = buildAll(name);
      for (const one of resources) MODELS.find(({ kind }) => kind === one.kind)?.validate.call(one);
      expect(JSON.stringify(resources).match(/\w+\.example\.com|sha256:0{64}|10\.0\.0\.10/g)).toBeNull();
      const found = (wanted: string) => resources.find(({ kind }) => kind === wanted).spec;
      const [{ env }] = found('Deployment').template.spec.containers;
      expect(loadVariables(env).warnings).toEqual([]);
      expectEgress(found('NetworkPolicy').egress, env);
    });

describe.each([
  ['as it is', overlay],
  ['with tracing', uncomment(/^ *# - .+tracing\n/gm)],
  ['with another token header', uncomment(/^( *)# - name: TOKEN_HEADER\n\1# .+\n/gm)],
  ['with a proxy', uncomment(/^( *)# With a proxy.+\n(?:\1# .+\n)+/gm)],
  ['with secrets in files', uncomment(/^ {2}# - patch: .+\n(?: {2}# {3}.+\n)+/gm)],
])('the overlay %s', (_, kustomization) => {
  const built = build(kustomization);
  const [{ env, volumeMounts = [] }] = built.Deployment.spec.template.spec.containers;
  const variables: Variable[] = env;

  it('has one resource of each kind, which fits its schema', () => {
    expect(Object.keys(built).sort()).toEqual(MODELS.map(({ kind }) => kind).sort());
    for (const { kind, validate } of MODELS) validate.call(built[kind]);
  });

  it('starts a process for production with a secret and documented variables, without a warning', () => {
    const documents = read('docs/configuration.md') + read('docs/observability.md');
    const unknown = variables.filter(({ name }) => !documents.includes(`\`${name}\``));
    expect(unknown).toEqual([]);
    expect(loadVariables(variables)).toMatchObject({ production: true, routerSecrets: [ROUTER_SECRET] });
    expect(loadVariables(variables).warnings).toEqual([]);
    const folders = variables.filter(({ name }) => name.endsWith('_FILE')).map(({ value = '' }) => dirname(value));
    expect([...new Set(folders)]).toEqual(volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath));
  });

  it('lets the process reach each address of its variables', () => {
    expectEgress(built.NetworkPolicy.spec.egress, variables);
  });
});

const built = build(overlay);
const pod = built.Deployment.spec.template;
const [container] = pod.spec.containers;
const config = loadVariables(container.env);

describe('the pods', () => {
  it('are selected by their label', () => {
    const { Deployment, PodDisruptionBudget, NetworkPolicy, PodMonitor, Service } = built;
    const selectors = [Deployment, PodDisruptionBudget, PodMonitor].map(({ spec }) => spec.selector.matchLabels);
    for (const selector of [...selectors, NetworkPolicy.spec.podSelector.matchLabels, Service.spec.selector])
      expect(pod.metadata.labels).toMatchObject(selector);
    expect(built.HorizontalPodAutoscaler.spec.scaleTargetRef.name).toBe(Deployment.metadata.name);
  });

  it('have the ports of the process, which every other resource names', () => {
    const { PORT, METRICS_PORT } = config;
    const ports: Record<'name' | 'containerPort', unknown>[] = container.ports;
    expect(ports.map(({ name, containerPort }) => [name, containerPort])).toEqual([
      ['graphql', PORT],
      ['metrics', METRICS_PORT],
    ]);
    expect(built.Service.spec.ports).toMatchObject([{ port: PORT, targetPort: 'graphql' }]);
    expect(built.NetworkPolicy.spec.ingress).toMatchObject([
      { ports: [{ port: 'graphql' }] },
      { ports: [{ port: 'metrics' }] },
    ]);
    expect(built.PodMonitor.spec.podMetricsEndpoints).toMatchObject([{ port: 'metrics' }]);
    expect(read('deploy/prometheus.yaml')).toContain(`regex: "${METRICS_PORT}"`);
  });

  const subgraph = useSubgraph();

  it('are probed at paths that the process answers', async () => {
    const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe];
    const probe = async (path: string) => (await fetch(subgraph.url + path)).status;
    const answers = await Promise.all(probes.map(async ({ httpGet }) => [httpGet.port, await probe(httpGet.path)]));
    expect(answers).toEqual(probes.map(() => ['graphql', 200]));
  });

  it('run as the user of the image, whose number tells Kubernetes that it is not root', () => {
    expect(pod.spec.securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(read('Dockerfile').match(/^USER .+$/gm)).toEqual(['USER 1000']);
  });

  it('have the time of a graceful shutdown', () => {
    expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(shutdownSeconds(config));
  });
});
