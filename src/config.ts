/**
 * Reads and checks the environment. No other file in src/ reads process.env. docs/configuration.md lists the variables.
 */
import { cleanEnv, EnvError, makeValidator, str } from 'envalid';
import { SERVICE } from './version.ts';

const OTEL = ['OTEL_TRACES_EXPORTER', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];

/** Warn about shorter secrets, because they can be guessed. */
const SECRET_LENGTH = 16;
/** Matches an origin without TLS that is not on this machine. */
const INSECURE_ORIGIN = /^http:\/\/(?!(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$)/;

/** The variables that are valid by themselves. Invalid variables are absent. */
type Valid = Readonly<Record<string, string | number | undefined>>;

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

const VISIBLE = /^[\x21-\x7e]+$/;
const secret = checked(
  (text) => VISIBLE.exec(text)?.[0],
  'must be visible ASCII without spaces, as a header can carry it',
);

const origin = checked((text) => {
  const url = URL.parse(text);
  return url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/` ? url.origin : undefined;
}, 'must be an http or https origin without a path, query or credentials');

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
  ROUTER_SECRET: secret({
    default: undefined,
    desc: 'is missing: the secret that the router sends in Router-Authorization (or set ALLOW_NO_ROUTER_SECRET=true)',
    requiredWhen: (cleaned) => cleaned.NODE_ENV !== 'development' && cleaned.ALLOW_NO_ROUTER_SECRET !== 'true',
  }),
  ROUTER_SECRET_PREVIOUS: secret({ default: undefined }),
  TOKEN_HEADER: tokenHeader({ default: 'authorization' }),
  ALLOW_NO_ROUTER_SECRET: permission,
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
  LOG_LEVEL: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent')({ default: 'info' }),
};

export type Config = Readonly<ReturnType<typeof loadConfig>>;

/** Lists every fault of an environment, one per line. Never repeats a value, which could be a misplaced secret. */
export class ConfigError extends Error {}

/** Reads the configuration. Most variables keep their names. Throws a `ConfigError` that lists every fault. */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env) {
  // Empty variables count as unset.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const variables = cleanEnv(given, VARIABLES, {
    reporter({ errors, env }) {
      const found = Object.entries(errors).map(([name, error]) => `${name} ${error.message}`);
      const faults = [...found, ...checkCombinations(env as Valid)];
      if (faults.length > 0) throw new ConfigError(['Invalid environment:', ...faults].join('\n  '));
    },
  });
  const { NODE_ENV, ROUTER_SECRET, ROUTER_SECRET_PREVIOUS, ...others } = variables;
  const secrets = { ROUTER_SECRET, ROUTER_SECRET_PREVIOUS };
  return {
    ...others,
    /** True if tracing is requested. OpenTelemetry's SDK reads its own variables. */
    tracing: OTEL.some((name) => environment[name]),
    /** False only if NODE_ENV is `development`. */
    production: NODE_ENV !== 'development',
    /** The accepted values of `Router-Authorization`. If empty, no secret is required. */
    routerSecrets: Object.values(secrets).filter((value) => value !== undefined),
    /** One sentence for each accepted value that should be changed. */
    warnings: Object.entries(secrets).flatMap(([name, value]) =>
      value && value.length < SECRET_LENGTH ? `${name} is shorter than ${SECRET_LENGTH} characters` : [],
    ),
  };
}

/** Returns the faults of variables that contradict each other. */
function checkCombinations({ COMMAND_API_URL, ATTEMPT_TIMEOUT_MS, OPERATION_TIMEOUT_MS, ...env }: Valid): string[] {
  const isInsecure = INSECURE_ORIGIN.test(String(COMMAND_API_URL)) && env.ALLOW_HTTP_COMMAND_API !== 'true';
  const faults: string[] = [];
  if (isInsecure && env.NODE_ENV !== 'development')
    faults.push('COMMAND_API_URL must be https in production (or set ALLOW_HTTP_COMMAND_API=true)');
  if (Number(ATTEMPT_TIMEOUT_MS) >= Number(OPERATION_TIMEOUT_MS))
    faults.push('ATTEMPT_TIMEOUT_MS must be below OPERATION_TIMEOUT_MS');
  if (env.PORT && env.PORT === env.METRICS_PORT) faults.push('METRICS_PORT must differ from PORT');
  return faults;
}
