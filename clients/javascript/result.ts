/**
 * Tells an app what happened to a write. Copy this file into your app: it imports nothing, and its types can be erased.
 * docs/apps.md has the outcomes with what to do, and what to pass from each client.
 */

export interface WriteResult {
  /**
   * `DONE`: it happened. `NOT_SENT`, `REJECTED`: it did not. `UNKNOWN`: it may have happened, or may still, or a router refused it
   * and did not say so.
   */
  readonly outcome: 'DONE' | 'NOT_SENT' | 'REJECTED' | 'UNKNOWN';
  /** The error code of docs/apps.md, or a router's own. Undefined if no GraphQL error says why. */
  readonly code: string | undefined;
  /** What is wrong with the arguments, to show beside the fields of a form. */
  readonly faults: readonly { readonly argument: string; readonly code: string; readonly message: string }[];
}

interface WriteError {
  readonly path?: readonly (string | number)[];
  readonly extensions: Partial<WriteResult> & { readonly arguments?: WriteResult['faults'] };
}

interface Response {
  readonly data?: Readonly<Record<string, unknown>> | null;
  /** `errors` of the response's body. */
  readonly errors?: unknown;
  /** In the result of Apollo Client and of urql. An error of the network has neither. */
  readonly error?: { readonly errors?: unknown; readonly graphQLErrors?: unknown } | null;
}

/**
 * Returns what happened to the write of the field with this name or alias. `response` is the result of Apollo Client or of urql,
 * or the body of the response. Without a response, such as after a lost connection, the outcome is `UNKNOWN`.
 */
export function resultOf(response: unknown, alias: string): WriteResult {
  const { data, errors, error } = (response ?? {}) as Response;
  const given = [errors ?? error?.errors ?? error?.graphQLErrors ?? []].flat() as WriteError[];
  // A proxy's errors have any form.
  const all = given.filter((one) => one?.extensions);
  const told = all.filter(({ extensions }) => extensions.outcome);
  // An error without a path concerns every field. A router may add an error that has no outcome, so look for an outcome first.
  const cause = told.find(({ path }) => path?.[0] === alias) ?? [...told, ...all].find(({ path }) => !path?.length);
  const { outcome = 'UNKNOWN', code, arguments: faults = [] } = cause?.extensions ?? {};
  // With data, the write happened, even if an error says that its result could not be read.
  return { outcome: data?.[alias] ? 'DONE' : outcome, code, faults };
}
