/** The audits of the GraphQL over HTTP specification. Each failure is a decision, with its reason. */
import { describe, expect, it } from '@jest/globals';
import { serverAudits } from 'graphql-http';
import { HEADERS } from '../support/replica.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

type Failures = Readonly<Record<string, { status: string; http: number; answer: RegExp }>>;

// CSRF: any page makes a browser send such a GET with the user's cookies. No router uses GET.
const FORGEABLE = { status: 'notice', http: 400, answer: /Send one JSON object with a query by POST/ };
const PLAIN_GET: Failures = { '5A70': FORGEABLE, D6D5: FORGEABLE, '6A70': FORGEABLE };

// These audits ask for `__type`, which production refuses.
const answer = /"validationErrorCode":"INTROSPECTION_DISABLED"/;
const INTROSPECTION: Failures = {
  '2EA1': { status: 'warn', http: 400, answer },
  '28B9': { status: 'error', http: 200, answer },
};

const NODE_ENV = 'development';
const PREFLIGHT = { 'apollo-require-preflight': '1' };

describe.each<[string, NodeJS.ProcessEnv, Record<string, string>, Failures]>([
  ['in production', {}, {}, { ...PLAIN_GET, ...INTROSPECTION }],
  ['with introspection and a header that needs a preflight', { NODE_ENV }, PREFLIGHT, {}],
])('GraphQL over HTTP, %s:', (_, env, headers, failing) => {
  const subgraph = useSubgraph(env);
  const { authorization, 'router-authorization': secret } = HEADERS;
  const common = { authorization, 'router-authorization': secret, ...headers };
  const audits = serverAudits({
    url: () => `${subgraph.url}/graphql`,
    fetchFn: (url: string, init: RequestInit = {}) => fetch(url, { ...init, headers: { ...common, ...init.headers } }),
  });

  it.each(audits.map(({ id, name, fn }) => [id, failing[id] ? `fails: ${name}` : name, fn] as const))(
    '%s %s',
    async (id, _, audit) => {
      const result = await audit();
      const { status = 'ok', http, answer } = failing[id] ?? {};
      const response = result.status === 'ok' ? undefined : result.response;
      const expected = [status, http, answer && expect.stringMatching(answer)];
      expect([result.status, response?.status, await response?.text()]).toEqual(expected);
    },
  );
});
