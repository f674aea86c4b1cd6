/**
 * The type and the status of a response, as GraphQL over HTTP asks for them.
 */
import type { GraphQLRequestContextWillSendResponse } from '@apollo/server';
import type { Context } from './context.ts';

export function setHead({
  operation,
  source,
  request,
  response: { http },
}: GraphQLRequestContextWillSendResponse<Context>): void {
  const isWriting = operation?.operation === 'mutation';
  const type = preferredType(request.http?.headers.get('accept'));
  // Apollo would refuse other types with 406, even after a mutation has run.
  if (isWriting || (source && type)) http.headers.set('content-type', `${type ?? 'application/json'}; charset=utf-8`);
  // Apollo answers 400 if a document does not parse or validate. GraphQL over HTTP says that a response in
  // application/json SHOULD have 200.
  const isPlain = source && type !== 'application/graphql-response+json';
  if (http.status === 400 && isPlain) http.status = 200;
}

/** Returns the JSON type that `Accept` names with the highest weight, the first of several, or undefined. */
function preferredType(accept = ''): string | undefined {
  const ranges = accept.split(',').map((range) => ({
    type: /^\s*(application\/(?:graphql-response\+)?json)\s*(?:;|$)/i.exec(range)?.[1]?.toLowerCase(),
    weight: Number(/;\s*q=([\d.]+)/i.exec(range)?.[1] ?? 1),
  }));
  const acceptable = ranges.filter(({ type, weight }) => type && weight > 0);
  return acceptable.toSorted((a, b) => b.weight - a.weight)[0]?.type;
}
