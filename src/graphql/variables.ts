/**
 * Checks all variables of an operation before it runs. graphql would quote the caller's values, and leave out the other
 * faults of the arguments.
 */
import type { BaseContext, GraphQLRequestListener } from '@apollo/server';
import {
  type GraphQLInputObjectType,
  type GraphQLInputType,
  getNullableType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  Kind,
  TypeInfo,
  typeFromAST,
  ValidationContext,
  type ValueNode,
  type VariableNode,
  valueFromAST,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { faultsOf } from './arguments.ts';
import { badUserInput, PublicError } from './errors.ts';
import { LIMITS } from './limits.ts';

type Hook = NonNullable<GraphQLRequestListener<BaseContext>['didResolveOperation']>;
/** A fault of a variable. Its path begins in the variable: `.startTime`, `[3]` or empty. */
type Fault = { readonly path: string; readonly message: string };

const REQUIRED = 'is required';
/** Only such members are named: another could be what the caller meant as a value. */
const NAME = /^[_a-z]\w{0,63}$/i;

/** Apollo Server's hook. Throws a `PublicError` if a variable is faulty, with the faults of all arguments. */
export const checkVariables: Hook = async ({ document, operation, request, schema }) => {
  const given = request.variables ?? {};
  const variables = new Map<string, ReturnType<typeof coerce>>();
  const coerce = createCoercion();
  let isSuspect = false;
  for (const { variable, type: typeNode, defaultValue } of operation?.variableDefinitions ?? []) {
    const name = variable.name.value;
    const type = typeFromAST(schema, typeNode) as GraphQLInputType;
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    const isDefault = value === undefined && defaultValue !== undefined;
    const coerced = isDefault ? { value: valueFromAST(defaultValue, type), faults: [] } : coerce(value, type);
    variables.set(name, coerced);
    // With a default, null is valid for the variable, but not for a required argument.
    isSuspect ||= coerced.faults.length > 0 || (value === null && defaultValue !== undefined);
  }
  if (!operation || !isSuspect) return;

  const found = new Map<string, string>();
  const further: Record<string, string> = {};
  const checked = new Set<unknown>();

  /** Returns the value of a variable, and places its faults. */
  function read({ name }: VariableNode, type: GraphQLInputType | null | undefined, path: string): unknown {
    const { value, faults = [] } = variables.get(name.value) ?? {};
    for (const fault of found.size < LIMITS.argumentFaults ? faults : []) found.set(path + fault.path, fault.message);
    if (value !== null || !isNonNullType(type)) return value;
    found.set(path, REQUIRED);
    return undefined;
  }

  /** Returns the value of an argument or of a part of it. */
  function evaluate(node: ValueNode, type: GraphQLInputType | null | undefined, path: string): unknown {
    const known = type && getNullableType(type);
    if (node.kind === Kind.VARIABLE) return read(node, type, path);
    if (node.kind === Kind.LIST && isListType(known))
      return node.values.map((entry, index) => evaluate(entry, known.ofType, `${path}[${index}]`));
    if (node.kind === Kind.OBJECT && isInputObjectType(known)) {
      const members = node.fields.map(({ name: { value: name }, value }) => {
        return [name, evaluate(value, known.getFields()[name]?.type, `${path}.${name}`)];
      });
      return Object.fromEntries(members);
    }
    if (node.kind !== Kind.LIST && node.kind !== Kind.OBJECT) return type && valueFromAST(node, type);
    // A part of a representation, at any depth.
    visit(node, { Variable: (variable) => void read(variable, undefined, path) });
    return undefined;
  }

  const types = new TypeInfo(schema);
  const visitor = visitWithTypeInfo(types, {
    Argument({ name: { value: name }, value: node }) {
      const value = evaluate(node, types.getInputType(), name);
      // Thousands of fields may have the same list.
      if (typeof value !== 'object' || !checked.has(value)) Object.assign(further, faultsOf({ [name]: value }));
      checked.add(value);
      return false;
    },
  });
  const context = new ValidationContext(schema, document, types, () => {});
  for (const part of [operation, ...context.getRecursivelyReferencedFragments(operation)]) visit(part, visitor);
  if (found.size === 0) return;
  for (const [path, message] of Object.entries(further)) if (!found.has(path)) found.set(path, message);
  const { message, extensions } = badUserInput(Object.fromEntries(found));
  throw new PublicError('BAD_USER_INPUT', message, { ...extensions, http: { status: 400 } });
};

/**
 * Returns a function that coerces a variable as graphql does, without its faulty parts. Finds the first 20 faults of all
 * variables.
 */
function createCoercion() {
  let room = LIMITS.argumentFaults as number;
  let faults: Fault[] = [];

  function fail(path: string, message: string): undefined {
    faults.push({ path, message });
    room--;
  }

  function coerce(value: unknown, type: GraphQLInputType, path: string): unknown {
    if (room <= 0) return undefined;
    if (value === undefined || value === null) return isNonNullType(type) ? fail(path, REQUIRED) : value;
    const known = getNullableType(type);
    if (isListType(known)) {
      if (!Array.isArray(value)) return [coerce(value, known.ofType, path)];
      return value.map((entry, index) => coerce(entry, known.ofType, `${path}[${index}]`));
    }
    try {
      if (isLeafType(known)) return known.parseValue(value);
    } catch {
      return fail(path, `must be of the type ${known.name}`);
    }
    const isObject = typeof value === 'object' && !Array.isArray(value);
    return isObject ? coerceInput(value, known, path) : fail(path, `must be of the type ${known.name}`);
  }

  function coerceInput(input: object, type: GraphQLInputObjectType, path: string): unknown {
    const value = input as Readonly<Record<string, unknown>>;
    const fields = type.getFields();
    const coerced: Record<string, unknown> = {};
    for (const { name, type, defaultValue } of Object.values(fields))
      coerced[name] = coerce(Object.hasOwn(value, name) ? value[name] : defaultValue, type, `${path}.${name}`);
    for (const name in value) {
      if (fields[name] || room <= 0) continue;
      if (NAME.test(name)) fail(`${path}.${name}`, 'is unknown');
      else fail(path, 'has an unknown member');
    }
    return coerced;
  }

  return (value: unknown, type: GraphQLInputType) => {
    faults = [];
    return { value: coerce(value, type, ''), faults };
  };
}
