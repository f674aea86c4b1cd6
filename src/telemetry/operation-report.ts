import type { ApolloServerPlugin } from '@apollo/server';
import { trace } from '@opentelemetry/api';
import type { Level, Logger } from 'pino';
import type { Command } from '../command-api/command.ts';
import { CommandApiError } from '../command-api/errors.ts';
import { type Context, shorten } from '../graphql/context.ts';
import { codeOf } from '../graphql/errors.ts';
import { failSpan } from '../tracing.ts';
import type { Metrics } from './metrics.ts';

/** Of a line in the log, so that it has at most 16 KB. */
const MOST = { commands: 50, commandBytes: 13_500 };

/** Reports each operation: a line in the log, its metrics, and its name on the request's span. */
export function operationReport(logger: Logger, metrics: Metrics): ApolloServerPlugin<Context> {
  return {
    async requestDidStart() {
      const start = performance.now();
      return {
        async willSendResponse({ operationName, operation, contextValue, response: { body } }) {
          const errors = body.kind === 'single' ? (body.singleResult.errors ?? []) : [];
          const { commands: all, unforeseen } = contextValue;
          // A failed write may be data.
          const hidden = unforeseen.errors.length > 0 ? ['INTERNAL_SERVER_ERROR'] : [];
          const codes = [...new Set([...errors.map(({ extensions }) => String(extensions?.code)), ...hidden])];
          const name = shorten(operationName);
          const type = operation?.operation;
          metrics.operationEnded(type ?? 'unknown', codes, all);
          const commands = describeCommands(all);
          const level = chooseLevel([...codes, ...all.map(({ error }) => (error ? codeOf(error) : undefined))]);
          logger[level](
            {
              ...contextValue.request,
              operationName: name,
              operationType: type,
              durationMs: Math.round(performance.now() - start),
              commands,
              commandsLeftOut: all.length - commands.length || undefined,
              codes,
              ...(hidden.length > 0 && { errorIds: [unforeseen.errorId] }),
            },
            'operation',
          );
          const span = trace.getActiveSpan();
          if (type) span?.updateName(type).setAttribute('graphql.operation.type', type);
          if (name) span?.setAttribute('graphql.operation.name', name);
          if (codes[0] && level !== 'info') failSpan(span, codes[0]);
        },
      };
    },
  };
}

/** Ours to mend, the command API's, or nothing that anyone has to look at: what a caller did wrong, or may not do. */
function chooseLevel(codes: readonly (string | undefined)[]): Level {
  if (codes.includes('INTERNAL_SERVER_ERROR')) return 'error';
  return codes.some((code) => code?.startsWith('UPSTREAM_')) ? 'warn' : 'info';
}

/** Failed ones first, as many as a line has room for. */
function describeCommands(commands: readonly Command[]) {
  const failedFirst = commands.toSorted((a, b) => Number(b.error !== undefined) - Number(a.error !== undefined));
  const entries = failedFirst.slice(0, MOST.commands).map(describeCommand);
  while (JSON.stringify(entries).length > MOST.commandBytes) entries.pop();
  return entries;
}

function describeCommand(command: Command) {
  const { name, id, attempts, dropped, error } = command;
  const [durationMs, coalesced] = [Math.round(command.durationMs), command.coalesced || undefined];
  const code = error ? codeOf(error) : undefined;
  const entry = { name, id, durationMs, attempts: attempts.length, coalesced, dropped: dropped || undefined, code };
  // What nobody foresaw is in the log by itself, without its message.
  if (!(error instanceof CommandApiError)) return entry;
  return { ...entry, detail: `${name}: ${error.message}`, upstreamCode: error.details.upstreamCode };
}
