/**
 * The files in supergraph/ against the code: names, ports, headers, variables and time limits.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse as parseGraphql } from 'graphql';
import { parse } from 'yaml';
import { EXAMPLE } from '../dev/seed.ts';
import { loadConfig } from '../src/config.ts';
import { maskError } from '../src/format-error.ts';
import { LIMITS } from '../src/limits.ts';
import { createLogger } from '../src/logger.ts';
import { ROUTER_SECRET } from './support/subgraph.ts';
import { useSubgraph } from './support/use-subgraph.ts';

const FOLDER = new URL('../supergraph/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, FOLDER), 'utf8');

const supergraph: {
  federation_version: string;
  subgraphs: Record<string, { routing_url: string; schema: { file: string } }>;
} = parse(read('supergraph.yaml'));
const router = parse(read('router.yaml'));
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const errorSection = /\n### Errors\n([\s\S]+?)\n## /.exec(readme)?.[1] ?? '';
const config = loadConfig({ COMMAND_API_URL: 'http://127.0.0.1:9', ROUTER_SECRET });

const shaping = router.traffic_shaping.subgraphs.maintenance;
const included: { redact_message: boolean; allow_extensions_keys: string[] } =
  router.include_subgraph_errors.subgraphs.maintenance;
const toMs = (duration: string) => Number(/^(\d+)s$/.exec(duration)?.[1]) * 1000;

const subgraph = useSubgraph();

describe('supergraph.yaml', () => {
  it('sends the router to where the subgraphs listen', () => {
    // As `npm run supergraph` has them: the subgraph and the neighbour on the two ports after the gateway's.
    const gatewayPort = Number(router.supergraph.listen.split(':')[1]);
    expect(config.PORT).toBe(gatewayPort + 1);
    const urls = Object.entries(supergraph.subgraphs).map(([name, { routing_url }]) => [name, routing_url]);
    expect(urls).toEqual([
      ['maintenance', `http://localhost:${config.PORT}/graphql`],
      ['residences', `http://localhost:${gatewayPort + 2}/graphql`],
    ]);
  });

  it('names schemas that are there, by ways from its own folder', () => {
    const defined = Object.values(supergraph.subgraphs).map(({ schema }) => {
      const { definitions } = parseGraphql(read(schema.file));
      return definitions.flatMap((one) => ('name' in one && one.name ? [one.name.value] : []));
    });
    expect(defined).toEqual([
      expect.arrayContaining(['Maintenance', 'Residence', 'Mutation']),
      expect.arrayContaining(['Residence', 'Query']),
    ]);
  });

  it('composes with one exact version, of at least the federation that the schema asks for', () => {
    const asked = /federation\/v(\d+\.\d+)"/.exec(read('../schema/maintenance.graphql'))?.[1];
    expect(supergraph.federation_version).toMatch(new RegExp(`^=${asked}\\.\\d+$`));
  });
});

describe('router.yaml', () => {
  it('knows the subgraphs by the names of supergraph.yaml, and only ours', () => {
    const { headers, traffic_shaping, include_subgraph_errors } = router;
    for (const { subgraphs } of [headers, traffic_shaping, include_subgraph_errors]) {
      expect(Object.keys(subgraphs)).toEqual(['maintenance']);
      expect(supergraph.subgraphs).toHaveProperty('maintenance');
    }
  });

  it('sends headers to this subgraph alone, with which it answers, and without either does not', async () => {
    expect(router.headers).toEqual({
      subgraphs: {
        maintenance: {
          request: [
            { propagate: { named: 'authorization' } },
            { insert: { name: 'Router-Authorization', value: expect.stringMatching(/^\$\{env\.ROUTER_SECRET\}$/) } },
            { propagate: { named: 'x-request-id' } },
            { propagate: { named: 'apollographql-client-name' } },
            { propagate: { named: 'apollographql-client-version' } },
          ],
        },
      },
    });
    const [{ propagate }, { insert }] = router.headers.subgraphs.maintenance.request;
    const all = { [propagate.named]: `Bearer ${EXAMPLE.token}`, [insert.name]: ROUTER_SECRET };
    const ask = async (headers: Record<string, string>) => {
      const response = await fetch(`${subgraph.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query: `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { contact } }` }),
      });
      const { data, errors = [] } = (await response.json()) as {
        data?: unknown;
        errors?: { extensions: { code: string } }[];
      };
      return data && errors.length === 0 ? data : errors.map(({ extensions }) => extensions.code);
    };
    expect(await ask(all)).toEqual({ maintenances: [{ contact: '10086' }] });
    expect(await ask({ ...all, [propagate.named]: '' })).toEqual(['UNAUTHENTICATED']);
    expect(await ask({ ...all, [insert.name]: '' })).toEqual(['ROUTER_UNAUTHENTICATED']);
  });

  it('takes the secret of the subgraph’s own variable, and whatever else has a default', () => {
    const variables = [...read('router.yaml').matchAll(/\$\{env\.(\w+)(:-)?/g)].map(([, name, optional]) => ({
      name,
      optional: optional !== undefined,
    }));
    expect(variables).toEqual([
      { name: 'ROUTER_SECRET', optional: false },
      { name: 'OTLP_ENDPOINT', optional: true },
    ]);
    expect(readme).toContain('| `ROUTER_SECRET` |');
  });

  it('waits longer than an operation may take, and less than for the whole answer', () => {
    expect(toMs(shaping.timeout)).toBeGreaterThan(config.OPERATION_TIMEOUT_MS);
    expect(toMs(router.traffic_shaping.router.timeout)).toBeGreaterThan(2 * toMs(shaping.timeout));
    expect(router.traffic_shaping.all.timeout).toBe(shaping.timeout);
  });

  it('lets go of an idle connection before the subgraph does', async () => {
    const kept = (await fetch(`${subgraph.url}/health/live`)).headers.get('keep-alive');
    expect(toMs(shaping.pool_idle_timeout)).toBeLessThan(toMs(`${/^timeout=(\d+)$/.exec(kept ?? '')?.[1]}s`));
  });

  it('leaves identical reads to the subgraph', () => {
    expect(shaping.deduplicate_query).toBe(false);
  });

  it('takes no more than the subgraph does', () => {
    expect(router.limits).toEqual({ http_max_request_bytes: LIMITS.bodyBytes, parser_max_tokens: LIMITS.tokens });
  });

  it('needs no licence of GraphOS', () => {
    const licensed = [
      'authentication',
      'authorization',
      'batching',
      'coprocessor',
      'demand_control',
      'persisted_queries',
      'preview_entity_cache',
      'response_cache',
      'subscription',
    ];
    expect(Object.keys(router).filter((key) => licensed.includes(key))).toEqual([]);
    for (const limit of ['max_depth', 'max_height', 'max_root_fields', 'max_aliases']) {
      expect(router.limits).not.toHaveProperty(limit);
    }
    expect(read('router.yaml')).not.toMatch(/redis/);
  });

  it('passes traces on by their own way, and puts no document into them', () => {
    const { exporters, instrumentation, apollo } = router.telemetry;
    expect(exporters.tracing.propagation).toEqual({ trace_context: true });
    expect(instrumentation.spans).toEqual({ mode: 'spec_compliant', default_attribute_requirement_level: 'required' });
    expect(apollo.field_level_instrumentation_sampler).toBe('always_off');
  });

  describe('of errors', () => {
    const R = EXAMPLE.residenceId;
    const DELETE = `mutation { deleteMaintenance(id: "${R}:m") { id } }`;

    it('includes ours, and no other team’s', () => {
      expect(included.redact_message).toBe(false);
      expect(router.include_subgraph_errors.all).toEqual({ redact_message: true, allow_extensions_keys: [] });
    });

    it.each(included.allow_extensions_keys.filter((key) => key !== 'service'))(
      'lets %s through, which the README tells of',
      (key) => {
        expect(errorSection).toMatch(new RegExp(`\`(extensions\\.)?${key}\``));
      },
    );

    it('lets through all that errors of the subgraph say', async () => {
      const seen = new Set<string>();
      const see = async (query: string, token: string | null = EXAMPLE.token) => {
        const { errors } = await subgraph.ask(query, { token });
        expect(errors).not.toEqual([]);
        for (const { extensions } of errors) for (const key of Object.keys(extensions)) seen.add(key);
      };
      await see('{');
      await see('{ nope }');
      await see('{ maintenance(id: "no id") { id } }');
      await see(`{ maintenances(residenceId: "${R}") { id } }`, null);
      subgraph.upstream.fail(() => ({ body: { success: false, error: { code: 'E5' } } }));
      await see(DELETE);
      subgraph.upstream.fail(() => ({ status: 500 }));
      await see(`{ maintenances(residenceId: "${R}") { id } }`);
      const unforeseen = maskError(new Error('x'), createLogger('silent'));
      for (const key of Object.keys(unforeseen.extensions)) seen.add(key);
      const ours = included.allow_extensions_keys.filter((key) => key !== 'service');
      expect([...seen].sort()).toEqual([...ours].sort());
    });
  });
});

describe('router.dev.yaml', () => {
  const dev = parse(read('router.dev.yaml'));

  it('sends the token as router.yaml does, and nothing that `npm run dev` does not ask for', () => {
    const [propagate] = router.headers.subgraphs.maintenance.request;
    expect(dev).toEqual({ headers: { subgraphs: { maintenance: { request: [propagate] } } } });
  });

  it('has nothing beside which the router refuses what --dev sets', () => {
    expect(dev).not.toHaveProperty('include_subgraph_errors');
  });
});
