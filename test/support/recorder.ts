/**
 * A server in front of another: it keeps what is sent there, and answers in its place where it is told to.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { readText, serve } from '../../dev/command-api.ts';

export interface Fetch {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** Answers in the server's place. */
export type Fault = (response: ServerResponse, fetch: Fetch) => void;

/** Headers of one connection, and what a fetch sets by itself. */
const OWN = ['host', 'connection', 'content-length', 'transfer-encoding'];

/** Records what is sent to the GraphQL server at `origin`. */
export async function startRecorder(origin: string) {
  const fetches: Fetch[] = [];
  let fault: Fault | undefined;

  const server = await serve(async (request, response) => {
    const body = await readText(request);
    const { query, variables } = JSON.parse(body) as Fetch;
    const received = { query, variables, headers: request.headers };
    fetches.push(received);
    if (fault) return fault(response, received);
    const passedOn = Object.entries(request.headers).filter(([name]) => !OWN.includes(name));
    const headers = passedOn.map(([name, value]): [string, string] => [name, String(value)]);
    const answer = await fetch(origin + request.url, { method: 'POST', headers, body });
    response.writeHead(answer.status, { 'content-type': String(answer.headers.get('content-type')) });
    response.end(await answer.text());
  });

  return {
    url: `${server.url}/graphql`,
    fetches,
    /** Puts a fault before the server until it is reset. */
    fail(next: Fault) {
      fault = next;
    },
    reset() {
      fetches.length = 0;
      fault = undefined;
    },
    stop: server.stop,
  };
}
