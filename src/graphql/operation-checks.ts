/**
 * What is checked of an operation before it runs, beyond its document: its type and its numbers.
 */
import type { GraphQLRequestContextDidResolveOperation } from '@apollo/server';
import { type DocumentNode, getOperationAST, Kind, type TypeNode } from 'graphql';
import { PublicError } from '../errors/public-error.ts';
import type { Context } from './context.ts';

type Resolved = GraphQLRequestContextDidResolveOperation<Context>;

const STATUS_400 = { http: { status: 400 } };

export function refuseSubscription({ operation }: Resolved): void {
  if (operation?.operation === 'subscription')
    throw new PublicError('BAD_USER_INPUT', 'Subscriptions are not supported.', STATUS_400);
}

/** The levels of a variable: an input, a list in it, an entry. graphql refuses more. */
const VARIABLE_LEVELS = 3;

/**
 * Refuses an integer beyond 2^53 in place of an id. JSON.parse has rounded it to the id of something else.
 * Representations are not coerced to types, and have only texts as ids.
 */
export function refuseRoundedIds({ operation, request: { variables = {} } }: Resolved): void {
  const isRounded = (value: unknown, levels: number): boolean => {
    if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value);
    if (typeof value !== 'object' || value === null || levels === 0) return false;
    return Object.values(value).some((inner) => isRounded(inner, levels - 1));
  };
  for (const { variable, type } of operation?.variableDefinitions ?? []) {
    const { value: name } = variable.name;
    if (nameOf(type) !== '_Any' && isRounded(Object.hasOwn(variables, name) && variables[name], VARIABLE_LEVELS))
      throw new PublicError('BAD_USER_INPUT', 'A variable has a number beyond 2^53. Send ids as texts.', STATUS_400);
  }
}

function nameOf(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : nameOf(type.type);
}

/** Returns whether an operation is a mutation, or may be one that its document does not tell. */
export function isMutation(document: DocumentNode | undefined, name: string | undefined): boolean {
  if (!document) return true;
  const operation = getOperationAST(document, name);
  const definitions = operation ? [operation] : document.definitions;
  return definitions.some((one) => one.kind === Kind.OPERATION_DEFINITION && one.operation === 'mutation');
}
