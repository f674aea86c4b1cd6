import { describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config.ts';

const LEAST = { COMMAND_API_URL: 'https://api.ecloud.akubela.com', ROUTER_SECRET: 'a-secret-of-the-router' };

describe('the environment', () => {
  it('needs no more than the command API and the router’s secret', () => {
    expect(loadConfig(LEAST)).toEqual({
      production: true,
      HOST: '0.0.0.0',
      PORT: 4001,
      COMMAND_API_URL: 'https://api.ecloud.akubela.com',
      routerSecrets: ['a-secret-of-the-router'],
      warnings: [],
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
      tracing: false,
    });
  });

  it('may say everything', () => {
    expect(
      loadConfig({
        NODE_ENV: 'development',
        HOST: '127.0.0.1',
        PORT: '0',
        COMMAND_API_URL: 'http://localhost:4010/',
        ROUTER_SECRET: 'new',
        ROUTER_SECRET_PREVIOUS: 'old',
        ATTEMPT_TIMEOUT_MS: '1',
        OPERATION_TIMEOUT_MS: '60000',
        MAX_ATTEMPTS: '1',
        MAX_REPLY_BYTES: '1000',
        MAX_COMMANDS_IN_FLIGHT: '2',
        MAX_COMMANDS_QUEUED: '0',
        BREAKER_FAILURES: '4',
        BREAKER_OPEN_MS: '5',
        MAX_REQUESTS_IN_FLIGHT: '6',
        DRAIN_DELAY_MS: '0',
        LOG_EVERY: '10',
        LOG_LEVEL: 'debug',
        METRICS_PORT: '9464',
        OTEL_SERVICE_NAME: 'maintenance',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318',
      }),
    ).toEqual({
      production: false,
      HOST: '127.0.0.1',
      PORT: 0,
      COMMAND_API_URL: 'http://localhost:4010',
      routerSecrets: ['new', 'old'],
      warnings: ['ROUTER_SECRET is shorter than 16 characters', 'ROUTER_SECRET_PREVIOUS is shorter than 16 characters'],
      ALLOW_NO_ROUTER_SECRET: 'false',
      ALLOW_HTTP_COMMAND_API: 'false',
      ATTEMPT_TIMEOUT_MS: 1,
      OPERATION_TIMEOUT_MS: 60_000,
      MAX_ATTEMPTS: 1,
      MAX_REPLY_BYTES: 1000,
      MAX_COMMANDS_IN_FLIGHT: 2,
      MAX_COMMANDS_QUEUED: 0,
      BREAKER_FAILURES: 4,
      BREAKER_OPEN_MS: 5,
      MAX_REQUESTS_IN_FLIGHT: 6,
      DRAIN_DELAY_MS: 0,
      LOG_EVERY: 10,
      LOG_LEVEL: 'debug',
      METRICS_PORT: 9464,
      OTEL_SERVICE_NAME: 'maintenance',
      tracing: true,
    });
  });

  it('needs no secret in development, nor where production is told to go without', () => {
    const { ROUTER_SECRET: _, ...open } = LEAST;
    expect(loadConfig({ ...open, NODE_ENV: 'development' }).routerSecrets).toEqual([]);
    expect(loadConfig({ ...open, ALLOW_NO_ROUTER_SECRET: 'true' })).toMatchObject({
      production: true,
      routerSecrets: [],
    });
  });

  it('is production’s unless it says development', () => {
    expect(loadConfig({ ...LEAST, NODE_ENV: 'test' }).production).toBe(true);
  });

  const FAULTS: [Record<string, string>, string][] = [
    [{ COMMAND_API_URL: '' }, 'COMMAND_API_URL is missing'],
    [{ COMMAND_API_URL: 'api.ecloud.akubela.com' }, 'COMMAND_API_URL must be an http or https origin'],
    [{ COMMAND_API_URL: 'ftp://api.ecloud.akubela.com' }, 'COMMAND_API_URL must be'],
    [{ COMMAND_API_URL: 'https://api.ecloud.akubela.com/api/v1.0' }, 'COMMAND_API_URL must be'],
    [{ COMMAND_API_URL: 'https://api.ecloud.akubela.com?x=1' }, 'COMMAND_API_URL must be'],
    [{ COMMAND_API_URL: 'https://user:pass-canary@api.ecloud.akubela.com' }, 'COMMAND_API_URL must be'],
    [{ ROUTER_SECRET: '' }, 'ROUTER_SECRET is missing'],
    [{ ROUTER_SECRET: '', ALLOW_NO_ROUTER_SECRET: 'false' }, 'ROUTER_SECRET is missing'],
    [{ ROUTER_SECRET: 'two words canary' }, 'ROUTER_SECRET must be visible ASCII'],
    [{ ROUTER_SECRET_PREVIOUS: 'canary-密' }, 'ROUTER_SECRET_PREVIOUS must be visible ASCII'],
    [{ ALLOW_NO_ROUTER_SECRET: 'maybe' }, 'ALLOW_NO_ROUTER_SECRET must be one of true, false'],
    [{ PORT: '65536' }, 'PORT must be a whole number from 0 to 65535'],
    [{ PORT: '-1' }, 'PORT must be'],
    [{ PORT: '80a' }, 'PORT must be'],
    [{ PORT: '1e3' }, 'PORT must be'],
    [{ ATTEMPT_TIMEOUT_MS: '0' }, 'ATTEMPT_TIMEOUT_MS must be a whole number from 1 to 60000'],
    [{ OPERATION_TIMEOUT_MS: '1.5' }, 'OPERATION_TIMEOUT_MS must be'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL must be one of fatal'],
    [{ COMMAND_API_URL: 'http://command-api.internal' }, 'COMMAND_API_URL must be https in production'],
    [{ COMMAND_API_URL: 'http://127.0.0.1.nip.io' }, 'COMMAND_API_URL must be https in production'],
    [{ COMMAND_API_URL: 'http://localhost.example:80' }, 'COMMAND_API_URL must be https in production'],
    [{ ALLOW_HTTP_COMMAND_API: 'yes' }, 'ALLOW_HTTP_COMMAND_API must be one of true, false'],
    [{ ATTEMPT_TIMEOUT_MS: '10000' }, 'ATTEMPT_TIMEOUT_MS must be below OPERATION_TIMEOUT_MS'],
    [{ OPERATION_TIMEOUT_MS: '3000' }, 'ATTEMPT_TIMEOUT_MS must be below OPERATION_TIMEOUT_MS'],
    [{ PORT: '9464', METRICS_PORT: '9464' }, 'METRICS_PORT must differ from PORT'],
    [{ METRICS_PORT: '4001' }, 'METRICS_PORT must differ from PORT'],
  ];

  it.each(FAULTS)('%j is refused', (environment, fault) => {
    expect(() => loadConfig({ ...LEAST, ...environment })).toThrow(ConfigError);
    expect(() => loadConfig({ ...LEAST, ...environment })).toThrow(fault);
    expect(() => loadConfig({ ...LEAST, ...environment })).not.toThrow('canary');
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ['https', {}],
    ['http to localhost', { COMMAND_API_URL: 'http://localhost:5001' }],
    ['http to 127.0.0.1', { COMMAND_API_URL: 'http://127.0.0.1' }],
    ['http to ::1', { COMMAND_API_URL: 'http://[::1]:5001' }],
    ['http in development', { COMMAND_API_URL: 'http://command-api.internal', NODE_ENV: 'development' }],
    ['http where it is allowed', { COMMAND_API_URL: 'http://command-api.internal', ALLOW_HTTP_COMMAND_API: 'true' }],
    ['two free ports', { PORT: '0', METRICS_PORT: '0' }],
    ['an attempt just below the operation', { ATTEMPT_TIMEOUT_MS: '9999' }],
  ])('takes %s', (_, environment) => {
    expect(loadConfig({ ...LEAST, ...environment }).warnings).toEqual([]);
  });

  it.each([
    [15, ['ROUTER_SECRET is shorter than 16 characters']],
    [16, []],
  ])('warns of a secret of %d characters: %j', (length, warnings) => {
    expect(loadConfig({ ...LEAST, ROUTER_SECRET: 'x'.repeat(length) }).warnings).toEqual(warnings);
  });

  it('is told every fault at once', () => {
    expect(() => loadConfig({ PORT: 'x', LOG_LEVEL: 'loud', ATTEMPT_TIMEOUT_MS: '20000' })).toThrow(
      /PORT must.*\n.*COMMAND_API_URL is missing.*\n.*LOG_LEVEL must.*\n.*ROUTER_SECRET is missing.*\n.*ATTEMPT_TIMEOUT_MS must/,
    );
  });
});
