/**
 * The kustomizations in deploy/ against Kubernetes' schemas and against the code; what scrapes the pods and watches their
 * memory against both; docs/capacity.md against what was measured.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Service } from 'kubernetes-models/v1/Service';
import { parse, parseAllDocuments } from 'yaml';
import { WORKLOADS } from '../../bench/workloads.ts';
import { loadConfig } from '../../src/config.ts';
import { readDocument as read, README as readme } from '../support/documents.ts';
import { ROUTER_SECRET } from '../support/subgraph.ts';

const MODELS = [Deployment, Service, HorizontalPodAutoscaler, PodDisruptionBudget, NetworkPolicy];
const OPERATOR_MODELS = [PodMonitor, PrometheusRule];

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

const manifest = read('deploy/base/deployment.yaml');
const overlay = read('deploy/overlay-example/kustomization.yaml');
const [job] = parse(read('deploy/prometheus.yaml')).scrape_configs;
const measured = JSON.parse(read('docs/performance.json'));

function parseManifest(text: string) {
  return parseAllDocuments(text).map((document) => {
    expect([...document.errors, ...document.warnings]).toEqual([]);
    return document.toJS();
  });
}

// The base has no patches, so that its files are what it builds.
const base = parse(read('deploy/base/kustomization.yaml')).resources.flatMap((name: string) =>
  parseManifest(read(`deploy/base/${name}`)),
);
const [deployment, service, autoscaler, budget, policy] = base;
const pod = deployment.spec.template;
const [container] = pod.spec.containers;
const variables: readonly Variable[] = container.env;
const config: Record<string, unknown> & ReturnType<typeof loadConfig> = loadConfig(
  Object.fromEntries(variables.map(({ name, value = ROUTER_SECRET }) => [name, value])),
);

const kustomize = [
  ['kubectl', 'kustomize'],
  ['kustomize', 'build'],
].find(([command = '']) => spawnSync(command, ['version', '--client']).error === undefined);

/** Returns the resources that an overlay builds, by kind. */
function build(kustomization: string) {
  const folder = mkdtempSync(join(tmpdir(), 'deploy-'));
  try {
    cpSync(new URL('../../deploy', import.meta.url), folder, { recursive: true });
    writeFileSync(join(folder, 'overlay-example/kustomization.yaml'), kustomization);
    const [command = '', subcommand = ''] = kustomize ?? [];
    const { stdout, stderr } = spawnSync(command, [subcommand, join(folder, 'overlay-example')], { encoding: 'utf8' });
    expect(stderr).toBe('');
    return Object.fromEntries(parseManifest(stdout).map((document) => [document.kind, document]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function secretOf(variable: string) {
  return variables.find(({ name }) => name === variable)?.valueFrom?.secretKeyRef;
}

/** The port behind a name of the container's. */
function portOf(name: unknown): number | undefined {
  return container.ports.find((port: { name: string }) => port.name === name)?.containerPort;
}

function bytesOf(quantity: string): number {
  const [, number, unit] = /^(\d+)(Mi|Gi)$/.exec(quantity) ?? [];
  return Number(number) * (unit === 'Gi' ? 2 ** 30 : 2 ** 20);
}

/** The paths of all members of a value, however deep. */
function pathsOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => [`${path}/${key}`, ...pathsOf(member, `${path}/${key}`)]);
}

/**
 * The members that a schema does not have. Kubernetes' schemas allow any, and the validators are code that is made from
 * them: what a validator never asks a document for, its schema does not know.
 */
function unknownMembers(document: object, validate: (this: object) => void): string[] {
  const unasked = new Set(pathsOf(document));
  const watch = <T extends object>(value: T, path: string): T =>
    new Proxy(value, {
      get(target, key) {
        const member = Reflect.get(target, key);
        unasked.delete(`${path}/${String(key)}`);
        return typeof member === 'object' && member !== null ? watch(member, `${path}/${String(key)}`) : member;
      },
    });
  validate.call(watch(document, ''));
  return [...unasked];
}

it.each(MODELS.map((model, index) => ({ model, document: base[index] })))(
  'the base has a $model.kind that Kubernetes’ schema takes, and knows each member of',
  ({ model, document }) => {
    expect(document.kind).toBe(model.kind);
    expect(unknownMembers(document, model.prototype.validate)).toEqual([]);
  },
);

if (kustomize) describe('the overlay', testOverlay);
else it.skip('the overlay. Skipped: Neither kubectl nor kustomize is here.', () => {});

function testOverlay() {
  const built = build(overlay);
  const withTracing = build(overlay.replace('# - ../components/tracing', '- ../components/tracing'));

  it.each([
    ['pod-monitor', PodMonitor.kind],
    ['prometheus-rules', PrometheusRule.kind],
  ])('takes the component %s alone for a %s', (component, kind) => {
    const without = build(overlay.replace(`  - ../components/${component}\n`, ''));
    const kinds = [...MODELS, ...OPERATOR_MODELS].map((model) => model.kind);
    expect(Object.keys(built).sort()).toEqual(kinds.sort());
    expect(Object.keys(without).sort()).toEqual(kinds.filter((one) => one !== kind));
  });

  it.each([...MODELS, ...OPERATOR_MODELS].map((model) => ({ model, document: withTracing[model.kind] })))(
    'has a $model.kind that its schema takes, in the namespace that Prometheus scrapes',
    ({ model, document }) => {
      expect(unknownMembers(document, model.prototype.validate)).toEqual([]);
      expect([document.metadata.namespace]).toEqual(job.kubernetes_sd_configs[0].namespaces.names);
      expect(document.metadata.name).toBe('maintenance-subgraph');
    },
  );

  it('changes the image, the region, the replicas and the peers, and nothing else', () => {
    const { namespace } = built.Deployment.metadata;
    const expected = Object.fromEntries(
      structuredClone(base).map((document: { kind: string }) => [document.kind, document]),
    );
    for (const document of Object.values(expected)) document.metadata.namespace = namespace;
    const [changed] = expected.Deployment.spec.template.spec.containers;
    changed.image = expect.stringMatching(/^registry\.example\.com\/maintenance-subgraph@sha256:[0-9a-f]{64}$/);
    changed.env[0].value = 'https://api.ucloud.akubela.com';
    Object.assign(expected.HorizontalPodAutoscaler.spec, { minReplicas: 3, maxReplicas: 6 });
    const [router, prometheus] = expected.NetworkPolicy.spec.ingress;
    router.from[0].podSelector.matchLabels = { 'app.kubernetes.io/name': 'apollo-router' };
    prometheus.from[0].namespaceSelector.matchLabels = { 'kubernetes.io/metadata.name': 'observability' };
    const { PodMonitor: _, PrometheusRule: __, ...rest } = built;
    expect(rest).toEqual(expected);
  });

  it('makes the Secret that the pods read, in its namespace', () => {
    const [, namespace, name, key] =
      /kubectl --namespace (\S+) create secret generic (\S+) \\\n# +--from-literal=(\w+)=/.exec(overlay) ?? [];
    expect({ namespace, name }).toEqual({
      namespace: built.Deployment.metadata.namespace,
      name: secretOf('ROUTER_SECRET')?.name,
    });
    expect(key).toBe('ROUTER_SECRET');
  });

  it('with tracing, sends traces where the network policy lets them go, and changes nothing else', () => {
    const rest = structuredClone(withTracing);
    const { egress } = rest.NetworkPolicy.spec;
    const { value } = rest.Deployment.spec.template.spec.containers[0].env.pop();
    const { hostname, port } = new URL(value);
    const [, namespace] = hostname.split('.');
    expect(egress.pop()).toEqual({
      to: [
        {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          podSelector: expect.anything(),
        },
      ],
      ports: [{ port: Number(port) }],
    });
    expect(rest).toEqual(built);
  });

  it('scrapes each pod’s port of metrics, as prometheus.yaml does', () => {
    const { selector, jobLabel, podMetricsEndpoints, ...others } = built.PodMonitor.spec;
    expect(others).toEqual({});
    expect(selector.matchLabels).toEqual(pod.metadata.labels);
    expect(pod.metadata.labels[jobLabel]).toBe(job.job_name);
    expect(podMetricsEndpoints).toEqual([
      {
        port: 'metrics',
        interval: job.scrape_interval,
        relabelings: [{ sourceLabels: ['__meta_kubernetes_pod_name'], targetLabel: 'instance' }],
      },
    ]);
  });
}

describe('the configuration', () => {
  it.each(variables.filter(({ value }) => value))('takes $name', ({ name, value }) => {
    expect(String(config[name])).toBe(value);
  });

  it('is production, behind a secret that nobody can read here', () => {
    expect(config.production).toBe(true);
    expect(config.ALLOW_NO_ROUTER_SECRET).toBe('false');
    expect(config.routerSecrets).toHaveLength(2);
  });

  it('takes both secrets from one Secret, and needs the first alone', () => {
    expect(secretOf('ROUTER_SECRET')).toEqual({ name: 'maintenance-subgraph', key: 'ROUTER_SECRET' });
    expect(secretOf('ROUTER_SECRET_PREVIOUS')).toEqual({
      name: 'maintenance-subgraph',
      key: 'ROUTER_SECRET_PREVIOUS',
      optional: true,
    });
  });

  it('sets what the README’s table has, and nothing twice', () => {
    const names = variables.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !readme.includes(`| \`${name}\` |`))).toEqual([]);
  });
});

describe('the pods', () => {
  it('are selected by what they are labelled with, everywhere', () => {
    const { labels } = pod.metadata;
    const selectors = [
      deployment.spec.selector.matchLabels,
      service.spec.selector,
      budget.spec.selector.matchLabels,
      policy.spec.podSelector.matchLabels,
      ...pod.spec.topologySpreadConstraints.map(
        ({ labelSelector }: { labelSelector: { matchLabels: object } }) => labelSelector.matchLabels,
      ),
    ];
    expect(selectors).toEqual(Array(6).fill(labels));
    expect(Object.keys(labels)).toHaveLength(1);
  });

  it('listen where the code does', () => {
    expect(container.ports).toEqual([
      { name: 'graphql', containerPort: config.PORT },
      { name: 'metrics', containerPort: config.METRICS_PORT },
    ]);
    expect(config.HOST).toBe('0.0.0.0');
  });

  it('may do nothing, as the user of the image', () => {
    const [, user] = [...read('Dockerfile').matchAll(/^USER (.+)$/gm)].at(-1) ?? [];
    // As every image of Node's has it.
    const uid = 1000;
    expect(user).toBe('node');
    expect(read('Dockerfile')).toMatch(/^ARG BASE=node:/m);
    expect(pod.spec.automountServiceAccountToken).toBe(false);
    expect(pod.spec.securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: uid,
      runAsGroup: uid,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod.spec).not.toHaveProperty('volumes');
  });

  it.each([
    ['startupProbe', '/health/live'],
    ['livenessProbe', '/health/live'],
    ['readinessProbe', '/health/ready'],
  ])('have a %s that asks %s, which the README has', (probe, path) => {
    expect(container[probe].httpGet).toEqual({ path, port: 'graphql' });
    expect(readme).toContain(`| \`GET ${path}\` |`);
  });

  it.each([
    ['livenessProbe', 30],
    ['readinessProbe', 15],
  ])('have a %s that waits for an answer, and gives up after %d s or more', (probe, leastSeconds) => {
    const { periodSeconds, timeoutSeconds, failureThreshold } = container[probe];
    expect(timeoutSeconds).toBeGreaterThanOrEqual(5);
    expect(periodSeconds * failureThreshold).toBeGreaterThanOrEqual(leastSeconds);
  });

  it('have time to end', () => {
    const msOf = (name: string, file: string) =>
      Number(new RegExp(`^const ${name} = (\\d+);$`, 'm').exec(read(file))?.[1]);
    const cutMs = msOf('GRACE_MS', 'src/http/host.ts');
    const flushMs = msOf('FLUSH_MS', 'src/tracing.ts');
    const { DRAIN_DELAY_MS, OPERATION_TIMEOUT_MS } = config;
    const defaults = loadConfig({ COMMAND_API_URL: 'http://127.0.0.1:9', ROUTER_SECRET });
    // A write that began as the last connection was cut off has the whole time of an operation.
    const neededMs = DRAIN_DELAY_MS + OPERATION_TIMEOUT_MS + cutMs + OPERATION_TIMEOUT_MS + flushMs;
    expect(pod.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(neededMs);
    expect(DRAIN_DELAY_MS).toBeGreaterThanOrEqual(defaults.DRAIN_DELAY_MS);
    expect(manifest).toMatch(new RegExp(`\\(${DRAIN_DELAY_MS / 1000} s\\)[^.]+= ${neededMs / 1000} s\\.`));
  });

  it('have the memory that was measured, and more to come', () => {
    const { idle, loaded } = measured.memory.ours;
    const { requests, limits } = container.resources;
    expect(bytesOf(requests.memory)).toBeGreaterThan(loaded * 1e6);
    expect(bytesOf(limits.memory)).toBeGreaterThan(bytesOf(requests.memory));
    expect(manifest).toContain(`${idle} MB idle, ${loaded} MB after load`);
  });

  it('are told of before they reach the limit of their memory', () => {
    const rules = parse(read('deploy/alerts.yaml')).groups.flatMap(({ rules }: { rules: object[] }) => rules);
    const { expr, annotations } = rules.find(({ alert }: { alert: string }) => alert === 'MaintenanceMemoryHigh');
    const [, factor, radix, exponent] =
      /process_resident_memory_bytes\{.+\}\)? > (\S+) \* (\d+)\^(\d+)$/.exec(expr) ?? [];
    const share = (Number(factor) * Number(radix) ** Number(exponent)) / bytesOf(container.resources.limits.memory);
    expect(share).toBeGreaterThanOrEqual(0.8);
    expect(share).toBeLessThanOrEqual(0.9);
    expect(annotations.description).toContain(`More than ${share * 100} % of its limit.`);
  });

  it('are replaced without a moment of fewer', () => {
    expect(deployment.spec.strategy).toEqual({ rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } });
  });
});

describe('the Service', () => {
  it('has the port of the subgraph alone, and the name that the comments tell the router', () => {
    expect(service.spec.ports).toMatchObject([{ port: config.PORT, targetPort: 'graphql' }]);
    expect(portOf(service.spec.ports[0].targetPort)).toBe(config.PORT);
    const url = `http://${service.metadata.name}:${service.spec.ports[0].port}/graphql`;
    for (const text of [overlay, read('deploy/base/service.yaml')]) expect(text).toContain(url);
  });
});

describe('the number of replicas', () => {
  it('is the autoscaler’s, which goes by CPU', () => {
    const { apiVersion, kind, metadata, spec } = deployment;
    expect(spec).not.toHaveProperty('replicas');
    expect(autoscaler.spec.scaleTargetRef).toEqual({ apiVersion, kind, name: metadata.name });
    const target = { type: 'Utilization', averageUtilization: expect.any(Number) };
    expect(autoscaler.spec.metrics).toEqual([{ type: 'Resource', resource: { name: 'cpu', target } }]);
    // One core, and no limit that holds it below.
    expect(container.resources.requests.cpu).toBe('1');
    expect(container.resources.limits).not.toHaveProperty('cpu');
  });

  it('is enough for one to go, which the others then carry', () => {
    const { minReplicas, maxReplicas, metrics } = autoscaler.spec;
    expect(minReplicas).toBeGreaterThanOrEqual(2);
    expect(maxReplicas).toBeGreaterThan(minReplicas);
    const used = metrics[0].resource.target.averageUtilization / 100;
    expect(used * minReplicas).toBeLessThanOrEqual(minReplicas - 1);
  });

  it('lets a node be drained, and never takes the last one', () => {
    const { maxUnavailable, minAvailable, unhealthyPodEvictionPolicy } = budget.spec;
    expect(minAvailable).toBeUndefined();
    expect(maxUnavailable).toBeGreaterThanOrEqual(1);
    expect(maxUnavailable).toBeLessThan(autoscaler.spec.minReplicas);
    expect(unhealthyPodEvictionPolicy).toBe('AlwaysAllow');
  });
});

describe('the network policy', () => {
  it('is for both directions', () => {
    expect(policy.spec.policyTypes).toEqual(['Ingress', 'Egress']);
  });

  it('lets in the router’s pods to GraphQL and Prometheus’ to the metrics, and nobody else', () => {
    const podsOf = (name: string) => ({ matchLabels: { 'app.kubernetes.io/name': name } });
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } };
    expect(policy.spec.ingress).toEqual([
      { from: [{ podSelector: podsOf('router') }], ports: [{ port: 'graphql' }] },
      { from: [{ namespaceSelector, podSelector: podsOf('prometheus') }], ports: [{ port: 'metrics' }] },
    ]);
    for (const { ports } of policy.spec.ingress) expect(portOf(ports[0].port)).toBeDefined();
  });

  it('lets out DNS, and HTTPS to no private network', () => {
    const [dns, api, ...others] = policy.spec.egress;
    expect(others).toEqual([]);
    expect(dns.to).toEqual([{ namespaceSelector: expect.anything(), podSelector: expect.anything() }]);
    expect(dns.ports).toEqual(['UDP', 'TCP'].map((protocol) => ({ port: 53, protocol })));
    // Those of RFC 1918, what providers share (RFC 6598), and where a cloud keeps its metadata.
    const except = ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'];
    expect(api.to).toEqual([{ ipBlock: { cidr: '0.0.0.0/0', except } }]);
    expect(api.ports).toEqual([{ port: Number(new URL(config.COMMAND_API_URL).port || 443) }]);
  });
});

describe('Prometheus', () => {
  it('finds the pods, and of each the port of metrics alone', () => {
    // As Prometheus writes a label's name.
    const [[label = '', value]] = Object.entries(pod.metadata.labels) as [[string, string]];
    const kept = job.relabel_configs.filter(({ action }: { action?: string }) => action === 'keep');
    expect(kept).toMatchObject([
      { source_labels: [`__meta_kubernetes_pod_label_${label.replaceAll(/\W/g, '_')}`], regex: value },
      { source_labels: ['__meta_kubernetes_pod_container_port_number'], regex: String(config.METRICS_PORT) },
    ]);
  });

  it('labels each by its namespace and its name, as the Prometheus Operator does', () => {
    const labels = job.relabel_configs.filter(({ action }: { action?: string }) => action === undefined);
    expect(labels).toEqual([
      { source_labels: ['__meta_kubernetes_namespace'], target_label: 'namespace' },
      { source_labels: ['__meta_kubernetes_pod_name'], target_label: 'instance' },
    ]);
  });
});

describe('docs/capacity.md', () => {
  const page = read('docs/capacity.md');
  // However its lines are broken.
  const prose = page.replaceAll(/\s+/g, ' ');
  const used = autoscaler.spec.metrics[0].resource.target.averageUtilization / 100;
  const rows = [...page.matchAll(/^\| (\w[^|]+) \| (.+) \|$/gm)].map(([, name = '', cells = '']) => ({ name, cells }));

  /** The medians of a workload. */
  function figuresOf(title: string): Record<'cpuUs' | 'perSecond' | 'commands', number> {
    const { name = '' } = WORKLOADS.find((workload) => workload.title === title) ?? {};
    const { cpuUs, perSecond, commands } = measured.workloads[name].ours;
    return { cpuUs: cpuUs.median, perSecond: perSecond.median, commands: commands.median };
  }

  it('has rows', () => {
    expect(rows).toHaveLength(6);
  });

  it.each(rows)('has of $name what was measured, and what comes of it', ({ name, cells }) => {
    const { cpuUs, perSecond: requests, commands } = figuresOf(name);
    const perSecond = (used * 1e6) / cpuUs;
    const steps = Math.ceil(commands / 32);
    const { MAX_REQUESTS_IN_FLIGHT, MAX_COMMANDS_IN_FLIGHT } = config;
    const bound = Math.min(MAX_REQUESTS_IN_FLIGHT / steps, MAX_COMMANDS_IN_FLIGHT / commands);
    const calculated = [Math.floor(perSecond), `${(bound / perSecond).toFixed(2)} s`];
    const told = [cpuUs.toFixed(0), requests.toFixed(0), commands.toFixed(2), ...calculated.map(String)];
    expect(cells.split(' | ')).toEqual(told);
  });

  it('calculates its example by its formula', () => {
    const load = {
      'List of 20': 1000,
      'One detail': 500,
      '100 entities of 10 residences': 50,
      Create: 20,
    };
    const cores = Object.entries(load).reduce((sum, [name, often]) => sum + (often * figuresOf(name).cpuUs) / 1e6, 0);
    const told = /(\d+) lists, (\d+) details, (\d+) times 100 .+ and (\d+) creates .+ take (.+) cores, hence (\d+)/;
    const replicas = Math.ceil(cores / used);
    const [, ...numbers] = told.exec(prose) ?? [];
    expect(numbers).toEqual([...Object.values(load), cores.toFixed(2), replicas].map(String));
  });

  it('has the limits of the code and of the manifest', () => {
    const { MAX_REQUESTS_IN_FLIGHT, MAX_COMMANDS_IN_FLIGHT, MAX_COMMANDS_QUEUED } = config;
    const { maxReplicas } = autoscaler.spec;
    const { idle, loaded } = measured.memory.ours;
    const { megabytes } = measured.soak;
    const rateOf = (name: 'peak' | 'overload') => measured.overload[name].perSecond.median.toFixed(0);
    for (const text of [
      ` ${MAX_REQUESTS_IN_FLIGHT} ÷ (L`,
      ` ${MAX_COMMANDS_IN_FLIGHT} ÷ (L`,
      `where ${MAX_COMMANDS_QUEUED} wait already`,
      `÷ ${MAX_REQUESTS_IN_FLIGHT}, `,
      `× L ÷ ${MAX_COMMANDS_IN_FLIGHT} or raise`,
      `${maxReplicas} × ${MAX_COMMANDS_IN_FLIGHT} = ${maxReplicas * MAX_COMMANDS_IN_FLIGHT}`,
      `cores ÷ ${used}, rounded up`,
      `${used * 100} % of the core`,
      `half a core, divide by ${used / 2}.`,
      `${idle} MB idle, ${loaded} MB after load, ${megabytes.at(-1)} MB after three minutes`,
      `${rateOf('overload')} good answers a second, of ${rateOf('peak')} at the peak`,
    ]) {
      expect(prose).toContain(text);
    }
  });
});
