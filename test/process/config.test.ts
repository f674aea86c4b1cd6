/** The environment: its defaults, refusals and warnings. */
import { describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from '../support/configuration.ts';
import { readDocument, readNames, readTable } from '../support/documents.ts';
import { useFolder } from '../support/use-folder.ts';

const REQUIRED = { COMMAND_API_URL: 'https://api.ecloud.akubela.com', ROUTER_SECRET: 'a-secret-of-the-router' };
const { ROUTER_SECRET, ...WITHOUT_SECRET } = REQUIRED;

const { write } = useFolder('canary');

const SECRET_FILE = write('secret', ROUTER_SECRET);
const BLANK = write('blank', ' \n');
const SHORT = 'ROUTER_SECRET is shorter than 16 characters';
const ANYONE = 'without ROUTER_SECRET, anyone can send requests';
const HAEDER = 'TOKEN_HAEDER is unknown: do you mean TOKEN_HEADER?';

/** Names of headers that cannot bring the caller's token. */
const TAKEN = ['x-vendor:', '令牌', 'Router-Authorization', 'traceparent', 'x-forwarded-for', 'Transfer-Encoding'];

const PROXIED = { NODE_USE_ENV_PROXY: '1' };
const LIKE = 'must be like http://user:password@host:port';
const NO_PROXIES = [
  ...['socks5://user:canary@proxy.example', 'http://[::1]:3128', 'http://proxy.example/canary'],
  ...['http://proxy.example#canary', 'http://proxy.example?canary', 'http://proxy.example\\canary', 'http://:1'],
  // A browser's parser sends the first three to the host `user`.
  ...['#', '?', '\\', '/', '@', ' ', '%', '%e5%ae'].map((sign) => `http://user:123${sign}canary@proxy.example:1`),
  // Each is decoded by itself.
  ...['http://a%:41canary@proxy.example:1', 'http://a:canary@proxy.example:99999'],
];
/** Five secrets, divided in each way. */
const FIVE = `${ROUTER_SECRET} ${'x'.repeat(16)}\t${"quote'in'the'middle"}\r\n\n${'!'.repeat(16)}\n${'~'.repeat(16_364)}`;
/** Texts that are no secrets: blank, too many, and several of which one is short or perhaps in quotes. */
const NO_SECRETS = [
  ...[' ', `${FIVE} ${ROUTER_SECRET}`, 'two words canary', `${ROUTER_SECRET} ${'x'.repeat(15)}`],
  ...['"canary-canary-canary canary-canary-canary"', `'canary-canary-canary ${ROUTER_SECRET}`],
  ...[`${ROUTER_SECRET} canary-canary-canary\``, `${ROUTER_SECRET} canary\u00e9canary-canary`],
];

const rows = readTable(readDocument('docs/configuration.md'), 'variable').map(
  ([name, value]) => [readNames(name)[0], readNames(value)[0]] as const,
);
const toValue = (text: string) => (/^\d+$/.test(text) ? Number(text) : text);
const { NODE_ENV, ...DEFAULTS } = Object.fromEntries(rows.map(([name, text]) => [name, text && toValue(text)]));

describe('the configuration', () => {
  it('has the documented defaults, and is for production unless NODE_ENV is development', () => {
    const derived = { production: true, routerSecrets: [ROUTER_SECRET], warnings: [], tracing: false };
    expect(loadConfig({ ...REQUIRED, NODE_ENV: 'test' })).toEqual({ ...DEFAULTS, ...WITHOUT_SECRET, ...derived });
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
    const others = { NODE_ENV: 'development', ROUTER_SECRET: 'x'.repeat(15) };
    // Names of headers are case-insensitive.
    const TOKEN_HEADER = 'X-Vendor-Token';
    const COMMAND_API_URL = 'http://localhost:4010/';
    const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://localhost:4318';
    expect(loadConfig({ ...texts, ...others, TOKEN_HEADER, COMMAND_API_URL, OTEL_EXPORTER_OTLP_ENDPOINT })).toEqual({
      ...DEFAULTS,
      ...given,
      production: false,
      OTEL_EXPORTER_OTLP_ENDPOINT,
      COMMAND_API_URL: 'http://localhost:4010',
      routerSecrets: ['x'.repeat(15)],
      warnings: [SHORT],
      tracing: true,
    });
  });

  it.each([
    [{ COMMAND_API_URL: '' }, 'COMMAND_API_URL is missing'],
    [{ COMMAND_API_URL: 'api.ecloud.akubela.com' }, 'COMMAND_API_URL must be an http or https origin'],
    [{ COMMAND_API_URL: 'ftp://api.ecloud.akubela.com' }, 'COMMAND_API_URL must be'],
    [{ COMMAND_API_URL: 'https://api.ecloud.akubela.com/api/v1.0' }, 'COMMAND_API_URL must be'],
    [{ COMMAND_API_URL: 'https://user:canary@api.ecloud.akubela.com' }, 'COMMAND_API_URL must be'],
    [{ COMMAND_API_URL: 'http://127.0.0.1.nip.io' }, 'COMMAND_API_URL must be https in production'],
    [{ ROUTER_SECRET: '', ALLOW_NO_ROUTER_SECRET: 'false' }, 'ROUTER_SECRET is missing'],
    [{ ROUTER_SECRET: 'x'.repeat(16_365) }, 'white space: visible ASCII, at most 16364 characters'],
    ...NO_SECRETS.map((secrets) => [{ ROUTER_SECRET: secrets }, 'ROUTER_SECRET must be one to five secrets'] as const),
    [{ ALLOW_NO_ROUTER_SECRET: 'maybe' }, 'ALLOW_NO_ROUTER_SECRET must be one of true, false'],
    [{ PORT: '65536' }, 'PORT must be a whole number from 0 to 65535'],
    [{ PORT: '1e3' }, 'PORT must be'],
    [{ ATTEMPT_TIMEOUT_MS: '10000' }, 'ATTEMPT_TIMEOUT_MS must be below OPERATION_TIMEOUT_MS'],
    [{ METRICS_PORT: '4001' }, 'METRICS_PORT must differ from PORT'],
    ...NO_PROXIES.map((COMMAND_API_PROXY) => [{ COMMAND_API_PROXY }, `COMMAND_API_PROXY ${LIKE}`] as const),
    [{ COMMAND_AAPI_PROXY: 'canary' }, 'COMMAND_AAPI_PROXY is unknown: do you mean COMMAND_API_PROXY?'],
    [{ TOKEN_HAEDER: 'canary' }, HAEDER],
    [{ ROUTER_SECRET_FILE: SECRET_FILE }, 'ROUTER_SECRET and ROUTER_SECRET_FILE are both set'],
    [{ ROUTER_SECRET: '', ROUTER_SECRET_FILE: 'canary' }, 'ROUTER_SECRET_FILE must name a readable file: ENOENT'],
    [{ ROUTER_SECRET: '', ROUTER_SECRET_FILE: BLANK }, 'ROUTER_SECRET_FILE must name a file with one to five'],
    ...TAKEN.map((name) => [{ TOKEN_HEADER: name }, 'TOKEN_HEADER must be the name of a header without'] as const),
  ])('refuses %j and does not repeat the value', (environment, fault) => {
    const load = () => loadConfig({ ...REQUIRED, ...environment });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(fault);
    expect(load).not.toThrow('canary');
  });

  it.each<NodeJS.ProcessEnv>([
    ...['http://localhost:5001', 'http://[::1]:5001'].map((COMMAND_API_URL) => ({ COMMAND_API_URL })),
    { COMMAND_API_URL: 'http://command-api.internal', NODE_ENV: 'development' },
    { COMMAND_API_URL: 'http://command-api.internal', ALLOW_HTTP_COMMAND_API: 'true' },
    { ROUTER_SECRET: '', NODE_ENV: 'development' },
    { ROUTER_SECRET: 'x'.repeat(16) },
    { ROUTER_SECRET: FIVE },
    { ATTEMPT_TIMEOUT_MS: '9999' },
    ...['user:secret@', 'user@', ':@', 'a%40:%E5%AE%A2:%25@', ''].map((user) => ({
      COMMAND_API_PROXY: `http://${user}proxy.example:3128`,
    })),
    { ...PROXIED, COMMAND_API_PROXY: 'https://proxy.example' },
    { ...PROXIED, NODE_ENV: 'development' },
    { ...PROXIED, NODE_USE_ENV_PROXY: '0' },
    ...['x-vendor-authorization', 'AUTHORIZATION', 'acceptance', 'x-host'].map((TOKEN_HEADER) => ({ TOKEN_HEADER })),
    { TOKEN_HAEDER: '' },
    // Two edits from one that must not be misspelled, or one from any other.
    ...['TOKEN_HEDAR', 'COMAND_API_URL', '__proto__'].map((name) => ({ [name]: 'x' })),
  ])('accepts %j without a warning', (environment) => {
    const { warnings, routerSecrets } = loadConfig({ ...REQUIRED, ...environment });
    expect(warnings).toEqual([]);
    expect(routerSecrets).toEqual((environment.ROUTER_SECRET ?? ROUTER_SECRET).match(/\S+/g) ?? []);
  });

  const EXPORTERS = ['OTEL_TRACES_EXPORTER', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  it.each(EXPORTERS)('switches tracing on with %s, unless it is empty', (name) => {
    const load = (value: string) => loadConfig({ ...REQUIRED, [name]: value }).tracing;
    expect([load('x'), load('')]).toEqual([true, false]);
  });
});

it.each<[NodeJS.ProcessEnv, ...string[]]>([
  [PROXIED, 'COMMAND_API_PROXY is missing: NODE_USE_ENV_PROXY sends no commands through a proxy'],
  [{ TOKEN_HAEDER: 'canary', NODE_ENV: 'development' }, HAEDER],
  [{ ALLOW_NO_ROUTER_SECRET: 'true' }, `ALLOW_NO_ROUTER_SECRET is true in production: ${ANYONE}`],
  [{ ROUTER_SECRET: 'null' }, SHORT],
  [{ OTEL_METRICS_EXPORTER: 'otlp' }, 'OTEL_METRICS_EXPORTER has no effect: scrape /metrics'],
])('a warning about %j does not repeat the value', (environment, ...warnings) => {
  expect(loadConfig({ ...REQUIRED, ...environment }).warnings).toEqual(warnings);
});

it.each<[string, string[]]>([
  [`${FIVE}\r\n`, []],
  ['short', ['ROUTER_SECRET_FILE is shorter than 16 characters']],
])('secrets are read from a file (row %#)', (content, expected) => {
  const { warnings, ...loaded } = loadConfig({ ...WITHOUT_SECRET, ROUTER_SECRET_FILE: write('secrets', content) });
  expect([warnings, loaded.routerSecrets]).toEqual([expected, content.match(/\S+/g)]);
  expect(loaded).not.toHaveProperty('ROUTER_SECRET_FILE');
});
