/** A proxy in front of a GraphQL server, which keeps the fetches and can answer with a fault. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { serve } from '../../dev/command-api.ts';

/** The remote port identifies the connection. */
type Fetch = { body: string; headers: IncomingHttpHeaders; connection: number | undefined };

/** Answers in place of the server. */
export type Fault = (response: ServerResponse) => void;
export const CUT_OFF: Fault = (response) => void response.destroy();

/** The headers of a connection, and the headers that fetch() sets itself. */
const NOT_FORWARDED = ['host', 'connection', 'content-length', 'transfer-encoding'];

export type Recorder = Awaited<ReturnType<typeof startRecorder>>;

export async function startRecorder(origin: string) {
  const fetches: Fetch[] = [];
  let fault: Fault | undefined;
  let dropped: string | undefined;

  const server = await serve(async (request, response) => {
    const body = await readText(request);
    fetches.push({ body, headers: request.headers, connection: request.socket.remotePort });
    if (fault) return fault(response);
    const headers = Object.entries(request.headers).filter(([name]) => ![...NOT_FORWARDED, dropped].includes(name));
    const answer = await fetch(origin + request.url, { method: 'POST', headers: headers as [string, string][], body });
    response.writeHead(answer.status, { 'content-type': String(answer.headers.get('content-type')) });
    response.end(await answer.text());
  });

  return {
    url: `${server.url}/graphql`,
    fetches,
    /** Answers each fetch with the fault until reset(). */
    fail(next: Fault) {
      fault = next;
    },
    /** Drops a header of each fetch until reset(). */
    drop(header: string) {
      dropped = header;
    },
    reset() {
      fetches.length = 0;
      fault = undefined;
      dropped = undefined;
    },
    stop: server.stop,
  };
}
