/** The environment: what each variable is by default, what it may be, and what the start refuses. */
import { expect, it } from '@jest/globals';
import { type Config, ConfigError, loadConfig } from '../support/configuration.ts';
import { useFolder } from '../support/use-folder.ts';

const REQUIRED = { COMMAND_API_URL: 'https://api.ecloud.akubela.com', ROUTER_SECRET: 'a-secret-of-the-router' };
const { ROUTER_SECRET, COMMAND_API_URL } = REQUIRED;
const load = (environment: NodeJS.ProcessEnv = {}) => loadConfig({ ...REQUIRED, ...environment });
const { write } = useFolder('canary');
const inFile = (text: string) => ({ ROUTER_SECRET: '', ROUTER_SECRET_FILE: write('secrets', text) });

/** Returns the faults of an environment, and checks that no fault repeats a value. */
function faultsOf(environment: NodeJS.ProcessEnv): string[] {
  try {
    load(environment);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const [head, ...faults] = (error as Error).message.split('\n  ');
    expect([head, String(error)]).toEqual(['Invalid environment:', expect.not.stringContaining('canary')]);
    return faults;
  }
}

it.each<[name: keyof Config, byDefault: number | undefined, least: number, most: number]>([
  ['PORT', 4001, 0, 65_535],
  ['METRICS_PORT', undefined, 0, 65_535],
  ['ATTEMPT_TIMEOUT_MS', 3000, 1, 60_000],
  ['OPERATION_TIMEOUT_MS', 10_000, 1, 60_000],
  ['MAX_ATTEMPTS', 3, 1, 10],
  ['MAX_REPLY_BYTES', 2_097_152, 1000, 100_000_000],
  ['MAX_COMMANDS_IN_FLIGHT', 256, 1, 10_000],
  ['MAX_COMMANDS_QUEUED', 1024, 0, 100_000],
  ['BREAKER_FAILURES', 20, 1, 10_000],
  ['BREAKER_OPEN_MS', 2000, 1, 60_000],
  ['MAX_REQUESTS_IN_FLIGHT', 1000, 1, 100_000],
  ['DRAIN_DELAY_MS', 5000, 0, 60_000],
])('%s is %p by default, and a whole number from %d to %d', (name, byDefault, least, most) => {
  expect(load()[name]).toBe(byDefault);
  // Neither of the two deadlines may contradict the other.
  expect(load({ ATTEMPT_TIMEOUT_MS: '1', [name]: String(least + 2) })[name]).toBe(least + 2);
  const fault = `${name} must be a whole number from ${least} to ${most}`;
  const isRefused = (text: string) => faultsOf({ [name]: text }).includes(fault);
  const texts = [least, most, least - 1, most + 1, '1e3', '1001.5', 'canary'].map(String);
  expect(texts.map(isRefused)).toEqual([false, false, true, true, true, true, true]);
});

const IS_PERMISSION = 'must be one of true, false';
const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];
const ORIGINS = ['http://localhost:5001', 'http://127.0.0.1', 'http://[::1]:5001'];
const NO_ORIGINS = ['canary.com', 'ftp://canary.com', `${COMMAND_API_URL}/canary`, 'https://user:canary@akubela.com'];
const NOT_ORIGIN = 'must be an http or https origin without a path, query or credentials';
const HEADERS = ['x-vendor-authorization', 'acceptance', 'x-host'];
const TAKEN = ['x-vendor:', '令牌', 'Router-Authorization', 'traceparent', 'x-forwarded-for', 'Transfer-Encoding'];
const NOT_FREE = 'must be the name of a header without another meaning, such as x-vendor-authorization';
const PROXIES = ['user:secret@', 'user@', ':@', 'a%40:%E5%AE%A2:%25@', ''].map((user) => `http://${user}proxy.cn:3128`);
const NO_PROXIES = [
  ...['socks5://proxy.example', 'http://[::1]:3128', 'http://proxy.example/canary', 'http://:1', 'http://proxy:99999'],
  // A browser's parser sends the first three to the host `user`.
  ...['#', '?', '\\', '/', '@', ' ', '%', '%e5%ae'].map((sign) => `http://user:123${sign}canary@proxy.example:1`),
  // Each is decoded by itself.
  'http://a%:41canary@proxy.example:1',
];
it.each<[name: keyof Config, byDefault: string | undefined, taken: string[], refused?: string[], fault?: string]>([
  ['COMMAND_API_URL', COMMAND_API_URL, ORIGINS, NO_ORIGINS, NOT_ORIGIN],
  ['TOKEN_HEADER', 'authorization', HEADERS, TAKEN, NOT_FREE],
  ['ALLOW_NO_ROUTER_SECRET', 'false', ['true'], ['canary'], IS_PERMISSION],
  ['ALLOW_HTTP_COMMAND_API', 'false', ['true'], ['canary'], IS_PERMISSION],
  ['COMMAND_API_PROXY', undefined, PROXIES, NO_PROXIES, 'must be like http://user:password@host:port'],
  ['HOST', '0.0.0.0', ['::1']],
  ['LOG_LEVEL', 'info', LEVELS, ['canary', 'INFO'], `must be one of ${LEVELS.join(', ')}`],
  ['OTEL_TRACES_EXPORTER', undefined, ['otlp']],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', undefined, ['http://localhost:4318']],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', undefined, ['http://localhost:4318']],
  ['OTEL_SERVICE_NAME', 'maintenance-subgraph', ['maintenance']],
  ['OTEL_METRICS_EXPORTER', 'none', ['otlp']],
])('%s is %p by default, and takes only what it promises', (name, byDefault, taken, refused = [], fault = '') => {
  expect(load()[name]).toBe(byDefault);
  expect(taken.map((text) => load({ [name]: text })[name])).toEqual(taken);
  expect(load({ [name]: taken[0] }).tracing).toBe(/TRACES|OTLP/.test(name));
  expect(refused.map((text) => faultsOf({ [name]: text }))).toEqual(refused.map(() => [`${name} ${fault}`]));
});

/** Five secrets, divided in each way. */
const FIVE = `${ROUTER_SECRET} ${'x'.repeat(16)}\t${"quote'in'the'middle"}\r\n\n${'!'.repeat(16)}\n${'~'.repeat(16_364)}`;
// Blank, too long, too many, and several of which one is short, perhaps in quotes, or not ASCII.
const NO_SECRETS = [
  ...[' ', 'x'.repeat(16_365), `${FIVE} ${ROUTER_SECRET}`, `${ROUTER_SECRET} ${'x'.repeat(15)}`],
  ...['"canary-canary-canary canary-canary-canary"', `'canary-canary-canary ${ROUTER_SECRET}`],
  ...[`${ROUTER_SECRET} canary-canary-canary\``, `${ROUTER_SECRET} canary\u00e9canary-canary`],
];
const VISIBLE = 'one to five secrets, divided by white space: visible ASCII, at most 16364 characters; of several';
const SECRETS = `${VISIBLE}, each has at least 16, and no quotation mark at its ends`;
it('ROUTER_SECRET, or the file that ROUTER_SECRET_FILE names, has one to five secrets', () => {
  for (const text of ['x'.repeat(16), `${FIVE}\r\n`]) {
    const loaded = { routerSecrets: text.match(/\S+/g), warnings: [] };
    expect([load({ ROUTER_SECRET: text }), load(inFile(text))]).toMatchObject([loaded, loaded]);
  }
  for (const text of NO_SECRETS)
    expect(faultsOf({ ROUTER_SECRET: text })).toEqual([`ROUTER_SECRET must be ${SECRETS}`]);
  expect(faultsOf(inFile(' \n'))).toEqual([`ROUTER_SECRET_FILE must name a file with ${SECRETS}`]);
  expect(load(inFile(ROUTER_SECRET))).not.toHaveProperty('ROUTER_SECRET_FILE');
});

it('production is the default, an empty variable counts as unset, and case and last slash of a host do not matter', () => {
  const empty = { NODE_ENV: '', PORT: '', COMMAND_API_PROXY: '', OTEL_TRACES_EXPORTER: '' };
  expect(load({ ...empty, COMMAND_API_URL: 'HTTPS://api.ecloud.akubela.com/' })).toEqual(load({ NODE_ENV: 'test' }));
  expect(load({ TOKEN_HEADER: 'X-Vendor-Token' }).TOKEN_HEADER).toBe('x-vendor-token');
  expect(load({ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost' }).tracing).toBe(false);
  expect([load().production, load({ NODE_ENV: 'development' }).production]).toEqual([true, false]);
});

const HTTP = { COMMAND_API_URL: 'http://127.0.0.1.nip.io' };
const NO_SECRET = { ROUTER_SECRET: '' };
const ANYONE = 'ALLOW_NO_ROUTER_SECRET is true in production: without ROUTER_SECRET, anyone can send requests';
const PAST = 'COMMAND_API_PROXY is missing: NODE_USE_ENV_PROXY sends no commands through a proxy';
const IN_SHORT = { ...NO_SECRET, ROUTER_SECRET_FILE: write('short', 'x'.repeat(15)) };
it.each<[NodeJS.ProcessEnv, faults: string[], warnings?: string[]]>([
  [HTTP, ['COMMAND_API_URL must be https in production (or set ALLOW_HTTP_COMMAND_API=true)']],
  [{ ...HTTP, ALLOW_HTTP_COMMAND_API: 'true' }, []],
  [{ ...NO_SECRET, ALLOW_NO_ROUTER_SECRET: 'true' }, [], [ANYONE]],
  [{ ROUTER_SECRET: 'x'.repeat(15) }, [], ['ROUTER_SECRET is shorter than 16 characters']],
  [IN_SHORT, [], ['ROUTER_SECRET_FILE is shorter than 16 characters']],
  [{ ...IN_SHORT, ROUTER_SECRET }, ['ROUTER_SECRET and ROUTER_SECRET_FILE are both set']],
  [{ ...NO_SECRET, ROUTER_SECRET_FILE: 'canary' }, ['ROUTER_SECRET_FILE must name a readable file: ENOENT']],
  [{ NODE_USE_ENV_PROXY: '1' }, [], [PAST]],
  [{ OTEL_METRICS_EXPORTER: 'otlp' }, [], ['OTEL_METRICS_EXPORTER has no effect: scrape /metrics']],
  // The limits of these rules, and of those below: two ports that are any free ones.
  [{ NODE_USE_ENV_PROXY: '0', ATTEMPT_TIMEOUT_MS: '9999' }, []],
  [{ ['__proto__']: 'x', PORT: '0', METRICS_PORT: '0', NODE_USE_ENV_PROXY: '1', COMMAND_API_PROXY: 'http://x' }, []],
  [{ ...HTTP, ...NO_SECRET, NODE_ENV: 'development', NODE_USE_ENV_PROXY: '1', ALLOW_NO_ROUTER_SECRET: 'true' }, []],
])('%j has the faults %j', (environment, faults, warnings = []) => {
  expect(faultsOf(environment)).toEqual(faults);
  if (faults.length === 0) expect(load(environment).warnings).toEqual(warnings);
});

it('all faults of an environment are named at once', () => {
  const faulty = { COMMAND_API_URL: '', LOG_LEVEL: 'x', ATTEMPT_TIMEOUT_MS: '10000', METRICS_PORT: '4001' };
  expect(faultsOf({ ...faulty, ...NO_SECRET })).toEqual([
    'COMMAND_API_URL is missing',
    `LOG_LEVEL must be one of ${LEVELS.join(', ')}`,
    'ATTEMPT_TIMEOUT_MS must be below OPERATION_TIMEOUT_MS',
    'METRICS_PORT must differ from PORT',
    'ROUTER_SECRET is missing in production (or set ALLOW_NO_ROUTER_SECRET=true)',
  ]);
});
