/**
 * Checks all variables of an operation before it runs. graphql would quote the caller's values, and leave out the other
 * faults of the arguments.
 */
import type { BaseContext, GraphQLRequestListener } from '@apollo/server';
import {
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLLeafType,
  getNullableType,
  isLeafType,
  isListType,
  isNonNullType,
  TypeInfo,
  typeFromAST,
  ValidationContext,
  valueFromASTUntyped,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { faultsOf } from './arguments.ts';
import { badUserInput, PublicError } from './errors.ts';
import { LIMITS } from './limits.ts';

type Hook = NonNullable<GraphQLRequestListener<BaseContext>['didResolveOperation']>;

/** Only such members are named in a message: another could be what the caller meant as a value. */
const NAME = /^[_a-z]\w{0,63}$/i;

/** Apollo Server's hook. Throws a `PublicError` if a variable is faulty, with the faults of all arguments. */
export const checkVariables: Hook = async ({ document, operation, request, schema }) => {
  const variables: Record<string, unknown> = Object.create(null);
  const { coerce, faults } = createCoercion();
  let isNullDespiteDefault = false;
  for (const { variable, type, defaultValue } of operation?.variableDefinitions ?? []) {
    const name = variable.name.value;
    const given = Object.hasOwn(request.variables ?? {}, name) ? request.variables?.[name] : undefined;
    variables[name] = given === undefined && defaultValue ? valueFromASTUntyped(defaultValue) : given;
    coerce(variables[name], typeFromAST(schema, type) as GraphQLInputType, name);
    // Valid for the variable, but not for an argument that is required.
    if (given === null && defaultValue) isNullDespiteDefault = true;
  }
  if (!operation || (faults.size === 0 && !isNullDespiteDefault)) return;

  const inArguments = createCoercion();
  const further = {};
  const types = new TypeInfo(schema);
  const visitor = visitWithTypeInfo(types, {
    Argument({ name: { value: name }, value }) {
      const argument = inArguments.coerce(
        valueFromASTUntyped(value, variables),
        types.getInputType() as GraphQLInputType,
        name,
      );
      Object.assign(further, faultsOf({ [name]: argument }));
    },
  });
  const context = new ValidationContext(schema, document, types, () => {});
  for (const part of [operation, ...context.getRecursivelyReferencedFragments(operation)]) visit(part, visitor);
  // A variable within a literal of a scalar has no argument of its type.
  const found = Object.fromEntries(inArguments.faults.size > 0 ? inArguments.faults : faults);
  if (Object.keys(found).length === 0) return;
  // Faults of types come first, and in place of a further fault of the same part.
  const { message, extensions } = badUserInput({ ...found, ...further, ...found });
  throw new PublicError('BAD_USER_INPUT', message, { ...extensions, http: { status: 400 } });
};

/** Coerces values as graphql does, but leaves out faulty parts. Collects the first 20 faults, by path. */
function createCoercion() {
  const faults = new Map<string, string>();
  const seen = new Set<unknown>();

  function coerce(value: unknown, type: GraphQLInputType, path: string): unknown {
    if (faults.size >= LIMITS.argumentFaults) return undefined;
    if (value === undefined || value === null) return isNonNullType(type) ? fail(path, 'is required') : undefined;
    const known = getNullableType(type);
    if (isLeafType(known)) return coerceLeaf(value, known, path);
    // Thousands of arguments may have the same variable.
    if (seen.has(value)) return undefined;
    seen.add(value);
    if (isListType(known)) {
      if (!Array.isArray(value)) return [coerce(value, known.ofType, path)];
      return value.map((entry, index) => coerce(entry, known.ofType, `${path}[${index}]`));
    }
    return coerceInput(value, known, path);
  }

  function coerceLeaf(value: unknown, type: GraphQLLeafType, path: string): unknown {
    try {
      return type.parseValue(value);
    } catch {
      return fail(path, `must be of the type ${type.name}`);
    }
  }

  function coerceInput(value: unknown, type: GraphQLInputObjectType, path: string): unknown {
    if (typeof value !== 'object' || Array.isArray(value)) return fail(path, `must be of the type ${type.name}`);
    const given = value as Record<string, unknown>;
    const fields = type.getFields();
    const coerced: Record<string, unknown> = {};
    for (const { name, type, defaultValue } of Object.values(fields))
      coerced[name] = coerce(Object.hasOwn(given, name) ? given[name] : defaultValue, type, `${path}.${name}`);
    for (const name in given) {
      if (faults.size >= LIMITS.argumentFaults) break;
      if (fields[name]) continue;
      if (NAME.test(name)) fail(`${path}.${name}`, 'is unknown');
      else fail(path, 'has an unknown member');
    }
    return coerced;
  }

  function fail(path: string, message: string): undefined {
    faults.set(path, message);
  }

  return { coerce, faults };
}
