import { describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config.ts';
import { CONFIGURATION, readNames, readTable } from '../support/documents.ts';

const REQUIRED = { COMMAND_API_URL: 'https://api.ecloud.akubela.com', ROUTER_SECRET: 'a-secret-of-the-router' };

/** Names of headers that cannot bring the caller's token. */
const TAKEN = [
  ...['x vendor', 'x-vendor:', 'x-vendor\n', '令牌', '"canary"'],
  ...['Router-Authorization', 'x-request-id', 'apollographql-client-name', 'apollographql-client-version'],
  ...['traceparent', 'tracestate', 'Cookie', 'host', 'content-type', 'content-length', 'accept', 'accept-encoding'],
  ...[
    'connection',
    'transfer-encoding',
    'keep-alive',
    'te',
    'upgrade',
    'expect',
    'proxy-authorization',
    'x-forwarded-for',
  ],
];

const rows = readTable(CONFIGURATION, 'variable').map(
  ([name, value]) => [readNames(name)[0], readNames(value)[0]] as const,
);
const toValue = (text: string) => (/^\d+$/.test(text) ? Number(text) : text);
const { NODE_ENV, ...DEFAULTS } = Object.fromEntries(rows.map(([name, text]) => [name, text && toValue(text)]));

describe('the configuration', () => {
  it('has the documented defaults, and is for production unless NODE_ENV is development', () => {
    const derived = { production: true, routerSecrets: [REQUIRED.ROUTER_SECRET], warnings: [], tracing: false };
    const { ROUTER_SECRET: _, ...others } = REQUIRED;
    const OTEL_SERVICE_NAME = 'maintenance-subgraph';
    const loaded = loadConfig({ ...REQUIRED, NODE_ENV: 'test' });
    expect(loaded).toEqual({ ...DEFAULTS, ...others, OTEL_SERVICE_NAME, ...derived });
    expect(NODE_ENV).toBe('production');
  });

  it('takes each variable from the environment', () => {
    const numbers = Object.keys(DEFAULTS).filter((name) => typeof DEFAULTS[name] === 'number');
    const given: Record<string, number | string> = {
      ...Object.fromEntries(numbers.map((name, index) => [name, index + 1])),
      // The first is below the second, the third has a minimum of 1000.
      ...{ ATTEMPT_TIMEOUT_MS: 59_999, OPERATION_TIMEOUT_MS: 60_000, MAX_REPLY_BYTES: 1000 },
      ...{ METRICS_PORT: 9464, LOG_LEVEL: 'debug', HOST: '127.0.0.1', OTEL_SERVICE_NAME: 'maintenance' },
      TOKEN_HEADER: 'x-vendor-token',
    };
    const texts = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
    const others = { NODE_ENV: 'development', ROUTER_SECRET: 'x'.repeat(15), ROUTER_SECRET_PREVIOUS: 'old' };
    // Names of headers are case-insensitive.
    const TOKEN_HEADER = 'X-Vendor-Token';
    const COMMAND_API_URL = 'http://localhost:4010/';
    const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://localhost:4318';
    expect(loadConfig({ ...texts, ...others, TOKEN_HEADER, COMMAND_API_URL, OTEL_EXPORTER_OTLP_ENDPOINT })).toEqual({
      ...DEFAULTS,
      ...given,
      production: false,
      COMMAND_API_URL: 'http://localhost:4010',
      routerSecrets: ['x'.repeat(15), 'old'],
      warnings: ['ROUTER_SECRET is shorter than 16 characters', 'ROUTER_SECRET_PREVIOUS is shorter than 16 characters'],
      tracing: true,
    });
  });

  it.each([
    [{ COMMAND_API_URL: '' }, 'COMMAND_API_URL is missing'],
    [{ COMMAND_API_URL: 'api.ecloud.akubela.com' }, 'COMMAND_API_URL must be an http or https origin'],
    [{ COMMAND_API_URL: 'ftp://api.ecloud.akubela.com' }, 'COMMAND_API_URL must be'],
    [{ COMMAND_API_URL: 'https://api.ecloud.akubela.com/api/v1.0' }, 'COMMAND_API_URL must be'],
    [{ COMMAND_API_URL: 'https://api.ecloud.akubela.com?x=1' }, 'COMMAND_API_URL must be'],
    [{ COMMAND_API_URL: 'https://user:canary@api.ecloud.akubela.com' }, 'COMMAND_API_URL must be'],
    [{ COMMAND_API_URL: 'http://127.0.0.1.nip.io' }, 'COMMAND_API_URL must be https in production'],
    [{ COMMAND_API_URL: 'http://localhost.example:80' }, 'COMMAND_API_URL must be https in production'],
    [{ ROUTER_SECRET: '', ALLOW_NO_ROUTER_SECRET: 'false' }, 'ROUTER_SECRET is missing'],
    [{ ROUTER_SECRET: 'two words canary' }, 'ROUTER_SECRET must be visible ASCII'],
    [{ ROUTER_SECRET_PREVIOUS: 'canary-密' }, 'ROUTER_SECRET_PREVIOUS must be visible ASCII'],
    [{ ALLOW_NO_ROUTER_SECRET: 'maybe' }, 'ALLOW_NO_ROUTER_SECRET must be one of true, false'],
    [{ PORT: '65536' }, 'PORT must be a whole number from 0 to 65535'],
    [{ PORT: '-1' }, 'PORT must be'],
    [{ PORT: '1e3' }, 'PORT must be'],
    [{ ATTEMPT_TIMEOUT_MS: '0' }, 'ATTEMPT_TIMEOUT_MS must be a whole number from 1 to 60000'],
    [{ ATTEMPT_TIMEOUT_MS: '10000' }, 'ATTEMPT_TIMEOUT_MS must be below OPERATION_TIMEOUT_MS'],
    [{ PORT: 'x', ATTEMPT_TIMEOUT_MS: '20000' }, 'ATTEMPT_TIMEOUT_MS must be below OPERATION_TIMEOUT_MS'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL must be one of fatal'],
    [{ METRICS_PORT: '4001' }, 'METRICS_PORT must differ from PORT'],
    ...TAKEN.map((name) => [{ TOKEN_HEADER: name }, 'TOKEN_HEADER must be the name of a header without'] as const),
  ])('refuses %j and does not repeat the value', (environment, fault) => {
    const load = () => loadConfig({ ...REQUIRED, ...environment });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(fault);
    expect(load).not.toThrow('canary');
  });

  it.each<NodeJS.ProcessEnv>([
    { COMMAND_API_URL: 'http://localhost:5001' },
    { COMMAND_API_URL: 'http://127.0.0.1' },
    { COMMAND_API_URL: 'http://[::1]:5001' },
    { COMMAND_API_URL: 'http://command-api.internal', NODE_ENV: 'development' },
    { COMMAND_API_URL: 'http://command-api.internal', ALLOW_HTTP_COMMAND_API: 'true' },
    { ROUTER_SECRET: '', NODE_ENV: 'development' },
    { ROUTER_SECRET: '', ALLOW_NO_ROUTER_SECRET: 'true' },
    { ROUTER_SECRET: 'x'.repeat(16) },
    { PORT: '0', METRICS_PORT: '0' },
    { ATTEMPT_TIMEOUT_MS: '9999' },
    ...['x-vendor-authorization', 'AUTHORIZATION', 'acceptance', 'x-host'].map((TOKEN_HEADER) => ({ TOKEN_HEADER })),
  ])('accepts %j without a warning', (environment) => {
    const { warnings, routerSecrets } = loadConfig({ ...REQUIRED, ...environment });
    expect(warnings).toEqual([]);
    expect(routerSecrets).toEqual([environment.ROUTER_SECRET ?? REQUIRED.ROUTER_SECRET].filter((secret) => secret));
  });

  it.each<[boolean, NodeJS.ProcessEnv]>([
    [true, { OTEL_TRACES_EXPORTER: 'otlp' }],
    [true, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
    [true, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9' }],
    [false, { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    [false, { OTEL_SERVICE_NAME: 'x' }],
  ])('switches tracing on: %s, with %j', (isOn, environment) => {
    expect(loadConfig({ ...REQUIRED, ...environment }).tracing).toBe(isOn);
  });
});
