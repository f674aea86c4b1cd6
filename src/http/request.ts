/**
 * The life of a request, in three steps. Every request of both ports is opened and closed, and those to /graphql are
 * executed in between.
 *
 * 1. `open`, when its head has arrived: it is counted and admitted (admission.ts), and reserves the memory that its body
 *    will take. Fastify then reads and parses the body, whose length `bodyArrived` tells if it came in chunks.
 * 2. `execute`: it waits in the queue of work, and Apollo Server executes it within the time of an operation.
 * 3. `close`, when its response is closed: its memory is given back, once its operation is over too. Either can come
 *    later, because a write goes on without its caller, and a slow reader keeps its answer in memory.
 *
 * A request is refused (refusals.ts) before anything is sent.
 */
import { type ApolloServer, HeaderMap } from '@apollo/server';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ClientDependencies } from '../command-api/client.ts';
import type { Config } from '../config.ts';
import { type Context, createContext } from '../graphql/context.ts';
import { BYTES, LIMITS } from '../limits.ts';
import { Lifetime } from '../resources/lifetime.ts';
import type { MemoryBudget, OperationBudget } from '../resources/memory-budget.ts';
import type { WorkQueue } from '../resources/work-queue.ts';
import { inRequestSpan } from '../telemetry/spans.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { createAdmission } from './admission.ts';
import { createCallerReader } from './caller.ts';
import { refusal } from './refusals.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of an admitted request to /graphql: the memory that it may hold. */
    budget: OperationBudget | null;
    /** Its operation, once it is executed. */
    lifetime: Lifetime | null;
  }
}

/** What all requests share. */
interface RequestDependencies {
  readonly config: Config;
  readonly memoryBudget: MemoryBudget;
  readonly workQueue: WorkQueue;
  readonly clientDependencies: ClientDependencies;
  readonly apollo: ApolloServer<Context>;
  readonly telemetry: Telemetry;
}

export type RequestLifecycle = ReturnType<typeof createRequestLifecycle>;

/** Creates the steps of all requests of one server. */
export function createRequestLifecycle(dependencies: RequestDependencies) {
  const { config, workQueue, clientDependencies, apollo, telemetry } = dependencies;
  const admit = createAdmission(config, dependencies.memoryBudget);
  const callerOf = createCallerReader(config);
  /** The requests that were admitted, and whose response is not closed or whose operation is not over. */
  let inFlight = 0;
  /** The same with those that need no admission. */
  let unfinished = 0;
  /** When the last request was opened. */
  let lastOpenedAt = 0;

  /** A hook of Fastify. Throws a refusal. */
  async function open(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await trackUntilClosed(request, reply);
    request.budget = admit(request, inFlight);
    if (!request.budget) return;
    inFlight++;
    telemetry.inFlightChanged(inFlight);
  }

  /** The hook of the port of metrics, which needs no admission: network policy decides who reaches it. */
  async function trackUntilClosed(request: FastifyRequest, { raw }: FastifyReply): Promise<void> {
    const { socket } = request;
    const openedAt = performance.now();
    lastOpenedAt = openedAt;
    let isClosed = false;
    unfinished++;
    const closeOnce = () => {
      socket.off('close', closeOnce);
      if (!isClosed) void close(request, raw, openedAt);
      isClosed = true;
    };
    raw.once('close', closeOnce);
    // Before Node 24.16, a response that is queued behind another one hears nothing when their connection closes.
    socket.setMaxListeners(0).once('close', closeOnce);
  }

  /** The body of a request has arrived, with this number of characters. In chunks, it counted as the largest one. */
  function bodyArrived({ headers, budget }: FastifyRequest, characters: number): void {
    if (headers['transfer-encoding']) budget?.release((LIMITS.bodyBytes - characters) * BYTES.requestCharacter);
  }

  /** The handler of /graphql. Returns the text of the answer. */
  async function execute(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    // The caller may have left with the last byte of the body. Then no one would give back what this takes.
    if (request.socket.destroyed) return undefined;
    const lifetime = new Lifetime(request.budget as OperationBudget, config.OPERATION_TIMEOUT_MS);
    request.lifetime = lifetime;

    return lifetime.run(async () => {
      // A fresh stack, too, which deep documents need.
      await workQueue.wait(lifetime.startedAt, 0, lifetime.signal);
      if (lifetime.callerHasLeft) return undefined;
      if (lifetime.signal.aborted) throw refusal(503);

      return inRequestSpan(request, lifetime.startedAt, async (span) => {
        const context = createContext(clientDependencies, lifetime, callerOf(request));
        const answer = await apollo.executeHTTPGraphQLRequest({
          httpGraphQLRequest: { ...headOf(request), body: request.body },
          context: async () => context,
        });
        if (answer.body.kind !== 'complete') throw new TypeError('No response comes in parts.');
        reply.code(answer.status ?? 200).headers(Object.fromEntries(answer.headers));
        // A caller that has disconnected receives no status.
        if (!reply.raw.destroyed) span.setAttribute('http.response.status_code', reply.statusCode);
        return answer.body.string;
      });
    });
  }

  async function close(request: FastifyRequest, raw: FastifyReply['raw'], openedAt: number): Promise<void> {
    const { budget, lifetime, method, routeOptions } = request;
    // Without a sent response, `statusCode` is Node's default of 200.
    const status = raw.headersSent ? raw.statusCode : '';
    telemetry.requestEnded(method, routeOptions.url, status, performance.now() - openedAt);
    if (!raw.writableFinished) lifetime?.leave();
    // A write goes on without its caller.
    await lifetime?.finished;
    unfinished--;
    if (!budget) return;
    budget.close();
    inFlight--;
    telemetry.inFlightChanged(inFlight);
  }

  return {
    open,
    trackUntilClosed,
    bodyArrived,
    execute,
    /** Returns how many requests are not over, and when the last one was opened. */
    unfinished: () => ({ count: unfinished, lastOpenedAt }),
  };
}

/** Returns the head of a request as Apollo Server takes it. Throws Node's error for a malformed Host or path. */
function headOf({ method, headers, url, protocol, hostname }: FastifyRequest) {
  const map = new HeaderMap();
  for (const [name, value] of Object.entries(headers)) if (value) map.set(name, String(value));
  return { method, headers: map, search: new URL(url, `${protocol}://${hostname}/`).search };
}
