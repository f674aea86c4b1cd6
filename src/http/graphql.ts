/**
 * A request to /graphql, from its head to the last byte of its answer. `handle` is its way, from top to bottom.
 *
 * 1. Admission (admission.ts). Before the body is read, the request opens an account, and reserves what its
 *    body will hold when it is parsed. Fastify then reads the body, as one text of at most 1 MB.
 * 2. Wait for a turn of the event loop. The time of the operation begins with the wait. The turn also brings a fresh
 *    stack, which deep documents need.
 * 3. Parse the body, and execute it in the span of the request: Apollo Server parses, validates and runs the operation,
 *    whose context is made of the scope and the caller.
 * 4. Answer. A plugin of Apollo Server sets status and type, because it alone sees the document, and has the operation
 *    reported: one log line, metrics, attributes of the span.
 * 5. Give back (`createApp` in host.ts), when the response is closed and the operation is over. Either can come later,
 *    because a write goes on without its caller, and a slow reader keeps its answer in memory.
 *
 * What is refused, before anything is sent: with 503, a request beyond those in flight or without memory, and a request
 * whose turn did not come before its deadline; a body that is too large (413), of another type (415), or malformed
 * (400). CONTRIBUTING.md shows how the bounds work together.
 */
import { promisify } from 'node:util';
import { type ApolloServer, type ApolloServerPlugin, HeaderMap } from '@apollo/server';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ClientDependencies } from '../command-api/client.ts';
import type { Config } from '../config.ts';
import { createOperation, type Operation } from '../graphql/operation.ts';
import type { Account } from '../resources/memory.ts';
import { Scope } from '../resources/scope.ts';
import type { Turns } from '../resources/turns.ts';
import type { Observer } from '../telemetry/observer.ts';
import { inRequestSpan } from '../telemetry/spans.ts';
import { reserveRequest } from './admission.ts';
import { callerOf } from './caller.ts';
import { refusal } from './refusals.ts';

/**
 * Work of a request in nanoseconds: 0.5 ms, and 20 ns for each byte that it holds. Not measured by themselves; with
 * them, `npm run test:soak -- hostile-callers` keeps its bounds.
 */
const REQUEST_NS = 500_000;
const REQUEST_BYTE_NS = 20;
const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/** What all requests share. */
interface RequestDependencies {
  readonly config: Config;
  readonly turns: Turns;
  readonly clientDependencies: ClientDependencies;
  readonly apollo: ApolloServer<Operation>;
  readonly observer: Observer;
}

type JsonParser = (request: FastifyRequest, text: string, done: (error: Error | null, value?: unknown) => void) => void;

/** Adds the route to the host, and its plugin to Apollo Server, which has to start afterwards. */
export function addGraphql(
  app: FastifyInstance,
  { config, turns, clientDependencies, apollo, observer }: RequestDependencies,
): void {
  // Refuses `__proto__`.
  const parseJson = promisify(app.getDefaultJsonParser('error', 'error') as JsonParser);
  app.addContentTypeParser(JSON_IN_UTF8, { parseAs: 'string' }, (_request, text, done) => done(null, text));
  app.route({ method: ['GET', 'POST'], url: '/graphql', exposeHeadRoute: false, handler: handle });
  apollo.addPlugin(answerPlugin(observer));

  async function handle(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    // The caller may have left with the last byte of the body. Then no one would give back what this takes.
    if (request.socket.destroyed) return undefined;
    const account = request.getDecorator<Account>('account');
    const scope = new Scope(account, turns, config.OPERATION_TIMEOUT_MS);
    request.setDecorator('scope', scope);

    return scope.run(async () => {
      const text = receiveBody(request, account);
      await scope.turns.wait(REQUEST_NS + account.bytes * REQUEST_BYTE_NS, scope.signal);
      if (scope.callerHasLeft) return undefined;
      if (scope.signal.aborted) throw refusal(503);

      const body = text === undefined ? undefined : await parseJson(request, text);
      return inRequestSpan(request, scope.startedAt, async (span) => {
        const operation = createOperation(clientDependencies, scope, callerOf(request, config.TOKEN_HEADER));
        const answer = await apollo.executeHTTPGraphQLRequest({
          httpGraphQLRequest: { ...headOf(request), body },
          context: async () => operation,
        });
        if (answer.body.kind !== 'complete') throw new TypeError('No response comes in parts.');
        reply.code(answer.status ?? 200).headers(Object.fromEntries(answer.headers));
        // A caller that has disconnected receives no status.
        if (!reply.raw.destroyed) span.setAttribute('http.response.status_code', reply.statusCode);
        return answer.body.string;
      });
    });
  }
}

/** Returns the text of the body, if any. The length of a chunked one is known only now. Throws a refusal. */
function receiveBody(request: FastifyRequest, account: Account): string | undefined {
  const { 'content-encoding': coding = '', 'transfer-encoding': chunked } = request.headers;
  const { body } = request;
  if (typeof body !== 'string') return undefined;
  if (!/^(identity)?$/i.test(coding)) throw refusal(415);
  if (chunked) reserveRequest(account, request, body.length);
  return body;
}

/** Returns the head of a request as Apollo Server takes it. Throws Node's error for a malformed Host or path. */
function headOf({ method, headers, url, protocol, hostname }: FastifyRequest) {
  const map = new HeaderMap();
  for (const [name, value] of Object.entries(headers)) if (value) map.set(name, String(value));
  return { method, headers: map, search: new URL(url, `${protocol}://${hostname}/`).search };
}

/** Makes responses follow GraphQL over HTTP, and has the operation reported. */
function answerPlugin(observer: Observer): ApolloServerPlugin<Operation> {
  return {
    requestDidStart: async () => ({
      async willSendResponse(context) {
        const { operation: node, source, request, response } = context;
        const { http } = response;
        const isWriting = node?.operation === 'mutation';
        const [type] = /application\/(graphql-response\+)?json/.exec(request.http?.headers.get('accept') ?? '') ?? [];
        // The first JSON type that is named. Apollo would refuse others with 406, even after a mutation has run.
        if (isWriting || (source && type))
          http.headers.set('content-type', `${type ?? 'application/json'}; charset=utf-8`);
        // Apollo answers 400 if a document does not parse or validate. GraphQL over HTTP says that a response in
        // application/json SHOULD have 200.
        const isPlain = source && type !== 'application/graphql-response+json';
        if (http.status === 400 && isPlain) http.status = 200;
        observer.operationAnswered(context);
      },
    }),
  };
}
