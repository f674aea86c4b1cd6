/**
 * The life of a request, in three steps. Every request of both ports is opened and closed, and those to /graphql are
 * executed in between.
 *
 * 1. `open`, when its head has arrived: it is admitted (admission.ts). Fastify then reads and parses its body.
 * 2. `execute`: it waits in the queue of work, and Apollo Server executes it within the time of an operation.
 * 3. `close`, when its response is closed: its memory is released, once its operation is over too. Either can come
 *    later, because a write goes on without its caller, and a slow reader keeps its answer in memory.
 */
import { type ApolloServer, HeaderMap } from '@apollo/server';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import type { Caller, Context } from '../graphql/context.ts';
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
    /** Of an admitted request that is neither a health check nor a scrape: the memory that it may hold. */
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
  readonly createContext: (lifetime: Lifetime, caller: Caller) => Context;
  readonly apollo: ApolloServer<Context>;
  readonly telemetry: Telemetry;
}

export type RequestLifecycle = ReturnType<typeof createRequestLifecycle>;

/** Creates the steps of all requests of one server. */
export function createRequestLifecycle(dependencies: RequestDependencies) {
  const { config, workQueue, createContext, apollo, telemetry } = dependencies;
  const admission = createAdmission(config, dependencies.memoryBudget, telemetry.inFlightChanged);
  const callerOf = createCallerReader(config);
  /** The requests whose response is not closed, or whose operation is not over. */
  let unfinished = 0;
  /** When the time of every operation is over, on the clock of `performance.now()`. */
  let lastDeadline = 0;

  /** A hook of Fastify. Throws a refusal. */
  async function open(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    track(request, reply);
    request.budget = admission.admit(request);
    // Unless its body comes late. Then `execute` knows better.
    if (request.budget) lastDeadline = performance.now() + config.OPERATION_TIMEOUT_MS;
  }

  /** The hook of the port of metrics, which needs no admission: network policy decides who reaches it. */
  async function openUnchecked(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    track(request, reply);
  }

  /** Closes the request when its response is closed. */
  function track(request: FastifyRequest, { raw }: FastifyReply): void {
    const { socket } = request;
    const openedAt = performance.now();
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

  /** The handler of /graphql. Returns the text of the answer. */
  async function execute(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    // The caller may have left with the last byte of the body. Then no one would give back what this takes.
    if (request.socket.destroyed) return undefined;
    const lifetime = new Lifetime(request.budget as OperationBudget, config.OPERATION_TIMEOUT_MS);
    request.lifetime = lifetime;
    lastDeadline = lifetime.deadline;

    return lifetime.run(async () => {
      // A fresh stack, too, which deep documents need.
      await workQueue.wait({ startedAt: lifetime.startedAt, bytes: 0, signal: lifetime.signal });
      if (lifetime.callerHasLeft) return undefined;
      if (lifetime.signal.aborted) throw refusal(503);

      return inRequestSpan(request, lifetime.startedAt, async (span) => {
        const context = createContext(lifetime, callerOf(request));
        const answer = await apollo.executeHTTPGraphQLRequest({
          httpGraphQLRequest: { ...apolloHeadOf(request), body: request.body },
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
    const { lifetime, method, routeOptions } = request;
    // Without a sent response, `statusCode` is Node's default of 200.
    const status = raw.headersSent ? raw.statusCode : '';
    telemetry.requestEnded(method, routeOptions.url, status, performance.now() - openedAt);
    if (!raw.writableFinished) lifetime?.leave();
    // A write goes on without its caller.
    await lifetime?.finished;
    unfinished--;
    admission.release(request);
  }

  return {
    open,
    openUnchecked,
    bodyArrived: admission.bodyArrived,
    execute,
    /** Returns how many requests are not over, and when the time of all their operations is. */
    unfinished: () => ({ count: unfinished, lastDeadline }),
  };
}

/** Returns the head of a request as Apollo Server takes it. Throws Node's error for a malformed Host or path. */
function apolloHeadOf({ method, headers, url, protocol, hostname }: FastifyRequest) {
  const map = new HeaderMap();
  for (const [name, value] of Object.entries(headers)) if (value) map.set(name, String(value));
  return { method, headers: map, search: new URL(url, `${protocol}://${hostname}/`).search };
}
