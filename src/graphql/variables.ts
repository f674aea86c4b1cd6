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
  valueFromAST,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { faultsOf } from './arguments.ts';
import { badUserInput, PublicError } from './errors.ts';
import { LIMITS } from './limits.ts';

type Hook = NonNullable<GraphQLRequestListener<BaseContext>['didResolveOperation']>;
/** Messages by path. In a variable `$i`, paths begin with `i`. */
type Faults = Map<string, string>;

const REQUIRED = 'is required';
/** Only such members are named: another could be what the caller meant as a value. */
const NAME = /^[_a-z]\w{0,63}$/i;

/** Apollo Server's hook. Throws a `PublicError` if a variable is faulty, with the faults of all arguments. */
export const checkVariables: Hook = async ({ document, operation, request, schema }) => {
  const given = request.variables ?? {};
  const values = new Map<string, unknown>();
  const faults: Faults = new Map();
  let isNullDespiteDefault = false;
  for (const { variable, type, defaultValue } of operation?.variableDefinitions ?? []) {
    const name = variable.name.value;
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (defaultValue && value === undefined) continue;
    values.set(name, coerce(value, typeFromAST(schema, type) as GraphQLInputType, name, faults));
    // Valid for the variable, but not for a required argument.
    if (defaultValue && value === null) isNullDespiteDefault = true;
  }
  if (!operation || (faults.size === 0 && !isNullDespiteDefault)) return;

  const found: Faults = new Map();
  const further: Record<string, string> = {};
  const checked = new Set<unknown>();

  /** Returns the value of an argument, or of a part of it, and finds the faults of variables in it. */
  function evaluate(node: ValueNode, type: GraphQLInputType | null | undefined, path: string): unknown {
    const known = type && getNullableType(type);
    if (node.kind === Kind.VARIABLE) {
      const name = node.name.value;
      const value = values.get(name);
      if (value === null && isNonNullType(type)) found.set(path, REQUIRED);
      for (const [place, message] of found.size < LIMITS.argumentFaults ? faults : [])
        if (/^\w+/.exec(place)?.[0] === name) found.set(path + place.slice(name.length), message);
      return value;
    }
    if (node.kind === Kind.LIST) {
      const entryType = isListType(known) ? known.ofType : undefined;
      return node.values.map((entry, index) => evaluate(entry, entryType, `${path}[${index}]`));
    }
    if (node.kind === Kind.OBJECT) {
      const fields = isInputObjectType(known) ? known.getFields() : {};
      const members = node.fields.map(({ name: { value: name }, value }) => {
        return [name, evaluate(value, fields[name]?.type, `${path}.${name}`)];
      });
      return Object.fromEntries(members);
    }
    return type && valueFromAST(node, type);
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

/** Returns a value as graphql coerces it, but without its faulty parts. Adds their faults, up to the limit. */
function coerce(value: unknown, type: GraphQLInputType, path: string, faults: Faults): unknown {
  if (faults.size >= LIMITS.argumentFaults) return undefined;
  if (value === undefined || value === null) {
    if (!isNonNullType(type)) return value;
    faults.set(path, REQUIRED);
    return undefined;
  }
  const known = getNullableType(type);
  if (isListType(known)) {
    if (!Array.isArray(value)) return [coerce(value, known.ofType, path, faults)];
    return value.map((entry, index) => coerce(entry, known.ofType, `${path}[${index}]`, faults));
  }
  try {
    if (isLeafType(known)) return known.parseValue(value);
    if (typeof value === 'object' && !Array.isArray(value)) return coerceInput(value, known, path, faults);
  } catch {}
  faults.set(path, `must be of the type ${known.name}`);
  return undefined;
}

function coerceInput(input: object, type: GraphQLInputObjectType, path: string, faults: Faults): unknown {
  const value = input as Readonly<Record<string, unknown>>;
  const fields = type.getFields();
  const coerced: Record<string, unknown> = {};
  for (const { name, type, defaultValue } of Object.values(fields))
    coerced[name] = coerce(Object.hasOwn(value, name) ? value[name] : defaultValue, type, `${path}.${name}`, faults);
  for (const name in value) {
    if (fields[name] || faults.size >= LIMITS.argumentFaults) continue;
    if (NAME.test(name)) faults.set(`${path}.${name}`, 'is unknown');
    else faults.set(path, 'has an unknown member');
  }
  return coerced;
}
