/** The manifests for Kubernetes: each fits its schema, and the process that it starts. */
import { spawnSync } from 'node:child_process';
import { cpSync, globSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, it } from '@jest/globals';
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
import { readDocument } from '../support/documents.ts';
import { useFolder } from '../support/use-folder.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

type Variable = { name: string; value?: string };

/** The manifests of a test, with overlays that it writes. */
const { folder, write } = useFolder('deploy');
const SECRET_FILE = write('secret', ROUTER_SECRET);
cpSync('deploy', folder, { recursive: true });

/** Returns the configuration of a process with these variables, whose secrets exist. Throws if one is not accepted. */
function loadVariables(variables: readonly Variable[]) {
  const secrets: Record<string, string> = { COMMAND_API_PROXY: 'http://proxy.test', ROUTER_SECRET };
  const textOf = ({ name, value }: Variable) => (name.endsWith('_FILE') ? SECRET_FILE : (value ?? secrets[name]));
  return loadConfig(Object.fromEntries(variables.map((one) => [one.name, textOf(one)])));
}

const MODELS = new Map(
  [Deployment, Service, HorizontalPodAutoscaler, PodDisruptionBudget, NetworkPolicy, PodMonitor, PrometheusRule].map(
    ({ kind, prototype }) => [kind as string, prototype.validate as (this: object) => void],
  ),
);

/** Returns the resources that the overlay in this folder of deploy/ builds, the first of each kind. Throws if one does not fit. */
function build(name: string) {
  const { stdout, stderr } = spawnSync('kustomize', ['build', join(folder, name)], { encoding: 'utf8' });
  if (!stdout) throw new Error(`kustomize: ${stderr}`);
  const resources = parseAllDocuments(stdout).map((document) => document.toJS());
  for (const resource of resources) MODELS.get(resource.kind)?.call(resource);
  return Object.fromEntries(resources.toReversed().map((resource) => [resource.kind, resource]));
}

const EXAMPLE = 'overlay-example';
const overlay = readDocument(`deploy/${EXAMPLE}/kustomization.yaml`);
/** Writes an overlay in which the comments of some parts are lines. */
function uncomment(name: string, parts: RegExp): string {
  if (overlay.search(parts) < 0) throw new Error(`The overlay has no ${parts}`);
  const lines = (comments: string) => comments.replaceAll(/^( *)# (?!With a proxy)/gm, '$1');
  write(`${name}/kustomization.yaml`, overlay.replaceAll(parts, lines));
  return name;
}

// The overlays of a company beside the example.
const OTHERS = globSync('deploy/*/kustomization.yaml').map((file) => basename(dirname(file)));
it.each<[name: string, config: object]>([
  [EXAMPLE, { TOKEN_HEADER: 'authorization' }],
  [uncomment('with-tracing', /^ *# - .+tracing\n/gm), {}],
  [
    uncomment('with-token-header', /^( *)# - name: TOKEN_HEADER\n\1# .+\n/gm),
    { TOKEN_HEADER: 'x-vendor-authorization' },
  ],
  [uncomment('with-proxy', /^( *)# With a proxy.+\n(?:\1# .+\n)+/gm), { COMMAND_API_PROXY: expect.anything() }],
  [uncomment('with-secret-file', /^ {2}# - patch: .+\n(?: {2}# {3}.+\n)+/gm), {}],
  ...OTHERS.filter((name) => !['base', EXAMPLE].includes(name)).map((name): [string, object] => [name, {}]),
])(
  'the overlay %s fits the schemas of Kubernetes, and starts a process without a warning that reaches its addresses',
  (name, expected) => {
    const built = build(name);
    const [{ env, volumeMounts = [] }] = built.Deployment.spec.template.spec.containers;
    const variables: Variable[] = env;
    const config = loadVariables(variables);
    expect(config).toMatchObject({ production: true, routerSecrets: [ROUTER_SECRET], warnings: [], ...expected });
    const folders = variables.filter(({ name }) => name.endsWith('_FILE')).map(({ value = '' }) => dirname(value));
    expect([...new Set(folders)]).toEqual(volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath));
    // A proxy takes the place of the command API.
    const reached = variables.filter(({ name }) => !config.COMMAND_API_PROXY || name !== 'COMMAND_API_URL');
    const urls = reached.flatMap(({ value }) => (value?.startsWith('http') ? new URL(value) : []));
    const egress: { ports: { port: number }[] }[] = built.NetworkPolicy.spec.egress;
    const ports = egress.flatMap((rule) => rule.ports.map(({ port }) => port));
    expect(ports).toEqual([53, 53, ...urls.map(({ port }) => Number(port || 443))]);
    const placeholders = JSON.stringify(built).match(/\w+\.example\.com|sha256:0{64}|10\.0\.0\.10/g);
    if (OTHERS.includes(name) && name !== EXAMPLE) expect(placeholders).toBeNull();
  },
);

const built = build(EXAMPLE);
const pod = built.Deployment.spec.template;
const [container] = pod.spec.containers;
const config = loadVariables(container.env);

it('each resource finds the pods', () => {
  const { Deployment, PodDisruptionBudget, NetworkPolicy, PodMonitor, Service } = built;
  const selectors = [Deployment, PodDisruptionBudget, PodMonitor].map(({ spec }) => spec.selector.matchLabels);
  for (const selector of [...selectors, NetworkPolicy.spec.podSelector.matchLabels, Service.spec.selector])
    expect(pod.metadata.labels).toMatchObject(selector);
  expect(built.HorizontalPodAutoscaler.spec.scaleTargetRef.name).toBe(Deployment.metadata.name);
});

it('each resource names the ports on which the process listens', () => {
  const ports: Record<'name' | 'containerPort', string>[] = container.ports;
  const { graphql, metrics } = Object.fromEntries(ports.map(({ name, containerPort }) => [name, containerPort]));
  expect([graphql, metrics]).toEqual([config.PORT, config.METRICS_PORT]);
  expect(built.Service.spec.ports).toMatchObject([{ port: config.PORT, targetPort: 'graphql' }]);
  const allowed = ['graphql', 'metrics'].map((port) => ({ ports: [{ port }] }));
  expect(built.NetworkPolicy.spec.ingress).toMatchObject(allowed);
  expect(built.PodMonitor.spec.podMetricsEndpoints).toMatchObject([{ port: 'metrics' }]);
  expect(readDocument('deploy/prometheus.yaml')).toContain(`regex: "${metrics}"`);
});

const subgraph = useSubgraph();

it('the process answers the probes', async () => {
  const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe];
  const probe = async (path: string) => (await fetch(subgraph.url + path)).status;
  const answers = await Promise.all(probes.map(async ({ httpGet }) => [httpGet.port, await probe(httpGet.path)]));
  expect(answers).toEqual(probes.map(() => ['graphql', 200]));
});

it('the user of the image is a number, which tells Kubernetes that it is not root', () => {
  expect(pod.spec.securityContext.runAsNonRoot).toBe(true);
  expect(readDocument('Dockerfile')).toMatch(/^USER [1-9]\d*$/m);
});

it('the grace period lets a write end that arrives last, and its spans be sent', () => {
  const { DRAIN_DELAY_MS, OPERATION_TIMEOUT_MS } = config;
  const shutdownMs = DRAIN_DELAY_MS + 2 * OPERATION_TIMEOUT_MS + 3000;
  expect(pod.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(shutdownMs);
});
