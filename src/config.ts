/**
 * Reads and checks the environment. No other file in src/ reads process.env. `--help` and docs/configuration.md have
 * the table of variables.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ROUTER_HEADER, SERVICE } from './constants.ts';
import { LIMITS } from './limits.ts';
import { parsedBy } from './parsing.ts';

/** Matches an origin without TLS that is not on this machine. */
const INSECURE_ORIGIN = /^http:\/\/(?!(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$)/;

/** Returns the schema of a text of which `parse` makes a `T`, or undefined if the text is faulty. */
function checked<T>(parse: (text: string) => T | undefined, fault: string) {
  return parsedBy(z.string('is missing'), parse, () => fault);
}

function wholeNumber(least: number, most: number) {
  const isWithin = (text: string) => /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most;
  const fault = `must be a whole number from ${least} to ${most}`;
  return checked((text) => (isWithin(text) ? Number(text) : undefined), fault);
}

function wholeNumberOr(value: number, least: number, most: number, meaning: string) {
  return wholeNumber(least, most).prefault(String(value)).describe(`${meaning} ${least}–${most}.`);
}

function oneOf(choices: readonly string[], value: string, meaning: string) {
  const fault = `must be one of ${choices.join(', ')}`;
  return checked((text) => choices.find((choice) => choice === text), fault)
    .prefault(value)
    .describe(meaning);
}

const text = (value: string, meaning: string) => z.string().prefault(value).describe(meaning);
const permission = (meaning: string) => oneOf(['true', 'false'], 'false', `\`true\`: ${meaning}`);

/** No request with a longer secret is within the limit of its head. */
const LONGEST_SECRET = LIMITS.headCharacters - ROUTER_HEADER.length;
const ONLY_SECRET = new RegExp(`^[!-~]{1,${LONGEST_SECRET}}$`);
const ONE_OF_SEVERAL = new RegExp(`^(?!["'\`])[!-~]{16,${LONGEST_SECRET}}(?<!["'\`])$`);
const SECRETS = `one to five secrets, divided by white space: visible ASCII, at most ${LONGEST_SECRET} characters; \
of several, each has at least 16, and no quotation mark at its ends`;

function parseSecrets(text: string): readonly string[] | undefined {
  const secrets = text.trim().split(/\s+/);
  const pattern = secrets.length > 1 ? ONE_OF_SEVERAL : ONLY_SECRET;
  return secrets.length <= 5 && secrets.every((secret) => pattern.test(secret)) ? secrets : undefined;
}
const secretsInText = checked(parseSecrets, `must be ${SECRETS}`);
/** Its values are the secrets in the file. No fault repeats the path, which could be a misplaced secret. */
const secretsInFile = z.string().transform((path, { addIssue }): readonly string[] => {
  try {
    const secrets = parseSecrets(readFileSync(path, 'utf8'));
    if (secrets) return secrets;
    addIssue(`must name a file with ${SECRETS}`);
  } catch (error) {
    addIssue(`must name a readable file: ${(error as NodeJS.ErrnoException).code}`);
  }
  return z.NEVER;
});

const origin = checked((text) => {
  const url = URL.parse(text);
  return url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/` ? url.origin : undefined;
}, 'must be an http or https origin without a path, query or credentials');

/** hpagent decodes the user and the password separately, and supports no IPv6 address. */
const PROXY = /^https?:\/\/(?:([^\s/\\?#@:]*)(?::([^\s/\\?#@]*))?@)?[\w.-]+(?::\d+)?\/?$/i;
function parseProxy(text: string): string | undefined {
  const [url, user = '', password = ''] = PROXY.exec(text) ?? [];
  try {
    for (const part of [user, password]) decodeURIComponent(part);
    return url && URL.canParse(url) ? url : undefined;
  } catch {
    return undefined;
  }
}
const proxy = checked(parseProxy, 'must be like http://user:password@host:port');

const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
/** The names of headers with another meaning: to the subgraph, to any server, and to the connection. */
const TAKEN_NAMES = [
  /^(router-authorization|x-request-id|traceparent|tracestate|baggage|x-apollo-.+|apollo(graphql)?-.+)$/,
  /^(host|cookie|set-cookie|date|origin|referer|user-agent|via|(x-)?forwarded.*|(accept|content|if|sec)(-.+)?)$/,
  /^(connection|expect|keep-alive|te|trailer|transfer-encoding|upgrade|http2-settings|proxy-.+)$/,
];
const tokenHeader = checked((text) => {
  const name = text.toLowerCase();
  return HEADER_NAME.test(name) && !TAKEN_NAMES.some((taken) => taken.test(name)) ? name : undefined;
}, 'must be the name of a header without another meaning, such as x-vendor-authorization');

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];
const exporter = z.string().optional().describe('Turns on [traces](observability.md#traces).');

/** The descriptions are Markdown with links from docs/. */
const VARIABLES = {
  COMMAND_API_URL: origin.describe("Required: origin of the vendor's [region](command-api.md#regions)."),
  ROUTER_SECRET: secretsInText.optional().describe('Required in production: one to five [secrets](#secrets).'),
  ROUTER_SECRET_FILE: secretsInFile.optional().describe('File with these secrets instead.'),
  TOKEN_HEADER: tokenHeader.prefault('authorization').describe("[Header](#token-header) with the caller's token."),
  ALLOW_NO_ROUTER_SECRET: permission('production needs no secret, so anyone can send operations.'),
  ALLOW_HTTP_COMMAND_API: permission('production may send tokens to another machine without TLS.'),
  COMMAND_API_PROXY: proxy.optional().describe('[Proxy](#proxy-for-outgoing-traffic) for all commands.'),
  PORT: wholeNumberOr(4001, 0, 65_535, 'GraphQL and health checks, [in plain HTTP](../SECURITY.md#secure-operation).'),
  METRICS_PORT: wholeNumber(0, 65_535).optional().describe('Separate port of `/metrics`. 0–65535.'),
  HOST: text('0.0.0.0', 'Address of both ports.'),
  ATTEMPT_TIMEOUT_MS: wholeNumberOr(3000, 1, 60_000, 'Deadline of an attempt, with DNS. Below `OPERATION_TIMEOUT_MS`.'),
  OPERATION_TIMEOUT_MS: wholeNumberOr(10_000, 1, 60_000, "Deadline of an operation. The router's must be higher."),
  MAX_ATTEMPTS: wholeNumberOr(3, 1, 10, 'Attempts of a command that may be retried.'),
  MAX_REPLY_BYTES: wholeNumberOr(
    2 * 1024 * 1024,
    1000,
    100_000_000,
    'Bytes of the largest reply, decompressed. The reply to a write: at most 128 KB.',
  ),
  MAX_COMMANDS_IN_FLIGHT: wholeNumberOr(256, 1, 10_000, 'Commands in parallel. More commands wait.'),
  MAX_COMMANDS_QUEUED: wholeNumberOr(1024, 0, 100_000, 'Commands that wait. More commands fail.'),
  BREAKER_FAILURES: wholeNumberOr(
    20,
    1,
    10_000,
    'Consecutive failures [*down*](reliability.md#failures-of-the-command-api) after which the circuit breaker opens.',
  ),
  BREAKER_OPEN_MS: wholeNumberOr(2000, 1, 60_000, 'Time until the open breaker sends a probe.'),
  MAX_REQUESTS_IN_FLIGHT: wholeNumberOr(1000, 1, 100_000, 'HTTP requests in flight. More get 503.'),
  DRAIN_DELAY_MS: wholeNumberOr(5000, 0, 60_000, 'Time from SIGTERM until the server stops listening.'),
  LOG_LEVEL: oneOf(LEVELS, 'info', `Lowest level in the [log](observability.md#volume). \`${LEVELS.join('`/`')}\`.`),
  NODE_ENV: text('production', '`development`: needs no secret, allows introspection. Others: production.'),
  OTEL_TRACES_EXPORTER: exporter,
  OTEL_EXPORTER_OTLP_ENDPOINT: exporter,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: exporter,
  OTEL_SERVICE_NAME: text(SERVICE, 'Service name in traces.'),
  OTEL_METRICS_EXPORTER: text('none', 'Has no effect: scrape `/metrics`.'),
};

type Name = keyof typeof VARIABLES;
type Environment = Readonly<Partial<Record<string, string>>>;
type Values = { readonly [Key in Name]: z.infer<(typeof VARIABLES)[Key]> };

/** Returns the name, default and meaning of each variable, in Markdown. */
export function describeVariables(): string[][] {
  return Object.entries(VARIABLES).map(([name, schema]) => {
    const value = 'defaultValue' in schema.def ? `\`${schema.def.defaultValue}\`` : '';
    return [`\`${name}\``, value, schema.description ?? ''];
  });
}

/** Returns the text of `--help`, without Markdown. */
export function help(): string {
  const variables = describeVariables().map(([name, value, meaning]) => `  ${name}=${value}\n      ${meaning}`);
  const text = ['Environment variables, with their defaults:', ...variables].join('\n');
  return text.replace(/`|\[|\]\([^)]*\)/g, '');
}

export type Config = Readonly<ReturnType<typeof loadConfig>>;

/** Lists every fault of an environment, one per line. Never repeats a value, which could be a misplaced secret. */
export class ConfigError extends Error {
  readonly code = 'ERR_CONFIG';
}

/** Reads the configuration. Most variables keep their names. Throws a `ConfigError` that lists every fault. */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env) {
  // Empty variables count as unset.
  const given: Environment = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const results = Object.entries(VARIABLES).map(([name, schema]) => ({ name, ...schema.safeParse(given[name]) }));
  // Without those that are invalid by themselves.
  const variables = Object.fromEntries(results.map(({ name, data }) => [name, data])) as Values;
  const invalid = results.flatMap(({ name, error }) => (error ? `${name} ${error.issues[0]?.message}` : []));
  const faults = [...invalid, ...findFaults(variables, given)];
  if (faults.length > 0) throw new ConfigError(['Invalid environment:', ...faults].join('\n  '));
  const { NODE_ENV, ROUTER_SECRET, ROUTER_SECRET_FILE, ...others } = variables;
  const { OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT } = others;
  return {
    ...others,
    /** True if a variable of traces is set, and none says `none`. OpenTelemetry's SDK reads their values. */
    tracing:
      OTEL_TRACES_EXPORTER !== 'none' &&
      Boolean(OTEL_TRACES_EXPORTER ?? OTEL_EXPORTER_OTLP_ENDPOINT ?? OTEL_EXPORTER_OTLP_TRACES_ENDPOINT),
    /** The collector of spans. */
    collectorUrl: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? OTEL_EXPORTER_OTLP_ENDPOINT ?? 'http://localhost',
    /** False only if NODE_ENV is `development`. */
    production: NODE_ENV !== 'development',
    /** The accepted values of `Router-Authorization`. If empty, no secret is required. */
    routerSecrets: ROUTER_SECRET ?? ROUTER_SECRET_FILE ?? [],
    /** One sentence for each variable that is accepted, but should be changed. */
    warnings: [...findWarnings(variables, given)],
  };
}

/** Yields the faults of variables that contradict each other, or that others make necessary. */
function* findFaults(env: Partial<Values>, given: Environment) {
  if (Number(env.ATTEMPT_TIMEOUT_MS) >= Number(env.OPERATION_TIMEOUT_MS))
    yield 'ATTEMPT_TIMEOUT_MS must be below OPERATION_TIMEOUT_MS';
  if (env.PORT && env.PORT === env.METRICS_PORT) yield 'METRICS_PORT must differ from PORT';
  if (given.ROUTER_SECRET && given.ROUTER_SECRET_FILE) yield 'ROUTER_SECRET and ROUTER_SECRET_FILE are both set';
  if (env.NODE_ENV === 'development') return;
  if (INSECURE_ORIGIN.test(String(env.COMMAND_API_URL)) && env.ALLOW_HTTP_COMMAND_API !== 'true')
    yield 'COMMAND_API_URL must be https in production (or set ALLOW_HTTP_COMMAND_API=true)';
  if (!given.ROUTER_SECRET && !given.ROUTER_SECRET_FILE && env.ALLOW_NO_ROUTER_SECRET !== 'true')
    yield 'ROUTER_SECRET is missing in production (or set ALLOW_NO_ROUTER_SECRET=true)';
}

/** Yields a sentence for each value that is accepted, but hardly meant. */
function* findWarnings(env: Values, given: Environment) {
  for (const name of ['ROUTER_SECRET', 'ROUTER_SECRET_FILE'] as const)
    if (env[name]?.some((secret) => secret.length < 16)) yield `${name} is shorter than 16 characters`;
  if (env.NODE_ENV !== 'development' && env.ALLOW_NO_ROUTER_SECRET === 'true')
    yield 'ALLOW_NO_ROUTER_SECRET is true in production: without ROUTER_SECRET, anyone can send requests';
  if (env.MAX_REPLY_BYTES > LIMITS.operationBytes)
    yield `MAX_REPLY_BYTES exceeds the memory of an operation, ${LIMITS.operationBytes} bytes`;
  if (env.NODE_ENV !== 'development' && given.NODE_USE_ENV_PROXY === '1' && !env.COMMAND_API_PROXY)
    yield 'COMMAND_API_PROXY is missing: NODE_USE_ENV_PROXY sends no commands through a proxy';
  if (env.OTEL_METRICS_EXPORTER !== 'none') yield 'OTEL_METRICS_EXPORTER has no effect: scrape /metrics';
}
