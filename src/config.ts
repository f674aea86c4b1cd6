/**
 * Reads and checks the environment. No other file in src/ reads process.env. docs/configuration.md lists the variables.
 */
import { readFileSync } from 'node:fs';
import { cleanEnv, EnvError, makeValidator, str } from 'envalid';
import { HTTP_LIMITS } from './http-limits.ts';
import { OPERATION_LIMIT } from './memory.ts';
import { SERVICE } from './version.ts';

const OTEL = ['OTEL_TRACES_EXPORTER', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];

/** Variables of earlier versions, each with its replacement. */
const REMOVED = new Map([['LOG_EVERY', 'LOG_LEVEL=warn logs less']]);

/** Each secret comes in the first variable, or in the file that the second one names. */
const SECRETS = ['ROUTER_SECRET', 'ROUTER_SECRET_PREVIOUS'].map((name) => [name, `${name}_FILE`] as const);
/** No request with a longer secret is within the limit of its head. */
const LONGEST_SECRET = HTTP_LIMITS.headCharacters - 'router-authorization'.length;
const SUSPICIOUS_SECRETS: readonly (readonly [RegExp, string])[] = [
  // Can be guessed.
  [/^.{1,15}$/, 'is shorter than 16 characters'],
  [/^(["'`]).*\1$/, 'is in quotes, which are part of the secret'],
  [/^(undefined|null)$/, 'is the word undefined or null'],
];
/** Matches an origin without TLS that is not on this machine. */
const INSECURE_ORIGIN = /^http:\/\/(?!(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$)/;

/** The variables that are valid by themselves. Invalid variables are absent. */
type Valid = Readonly<Record<string, unknown>>;

/** Returns a validator that rejects a text with `fault` if `parse` returns undefined. */
function checked<T>(parse: (text: string) => T | undefined, fault: string) {
  return makeValidator((text): T => {
    const value = parse(text);
    if (value === undefined) throw new EnvError(fault);
    return value;
  });
}

function wholeNumber(least: number, most: number) {
  const isWithin = (text: string) => /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most;
  const fault = `must be a whole number from ${least} to ${most}`;
  return checked((text) => (isWithin(text) ? Number(text) : undefined), fault);
}

function oneOf(...choices: readonly string[]) {
  return checked((text) => choices.find((choice) => choice === text), `must be one of ${choices.join(', ')}`);
}

const permission = oneOf('true', 'false')({ default: 'false' });

const SECRET = new RegExp(`^[\\x21-\\x7e]{1,${LONGEST_SECRET}}$`);
const secretForm = `visible ASCII without spaces, at most ${LONGEST_SECRET} characters, as a header can carry it`;
const secret = checked((text) => SECRET.exec(text)?.[0], `must be ${secretForm}`)({ default: undefined });
/** Its value is the secret in the file. */
const secretFile = checked(
  (path) => SECRET.exec(readText(path).replace(/\r?\n$/, ''))?.[0],
  `must name a file with a secret: ${secretForm}`,
)({ default: undefined });

/** Throws an error that does not repeat the path, which could be a misplaced secret. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new EnvError(`must name a readable file: ${(error as NodeJS.ErrnoException).code}`);
  }
}

const origin = checked((text) => {
  const url = URL.parse(text);
  return url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/` ? url.origin : undefined;
}, 'must be an http or https origin without a path, query or credentials');

/** What hpagent knows: it decodes the credentials, and takes no IPv6 address. */
const PROXY = /^https?:\/\/([^/@]*@)?[\w.-]+(:\d+)?\/?$/i;
const proxy = checked((text) => {
  const url = URL.parse(text);
  if (!url || !PROXY.test(text)) return undefined;
  decodeURIComponent(url.username + url.password);
  return text;
}, 'must be like http://user:password@host:port')({ default: undefined });

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

const VARIABLES = {
  NODE_ENV: str({ default: 'production' }),
  HOST: str({ default: '0.0.0.0' }),
  PORT: wholeNumber(0, 65_535)({ default: 4001 }),
  METRICS_PORT: wholeNumber(0, 65_535)({ default: undefined }),
  COMMAND_API_URL: origin({
    desc: 'is missing: the origin of the command API, like https://api.ecloud.akubela.com',
  }),
  ROUTER_SECRET: secret,
  ROUTER_SECRET_FILE: secretFile,
  ROUTER_SECRET_PREVIOUS: secret,
  ROUTER_SECRET_PREVIOUS_FILE: secretFile,
  TOKEN_HEADER: tokenHeader({ default: 'authorization' }),
  ALLOW_NO_ROUTER_SECRET: permission,
  COMMAND_API_PROXY: proxy,
  ALLOW_HTTP_COMMAND_API: permission,
  ATTEMPT_TIMEOUT_MS: wholeNumber(1, 60_000)({ default: 3000 }),
  OPERATION_TIMEOUT_MS: wholeNumber(1, 60_000)({ default: 10_000 }),
  MAX_ATTEMPTS: wholeNumber(1, 10)({ default: 3 }),
  MAX_REPLY_BYTES: wholeNumber(1000, 100_000_000)({ default: 2 * 1024 * 1024 }),
  MAX_COMMANDS_IN_FLIGHT: wholeNumber(1, 10_000)({ default: 256 }),
  MAX_COMMANDS_QUEUED: wholeNumber(0, 100_000)({ default: 1024 }),
  BREAKER_FAILURES: wholeNumber(1, 10_000)({ default: 20 }),
  BREAKER_OPEN_MS: wholeNumber(1, 60_000)({ default: 2000 }),
  MAX_REQUESTS_IN_FLIGHT: wholeNumber(1, 100_000)({ default: 250 }),
  DRAIN_DELAY_MS: wholeNumber(0, 60_000)({ default: 2000 }),
  OTEL_SERVICE_NAME: str({ default: SERVICE }),
  OTEL_METRICS_EXPORTER: str({ default: 'none' }),
  LOG_LEVEL: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent')({ default: 'info' }),
};

const KNOWN = [...Object.keys(VARIABLES), ...OTEL];

export type Config = Readonly<ReturnType<typeof loadConfig>>;

/** Lists every fault of an environment, one per line. Never repeats a value, which could be a misplaced secret. */
export class ConfigError extends Error {}

/** Reads the configuration. Most variables keep their names. Throws a `ConfigError` that lists every fault. */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env) {
  // Empty variables count as unset.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const unread = Object.keys(given).flatMap(explainUnread);
  const variables = cleanEnv(given, VARIABLES, {
    reporter({ errors, env }) {
      const found = Object.entries(errors).map(([name, error]) => `${name} ${error.message}`);
      const faults = [...found, ...checkCombinations(env as Valid, given)];
      // A variable that no one reads can be the reason for a missing one.
      if (faults.length > 0) throw new ConfigError(['Invalid environment:', ...faults, ...unread].join('\n  '));
    },
  });
  const {
    NODE_ENV,
    ROUTER_SECRET,
    ROUTER_SECRET_FILE,
    ROUTER_SECRET_PREVIOUS,
    ROUTER_SECRET_PREVIOUS_FILE,
    ...others
  } = variables;
  const secrets = [ROUTER_SECRET, ROUTER_SECRET_FILE, ROUTER_SECRET_PREVIOUS, ROUTER_SECRET_PREVIOUS_FILE];
  return {
    ...others,
    /** True if tracing is requested. OpenTelemetry's SDK reads its own variables. */
    tracing: OTEL.some((name) => environment[name]),
    /** False only if NODE_ENV is `development`. */
    production: NODE_ENV !== 'development',
    /** The accepted values of `Router-Authorization`. If empty, no secret is required. */
    routerSecrets: secrets.filter((secret) => secret !== undefined),
    /** One sentence for each variable that is accepted, but should be changed. */
    warnings: [...unread, ...checkValues(variables)],
  };
}

/** Returns the faults of variables that contradict each other, or that others make necessary. */
function checkCombinations(
  { COMMAND_API_URL, ATTEMPT_TIMEOUT_MS, OPERATION_TIMEOUT_MS, ...env }: Valid,
  given: NodeJS.ProcessEnv,
): string[] {
  const isInsecure = INSECURE_ORIGIN.test(String(COMMAND_API_URL)) && env.ALLOW_HTTP_COMMAND_API !== 'true';
  const faults: string[] = [];
  if (isInsecure && env.NODE_ENV !== 'development')
    faults.push('COMMAND_API_URL must be https in production (or set ALLOW_HTTP_COMMAND_API=true)');
  if (Number(ATTEMPT_TIMEOUT_MS) >= Number(OPERATION_TIMEOUT_MS))
    faults.push('ATTEMPT_TIMEOUT_MS must be below OPERATION_TIMEOUT_MS');
  const needsSecret = env.NODE_ENV !== 'development' && env.ALLOW_NO_ROUTER_SECRET !== 'true';
  if (needsSecret && !given.ROUTER_SECRET && !given.ROUTER_SECRET_FILE)
    faults.push(
      'ROUTER_SECRET is missing: the secret that the router sends in Router-Authorization (or set ALLOW_NO_ROUTER_SECRET=true)',
    );
  if (env.NODE_ENV !== 'development' && !given.COMMAND_API_PROXY && isProxiedByNode(String(COMMAND_API_URL), given))
    faults.push('COMMAND_API_PROXY is missing: NODE_USE_ENV_PROXY no longer sends commands through a proxy');
  if (env.PORT && env.PORT === env.METRICS_PORT) faults.push('METRICS_PORT must differ from PORT');
  for (const [name, file] of SECRETS) if (given[name] && given[file]) faults.push(`${name} and ${file} are both set`);
  return faults;
}

/** Returns a sentence for each value that is accepted, but hardly meant. */
function checkValues(env: Valid): string[] {
  const warnings: string[] = [];
  for (const name of SECRETS.flat())
    for (const [form, fault] of SUSPICIOUS_SECRETS)
      if (form.test(String(env[name] ?? ''))) warnings.push(`${name} ${fault}`);
  if (env.NODE_ENV !== 'development' && env.ALLOW_NO_ROUTER_SECRET === 'true')
    warnings.push('ALLOW_NO_ROUTER_SECRET is true in production: without ROUTER_SECRET, anyone can send requests');
  if (Number(env.MAX_REPLY_BYTES) > OPERATION_LIMIT)
    warnings.push(`MAX_REPLY_BYTES exceeds the memory of an operation, ${OPERATION_LIMIT} bytes`);
  if (env.OTEL_METRICS_EXPORTER !== 'none') warnings.push('OTEL_METRICS_EXPORTER has no effect: scrape /metrics');
  return warnings;
}

/** Returns a sentence about a variable that is probably meant for this service, which does not read it. */
function explainUnread(name: string): string[] {
  const replacement = REMOVED.get(name);
  if (replacement) return [`${name} was removed: ${replacement}`];
  const meant = KNOWN.includes(name) ? undefined : KNOWN.find((known) => known.length >= 8 && isOneEdit(name, known));
  return meant ? [`${name} is unknown: do you mean ${meant}?`] : [];
}

/** Returns whether inserting, deleting or replacing a character, or swapping two neighbors, makes one name the other. */
function isOneEdit(name: string, other: string): boolean {
  let equal = 0;
  while (equal < name.length && name[equal] === other[equal]) equal++;
  const [rest, otherRest] = [name.slice(equal), other.slice(equal)];
  const isReplaced = rest.slice(1) === otherRest.slice(1);
  const isSwapped = rest === otherRest.replace(/^(.)(.)/, '$2$1');
  return isReplaced || isSwapped || rest === otherRest.slice(1) || rest.slice(1) === otherRest;
}

/** Returns whether Node's variables ask for a proxy to this origin. Up to version 0.5, commands took it. */
function isProxiedByNode(origin: string, given: NodeJS.ProcessEnv): boolean {
  const { protocol, hostname = '', port } = URL.parse(origin) ?? {};
  const variable = protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  if (given.NODE_USE_ENV_PROXY !== '1' || !(given[variable] ?? given[variable.toUpperCase()])) return false;
  const excepted = ['*', hostname, `.${hostname}`, `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`];
  const exceptions = (given.no_proxy ?? given.NO_PROXY ?? '').split(',').map((name) => name.trim().toLowerCase());
  return !exceptions.some((name) => {
    return excepted.includes(name) || (/^\*?\./.test(name) && hostname.endsWith(name.replace('*', '')));
  });
}
