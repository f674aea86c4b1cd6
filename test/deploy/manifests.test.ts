/**
 * The kustomizations and the systemd unit in deploy/ against Kubernetes' schemas, the code and Prometheus' scrape configuration; docs/performance.md
 * against the defaults.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
import { loadConfig } from '../../src/config.ts';
import { ROUTER_SECRET } from '../support/ask.ts';
import { CONFIGURATION, readDocument as read, readKeys } from '../support/documents.ts';

const BASE_MODELS = [Deployment, Service, HorizontalPodAutoscaler, PodDisruptionBudget, NetworkPolicy];
const MODELS = [...BASE_MODELS, PodMonitor, PrometheusRule];

const { version } = JSON.parse(read('package.json'));
const manifest = read('deploy/base/deployment.yaml');
const overlay = read('deploy/overlay-example/kustomization.yaml');
const [job] = parse(read('deploy/prometheus.yaml')).scrape_configs;
const PERFORMANCE = read('docs/performance.md');

const parseManifest = (text: string) =>
  parseAllDocuments(text).map((document) => {
    expect([...document.errors, ...document.warnings]).toEqual([]);
    return document.toJS();
  });

// The base has no patches: its files are its resources.
const base = parse(read('deploy/base/kustomization.yaml')).resources.flatMap((name: string) =>
  parseManifest(read(`deploy/base/${name}`)),
);
const [deployment, service, autoscaler, budget, policy] = base;
const pod = deployment.spec.template;
const [container] = pod.spec.containers;
const variables: { name: string; value?: string; valueFrom?: { secretKeyRef: object } }[] = container.env;
const config: Record<string, unknown> & ReturnType<typeof loadConfig> = loadConfig(
  Object.fromEntries(variables.map(({ name, value = ROUTER_SECRET }) => [name, value])),
);
const targetUse = autoscaler.spec.metrics[0].resource.target.averageUtilization / 100;
const bytesOf = (quantity: string) => Number.parseInt(quantity, 10) * (quantity.endsWith('Gi') ? 2 ** 30 : 2 ** 20);

const defaults = loadConfig({ COMMAND_API_URL: 'http://127.0.0.1:9', ROUTER_SECRET });

/** Expects a file to wait long enough for the end of the process, and to have the sum in a comment. */
function expectTimeToStop(file: string, given: typeof defaults, seconds: number): void {
  const msOf = (name: string, file: string) =>
    Number(new RegExp(`^const ${name} = (\\d+);$`, 'm').exec(read(file))?.[1]);
  const [cutMs, flushMs] = [msOf('GRACE_MS', 'src/http/host.ts'), msOf('FLUSH_MS', 'src/tracing.ts')];
  const { DRAIN_DELAY_MS, OPERATION_TIMEOUT_MS } = given;
  // A write that began when the last connection was cut has the whole time of an operation.
  const neededMs = DRAIN_DELAY_MS + OPERATION_TIMEOUT_MS + cutMs + OPERATION_TIMEOUT_MS + flushMs;
  expect(seconds * 1000).toBeGreaterThan(neededMs);
  expect(file).toMatch(new RegExp(`\\(${DRAIN_DELAY_MS / 1000} s\\)[^.]+= ${neededMs / 1000} s\\.`));
}

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

/** Returns the members that a schema does not have: Kubernetes' schemas allow any, but their validators never read these. */
function unknownMembers(document: object, validate: (this: object) => void): string[] {
  const unread = new Set<string>();
  const watch = <T extends object>(value: T, path: string): T => {
    const watched = Object.entries(value).map(([key, member]) => {
      unread.add(`${path}/${key}`);
      return [key, typeof member === 'object' && member !== null ? watch(member, `${path}/${key}`) : member];
    });
    const copy = Object.assign(Array.isArray(value) ? [] : {}, Object.fromEntries(watched));
    return new Proxy(copy, {
      get(target, key) {
        unread.delete(`${path}/${String(key)}`);
        return Reflect.get(target, key);
      },
    });
  };
  validate.call(watch(document, ''));
  return [...unread];
}

if (kustomize) describe('the overlay', testOverlay);
else it.skip('the overlay. Skipped: Neither kubectl nor kustomize is installed.', () => {});

function testOverlay() {
  const built = build(overlay);
  const withTracing = build(overlay.replace('# - ../components/tracing', '- ../components/tracing'));

  it('gets only a PodMonitor and a PrometheusRule from its components', () => {
    const without = build(overlay.replaceAll(/^ {2}- \.\.\/components\/.+\n/gm, '').replace('components:\n', ''));
    expect(Object.keys(built).sort()).toEqual(MODELS.map(({ kind }) => kind).sort());
    expect(Object.keys(without).sort()).toEqual(BASE_MODELS.map(({ kind }) => kind).sort());
  });

  const kinds = MODELS.map((model) => [model.kind, model.prototype.validate] as const);
  it.each(kinds)('has a %s of known members, in the scraped namespace', (kind, validate) => {
    const document = withTracing[kind];
    expect(unknownMembers(document, validate)).toEqual([]);
    const [namespace] = job.kubernetes_sd_configs[0].namespaces.names;
    expect(document.metadata).toMatchObject({ namespace, name: 'maintenance-subgraph' });
  });

  it('changes only the image and its registry, the region, the replicas and the peers, and labels all but the selectors', () => {
    const { namespace } = built.Deployment.metadata;
    const expected = structuredClone(base);
    const [changedDeployment, , changedAutoscaler, , changedPolicy] = expected;
    for (const { metadata } of expected) metadata.namespace = namespace;
    for (const { metadata } of [...expected, changedDeployment.spec.template])
      metadata.labels = { ...metadata.labels, 'app.kubernetes.io/version': version };
    const [changed] = changedDeployment.spec.template.spec.containers;
    changed.image = expect.stringMatching(/^registry\.example\.com\/maintenance-subgraph@sha256:[0-9a-f]{64}$/);
    changed.env[0].value = 'https://api.ucloud.akubela.com';
    changedDeployment.spec.template.spec.imagePullSecrets = [{ name: 'registry' }];
    Object.assign(changedAutoscaler.spec, { minReplicas: 3, maxReplicas: 6 });
    const [router, prometheus] = changedPolicy.spec.ingress;
    router.from[0].podSelector.matchLabels = { 'app.kubernetes.io/name': 'apollo-router' };
    prometheus.from[0].namespaceSelector.matchLabels = { 'kubernetes.io/metadata.name': 'observability' };
    expect(BASE_MODELS.map(({ kind }) => built[kind])).toEqual(expected);
  });

  it('with tracing, sends traces where the network policy allows, and changes nothing else', () => {
    const rest = structuredClone(withTracing);
    const { value } = rest.Deployment.spec.template.spec.containers[0].env.pop();
    const { hostname, port } = new URL(value);
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': hostname.split('.')[1] } };
    expect(rest.NetworkPolicy.spec.egress.pop()).toEqual({
      to: [{ namespaceSelector, podSelector: expect.anything() }],
      ports: [{ port: Number(port) }],
    });
    expect(rest).toEqual(built);
  });

  it('with its lines for a proxy, sends commands to the proxy, and allows no other way', () => {
    const uncomment = (_: string, indent: string, lines: string) => lines.replaceAll(`${indent}# `, indent);
    const rest = build(overlay.replaceAll(/^( +)# With a proxy.+\n((?:\1# .+\n)+)/gm, uncomment));
    const added = rest.Deployment.spec.template.spec.containers[0].env.filter(({ name }: { name: string }) =>
      /PROXY/.test(name),
    );
    const HTTPS_PROXY = 'http://proxy.example.com:3128';
    expect(added).toEqual(
      Object.entries({ NODE_USE_ENV_PROXY: '1', HTTPS_PROXY }).map(([name, value]) => ({ name, value })),
    );
    const [dns] = built.NetworkPolicy.spec.egress;
    const proxy = { to: [{ ipBlock: { cidr: '10.0.0.10/32' } }], ports: [{ port: 3128 }] };
    expect(rest.NetworkPolicy.spec.egress).toEqual([dns, proxy]);
  });

  it('with its patch for files, has both secrets as files, and in no variable', () => {
    const uncommented = overlay.replace(/^ {2}# - patch: \|\n(?: {2}# .+\n)+?(?= {2}# Replicas)/m, (patch) =>
      patch.replaceAll(/^ {2}# /gm, '  '),
    );
    const { volumes, containers } = build(uncommented).Deployment.spec.template.spec;
    const [{ env, volumeMounts }] = containers;
    const folder = '/run/secrets/router';
    const secrets = ['ROUTER_SECRET', 'ROUTER_SECRET_PREVIOUS'];
    const files = secrets.map((name) => ({ name: `${name}_FILE`, value: `${folder}/${name}` }));
    expect(env.filter(({ name }: { name: string }) => name.includes('SECRET'))).toEqual(files);
    expect(volumeMounts).toEqual([{ name: 'router-secret', mountPath: folder, readOnly: true }]);
    expect(volumes).toEqual([{ name: 'router-secret', secret: { secretName: 'maintenance-subgraph' } }]);
  });

  it('scrapes each pod’s metrics port as prometheus.yaml does', () => {
    const [jobLabel] = Object.keys(pod.metadata.labels);
    expect(pod.metadata.labels).toEqual({ [String(jobLabel)]: job.job_name });
    const relabelings = [{ sourceLabels: ['__meta_kubernetes_pod_name'], targetLabel: 'instance' }];
    expect(built.PodMonitor.spec).toEqual({
      selector: { matchLabels: pod.metadata.labels },
      jobLabel,
      podMetricsEndpoints: [{ port: 'metrics', interval: job.scrape_interval, relabelings }],
    });
  });
}

describe('the configuration', () => {
  it('consists of unique, documented variables that the code accepts', () => {
    const names = variables.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const documented = readKeys(CONFIGURATION, 'variable');
    expect(names.filter((name) => !documented.includes(name))).toEqual([]);
    const given = variables.filter(({ value }) => value);
    expect(given.map(({ name }) => String(config[name]))).toEqual(given.map(({ value }) => value));
  });

  it('is for production, with both secrets from one Secret', () => {
    expect(config).toMatchObject({ production: true, ALLOW_NO_ROUTER_SECRET: 'false' });
    const name = 'maintenance-subgraph';
    expect(variables.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? [])).toEqual([
      { name, key: 'ROUTER_SECRET' },
      { name, key: 'ROUTER_SECRET_PREVIOUS', optional: true },
    ]);
    expect(config.routerSecrets).toHaveLength(2);
  });
});

describe('the pods', () => {
  it('match every selector by their only label', () => {
    const { labels } = pod.metadata;
    const [zones, nodes] = pod.spec.topologySpreadConstraints;
    const selectors = [deployment.spec.selector, budget.spec.selector, policy.spec.podSelector];
    for (const selector of [...selectors, zones.labelSelector, nodes.labelSelector])
      expect(selector).toEqual({ matchLabels: labels });
    expect(service.spec.selector).toEqual(labels);
    expect(Object.keys(labels)).toHaveLength(1);
  });

  it('declare the ports on which the code listens', () => {
    expect(container.ports).toEqual([
      { name: 'graphql', containerPort: config.PORT },
      { name: 'metrics', containerPort: config.METRICS_PORT },
    ]);
    expect(config.HOST).toBe('0.0.0.0');
  });

  it('run without rights, as the user `node` of the image', () => {
    const dockerfile = read('Dockerfile');
    expect(dockerfile).toMatch(/^ARG BASE=node:/m);
    expect(dockerfile.match(/^USER .+$/gm)).toEqual(['USER 1000']);
    const user = { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000 };
    expect(pod.spec).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { ...user, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod.spec).not.toHaveProperty('volumes');
  });

  it.each([
    ['startupProbe', '/health/live', 1, 30],
    ['livenessProbe', '/health/live', 5, 30],
    ['readinessProbe', '/health/ready', 5, 15],
  ])('have a %s on %s, with %d s for an answer and %d s until it fails', (probe, path, timeout, seconds) => {
    const { httpGet, periodSeconds, timeoutSeconds = 1, failureThreshold } = container[probe];
    expect(httpGet).toEqual({ path, port: 'graphql' });
    expect(readKeys(CONFIGURATION, 'path')).toContain(`GET ${path}`);
    expect(timeoutSeconds).toBeGreaterThanOrEqual(timeout);
    expect(periodSeconds * failureThreshold).toBeGreaterThanOrEqual(seconds);
  });

  it('have time for a graceful shutdown', () => {
    expect(config.DRAIN_DELAY_MS).toBeGreaterThanOrEqual(defaults.DRAIN_DELAY_MS);
    expectTimeToStop(manifest, config, pod.spec.terminationGracePeriodSeconds);
  });

  it('have more memory than was measured, and an alert before their limit', () => {
    const [, loaded] = /^Resident: .*, (\d+) MB after/m.exec(PERFORMANCE) ?? [];
    const { requests, limits } = container.resources;
    expect(bytesOf(requests.memory)).toBeGreaterThan(Number(loaded) * 1e6);
    expect(bytesOf(limits.memory)).toBeGreaterThan(bytesOf(requests.memory));
    const [, alert = ''] = read('deploy/alerts.yaml').split('- alert: MaintenanceMemoryHigh\n');
    const share = Number(/ > (\S+) \* process_memory_limit_bytes/.exec(alert)?.[1]);
    expect(alert).toContain(`More than ${share * 100} % of its limit.`);
    expect(share).toBeGreaterThanOrEqual(0.8);
    expect(share).toBeLessThanOrEqual(0.9);
  });
});

it('the Service has only the GraphQL port, and the name in the comments for the router', () => {
  expect(service.spec.ports).toMatchObject([{ port: config.PORT, targetPort: 'graphql' }]);
  const url = `http://${service.metadata.name}:${config.PORT}/graphql`;
  for (const text of [overlay, read('deploy/base/service.yaml')]) expect(text).toContain(url);
});

describe('the number of replicas', () => {
  it('depends on the autoscaler, which measures the CPU', () => {
    const { apiVersion, kind, metadata, spec } = deployment;
    expect(spec).not.toHaveProperty('replicas');
    expect(autoscaler.spec.scaleTargetRef).toEqual({ apiVersion, kind, name: metadata.name });
    const target = { type: 'Utilization', averageUtilization: expect.any(Number) };
    expect(autoscaler.spec.metrics).toEqual([{ type: 'Resource', resource: { name: 'cpu', target } }]);
    expect(container.resources.requests.cpu).toBe('1');
    expect(container.resources.limits).not.toHaveProperty('cpu');
  });

  it('allows one replica to fail, to leave a drained node or to be replaced', () => {
    const { minReplicas, maxReplicas } = autoscaler.spec;
    expect(minReplicas).toBeGreaterThanOrEqual(2);
    expect(maxReplicas).toBeGreaterThan(minReplicas);
    expect(targetUse * minReplicas).toBeLessThanOrEqual(minReplicas - 1);
    const { selector: _, ...rest } = budget.spec;
    expect(rest).toEqual({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    expect(deployment.spec.strategy).toEqual({ rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } });
  });
});

describe('the network policy', () => {
  it('admits only the router to GraphQL and Prometheus to the metrics', () => {
    const podsOf = (name: string) => ({ matchLabels: { 'app.kubernetes.io/name': name } });
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } };
    expect(policy.spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(policy.spec.ingress).toEqual([
      { from: [{ podSelector: podsOf('router') }], ports: [{ port: 'graphql' }] },
      { from: [{ namespaceSelector, podSelector: podsOf('prometheus') }], ports: [{ port: 'metrics' }] },
    ]);
  });

  it('allows DNS, and HTTPS to public addresses', () => {
    // Private networks (RFC 1918), shared addresses of providers (RFC 6598), and the metadata service of clouds.
    const except = ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'];
    expect(new URL(config.COMMAND_API_URL)).toMatchObject({ protocol: 'https:', port: '' });
    expect(policy.spec.egress).toEqual([
      {
        to: [{ namespaceSelector: expect.anything(), podSelector: expect.anything() }],
        ports: ['UDP', 'TCP'].map((protocol) => ({ port: 53, protocol })),
      },
      { to: [{ ipBlock: { cidr: '0.0.0.0/0', except } }], ports: [{ port: 443 }] },
    ]);
  });
});

it('Prometheus finds the metrics port of each pod, and labels it by namespace and name', () => {
  const [[label, value] = ['', '']] = Object.entries(pod.metadata.labels);
  const rules = job.relabel_configs.filter(({ action }: { action?: string }) => action !== 'drop');
  const keep = (source: string, regex: unknown) => ({ source_labels: [source], regex: `${regex}`, action: 'keep' });
  expect(rules).toEqual([
    keep(`__meta_kubernetes_pod_label_${label.replaceAll(/\W/g, '_')}`, value),
    keep('__meta_kubernetes_pod_container_port_number', config.METRICS_PORT),
    { source_labels: ['__meta_kubernetes_namespace'], target_label: 'namespace' },
    { source_labels: ['__meta_kubernetes_pod_name'], target_label: 'instance' },
  ]);
});

describe('the unit for systemd', () => {
  const text = read('deploy/systemd/maintenance-subgraph@.service');
  const lines = Array.from(text.matchAll(/^(\w+)=(.*)$/gm), ([, key = '', value = '']) => [key, value] as const);
  const valuesOf = (key: string) => lines.filter(([name]) => name === key).map(([, value]) => value);
  const environment = new Map(
    valuesOf('Environment').flatMap((line) => line.split(' ').map((pair) => pair.split('=') as [string, string])),
  );

  const verify = (file: string) => spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
  const hasSystemd = verify('').error === undefined;
  const withSystemd = hasSystemd ? it : it.skip;
  withSystemd(
    `has only keys and values that systemd knows${hasSystemd ? '' : '. Skipped: no systemd-analyze.'}`,
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'unit-'));
      try {
        // The machine of a test has its Node elsewhere, perhaps at a path that systemd refuses.
        const [file, node] = [join(folder, 'maintenance-subgraph@.service'), join(folder, 'node')];
        symlinkSync(process.execPath, node);
        writeFileSync(file, text.replace('=node ', `=${node} `));
        expect(verify(file)).toMatchObject({ stdout: '', stderr: '', status: 0 });
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  it('starts Node as the image does, with a compile cache in its own folder', () => {
    const [, command = ''] = /^CMD (.+)$/m.exec(read('Dockerfile')) ?? [];
    expect(valuesOf('ExecStart')).toEqual([JSON.parse(command).join(' ')]);
    expect(environment.get('NODE_COMPILE_CACHE')).toBe(`%C/${valuesOf('CacheDirectory')[0]}`);
  });

  it('passes documented variables, and both secrets as credentials', () => {
    const names = [...environment.keys(), ...readVariables('deploy/systemd/environment')];
    const documented = readKeys(CONFIGURATION, 'variable');
    expect(names.filter((name) => !documented.includes(name))).toEqual(['NODE_COMPILE_CACHE']);
    const secrets = ['ROUTER_SECRET', 'ROUTER_SECRET_PREVIOUS'].map((name) => name.toLowerCase().replaceAll('_', '-'));
    expect(valuesOf('LoadCredential')).toEqual(secrets.map((name) => `${name}:/etc/maintenance-subgraph/${name}`));
    const files = ['ROUTER_SECRET_FILE', 'ROUTER_SECRET_PREVIOUS_FILE'].map((name) => environment.get(name));
    expect(files).toEqual(secrets.map((name) => `%d/${name}`));
  });

  it('has the memory of a pod, time for a graceful shutdown, and allows V8 to compile', () => {
    expect(valuesOf('MemoryMax').map((size) => `${size}i`)).toEqual([container.resources.limits.memory]);
    expectTimeToStop(text, defaults, Number(valuesOf('TimeoutStopSec')[0]));
    expect(valuesOf('Restart')).toEqual(['always']);
    expect(valuesOf('MemoryDenyWriteExecute')).toEqual([]);
  });

  it('is scraped by the static configuration, with the labels of pods', () => {
    const [{ static_configs, ...rest }] = parse(read('deploy/systemd/prometheus.yaml')).scrape_configs;
    expect(rest).toEqual({ job_name: job.job_name, scrape_interval: job.scrape_interval });
    for (const { targets, labels } of static_configs) {
      expect(labels).toEqual({ namespace: expect.any(String) });
      // The two processes that docs/systemd.md starts.
      expect(targets).toEqual(targets.map(() => expect.stringMatching(/:1400[12]$/)));
    }
    expect(environment.get('METRICS_PORT')).toBe('1%i');
  });
});

function readVariables(file: string): string[] {
  return Array.from(read(file).matchAll(/^(\w+)=/gm), ([, name = '']) => name);
}

describe('docs/performance.md', () => {
  const prose = PERFORMANCE.replaceAll(/\s+/g, ' ');
  const { MAX_REQUESTS_IN_FLIGHT, MAX_COMMANDS_IN_FLIGHT, MAX_COMMANDS_QUEUED } = config;

  it.each([
    ` ${MAX_REQUESTS_IN_FLIGHT} ÷ (L`,
    ` ${MAX_COMMANDS_IN_FLIGHT} ÷ (L`,
    `where ${MAX_COMMANDS_QUEUED} wait`,
    `÷ ${MAX_REQUESTS_IN_FLIGHT}, `,
    `× L ÷ ${MAX_COMMANDS_IN_FLIGHT}`,
    `${autoscaler.spec.maxReplicas} × ${MAX_COMMANDS_IN_FLIGHT} = ${autoscaler.spec.maxReplicas * MAX_COMMANDS_IN_FLIGHT}`,
    `cores ÷ ${targetUse}, rounded up`,
    `${targetUse * 100} % of the core`,
    `half a core, divide by ${targetUse / 2}.`,
  ])('has the current figures: %s', (text) => {
    expect(prose).toContain(text);
  });
});
