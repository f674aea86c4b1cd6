import { describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config.ts';

const REQUIRED = { COMMAND_API_URL: 'https://api.ecloud.akubela.com', ROUTER_SECRET: 'a-secret-of-the-router' };

describe('the configuration', () => {
  const DEFAULTS = {
    HOST: '0.0.0.0',
    PORT: 4001,
    ALLOW_NO_ROUTER_SECRET: 'false',
    ALLOW_HTTP_COMMAND_API: 'false',
    ATTEMPT_TIMEOUT_MS: 3000,
    OPERATION_TIMEOUT_MS: 10_000,
    MAX_ATTEMPTS: 3,
    MAX_REPLY_BYTES: 2_097_152,
    MAX_COMMANDS_IN_FLIGHT: 256,
    MAX_COMMANDS_QUEUED: 1024,
    BREAKER_FAILURES: 20,
    BREAKER_OPEN_MS: 2000,
    MAX_REQUESTS_IN_FLIGHT: 250,
    DRAIN_DELAY_MS: 2000,
    LOG_EVERY: 1,
    LOG_LEVEL: 'info',
    METRICS_PORT: undefined,
    OTEL_SERVICE_NAME: 'maintenance-subgraph',
  };

  it('has defaults for all variables except the URL of the command API and the router’s secret', () => {
    const { COMMAND_API_URL, ROUTER_SECRET } = REQUIRED;
    const derived = { production: true, routerSecrets: [ROUTER_SECRET], warnings: [], tracing: false };
    expect(loadConfig(REQUIRED)).toEqual({ ...DEFAULTS, COMMAND_API_URL, ...derived });
  });

  it('takes each variable from the environment', () => {
    const numbers = Object.entries(DEFAULTS).flatMap(([name, value]) => (typeof value === 'number' ? name : []));
    const given: Record<string, number | string> = Object.fromEntries(numbers.map((name, index) => [name, index + 1]));
    // The first is below the second, the third has a minimum of 1000.
    Object.assign(given, { ATTEMPT_TIMEOUT_MS: 59_999, OPERATION_TIMEOUT_MS: 60_000, MAX_REPLY_BYTES: 1000 });
    Object.assign(given, {
      METRICS_PORT: 9464,
      LOG_LEVEL: 'debug',
      HOST: '127.0.0.1',
      OTEL_SERVICE_NAME: 'maintenance',
    });
    const texts = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
    const others = { NODE_ENV: 'development', ROUTER_SECRET: 'new', ROUTER_SECRET_PREVIOUS: 'old' };
    const endpoints = {
      COMMAND_API_URL: 'http://localhost:4010/',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318',
    };
    expect(loadConfig({ ...texts, ...others, ...endpoints })).toEqual({
      ...DEFAULTS,
      ...given,
      production: false,
      COMMAND_API_URL: 'http://localhost:4010',
      routerSecrets: ['new', 'old'],
      warnings: ['ROUTER_SECRET is shorter than 16 characters', 'ROUTER_SECRET_PREVIOUS is shorter than 16 characters'],
      tracing: true,
    });
  });

  it('is for production unless NODE_ENV is development', () => {
    expect(loadConfig({ ...REQUIRED, NODE_ENV: 'test' }).production).toBe(true);
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
    [{ ALLOW_HTTP_COMMAND_API: 'yes' }, 'ALLOW_HTTP_COMMAND_API must be one of true, false'],
    [{ PORT: '65536' }, 'PORT must be a whole number from 0 to 65535'],
    [{ PORT: '-1' }, 'PORT must be'],
    [{ PORT: '1e3' }, 'PORT must be'],
    [{ OPERATION_TIMEOUT_MS: '1.5' }, 'OPERATION_TIMEOUT_MS must be'],
    [{ ATTEMPT_TIMEOUT_MS: '0' }, 'ATTEMPT_TIMEOUT_MS must be a whole number from 1 to 60000'],
    [{ ATTEMPT_TIMEOUT_MS: '10000' }, 'ATTEMPT_TIMEOUT_MS must be below OPERATION_TIMEOUT_MS'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL must be one of fatal'],
    [{ METRICS_PORT: '4001' }, 'METRICS_PORT must differ from PORT'],
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
  ])('accepts %j without a warning', (environment) => {
    const { warnings, routerSecrets } = loadConfig({ ...REQUIRED, ...environment });
    expect(warnings).toEqual([]);
    expect(routerSecrets).toEqual([environment.ROUTER_SECRET ?? REQUIRED.ROUTER_SECRET].filter((secret) => secret));
  });

  it('warns of a secret of 15 characters', () => {
    const { warnings } = loadConfig({ ...REQUIRED, ROUTER_SECRET: 'x'.repeat(15) });
    expect(warnings).toEqual(['ROUTER_SECRET is shorter than 16 characters']);
  });

  it('names every fault in one error', () => {
    expect(() => loadConfig({ PORT: 'x', LOG_LEVEL: 'loud', ATTEMPT_TIMEOUT_MS: '20000' })).toThrow(
      /PORT must.*\n.*COMMAND_API_URL is missing.*\n.*LOG_LEVEL must.*\n.*ROUTER_SECRET is missing.*\n.*ATTEMPT_TIMEOUT_MS must/,
    );
  });
});
