/**
 * The audits of the GraphQL over HTTP specification against the server that ships. Where one fails, that is a choice:
 * it stands below with its reason, and has to fail in just that way.
 */
import { describe, expect, it } from '@jest/globals';
import { serverAudits } from 'graphql-http';
import { ROUTER_SECRET } from '../support/subgraph.ts';
import { TOKENS } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

interface Failure {
  /** What the audit calls it: `notice` for a MAY, `warn` for a SHOULD, `error` for a MUST. */
  readonly status: 'notice' | 'warn' | 'error';
  readonly reason: string;
  readonly http: number;
  readonly answer: RegExp;
}
type Failures = Readonly<Record<string, Failure>>;

// A browser sends such a GET for any page, with the user's cookies. No router uses GET, and who wants to can send
// a header that makes a browser ask first; see the last group.
const FORGEABLE: Failure = {
  status: 'notice',
  reason: 'Response status code is not 200',
  http: 400,
  answer: /potential Cross-Site Request Forgery/,
};
const PLAIN_GET: Failures = { '5A70': FORGEABLE, D6D5: FORGEABLE, '6A70': FORGEABLE };

// The audit asks for `__type`, which production tells nobody.
const INTROSPECTION: Failures = {
  '2EA1': {
    status: 'warn',
    reason: 'Response status code is not 200',
    http: 400,
    answer: /"validationErrorCode":"INTROSPECTION_DISABLED"/,
  },
  '28B9': {
    status: 'error',
    reason: 'Response body execution result has a property "errors"',
    http: 200,
    answer: /"validationErrorCode":"INTROSPECTION_DISABLED"/,
  },
};

const DEVELOPMENT = { NODE_ENV: 'development' };

describe('in production', () => runAudits({ failing: { ...PLAIN_GET, ...INTROSPECTION } }));

describe('with introspection', () => runAudits({ env: DEVELOPMENT, failing: PLAIN_GET }));

describe('with introspection and a header that no page can send unasked', () =>
  runAudits({ env: DEVELOPMENT, headers: { 'apollo-require-preflight': '1' }, failing: {} }));

interface Run {
  readonly env?: NodeJS.ProcessEnv;
  readonly headers?: Record<string, string>;
  readonly failing: Failures;
}

function runAudits({ env, headers, failing }: Run): void {
  const subgraph = useSubgraph(env);
  const audits = serverAudits({
    url: () => `${subgraph.url}/graphql`,
    fetchFn: (url: string, init: RequestInit = {}) =>
      fetch(url, {
        ...init,
        headers: {
          'router-authorization': ROUTER_SECRET,
          authorization: `Bearer ${TOKENS.first}`,
          ...headers,
          ...(init.headers as Record<string, string>),
        },
      }),
  });

  it('are 61, those that fail among them', () => {
    expect(audits).toHaveLength(61);
    expect(audits.map(({ id }) => id)).toEqual(expect.arrayContaining(Object.keys(failing)));
  });

  it.each(audits.map(({ id, name, fn }) => [id, failing[id] ? `fails: ${name}` : name, fn] as const))(
    '%s %s',
    async (id, _, audit) => {
      const result = await audit();
      const { status, reason, http, answer } = failing[id] ?? {};
      // The whole result, so that a failure that is new shows what was answered.
      const response = result.status === 'ok' ? undefined : result.response;
      expect({
        status: result.status,
        reason: result.status === 'ok' ? undefined : result.reason,
        http: response?.status,
        answer: await response?.text(),
      }).toEqual({ status: status ?? 'ok', reason, http, answer: answer && expect.stringMatching(answer) });
    },
  );
}
