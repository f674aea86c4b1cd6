/**
 * Checks all variables of an operation before it runs. graphql would quote the caller's values, and leave out the other
 * faults of the arguments. Only if a variable is faulty, a second walk finds the arguments in which it stands.
 */
import type { BaseContext, GraphQLRequestListener } from '@apollo/server';
import {
  coerceInputValue,
  type GraphQLError,
  type GraphQLInputType,
  getNamedType,
  getNullableType,
  isInputObjectType,
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
import { badUserInput } from './errors.ts';
import { LIMITS } from './limits.ts';

type Hook = NonNullable<GraphQLRequestListener<BaseContext>['didResolveOperation']>;
/** A fault of a variable. Its path begins in the variable: `.startTime`, `[3]` or empty. */
type Fault = { readonly path: string; readonly message: string };

const REQUIRED = 'is required';
/**
 * graphql's message about a missing or unknown member. Longer or other names are not repeated: they could be what the caller
 * meant as a value.
 */
const MEMBER = /^Field "([_a-z]\w{0,63})" (of required|is not defined by) type "[^"]+"(?: was not provided)?\.$/i;

/** Apollo Server's hook. Throws a `PublicError` if a variable is faulty, with the faults of all arguments. */
export const checkVariables: Hook = async ({ document, operation, request, schema }) => {
  const given = request.variables ?? {};
  const coerce = createCoercion();
  const variables = new Map<string, ReturnType<typeof coerce>>();
  let needsCheck = false;
  for (const { variable, type: typeNode, defaultValue } of operation?.variableDefinitions ?? []) {
    const name = variable.name.value;
    const type = typeFromAST(schema, typeNode) as GraphQLInputType;
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    const isDefault = value === undefined && defaultValue !== undefined;
    const coerced = isDefault ? { value: valueFromAST(defaultValue, type), faults: [] } : coerce(value, type);
    variables.set(name, coerced);
    // With a default, null is valid for the variable, but not for a required argument.
    needsCheck ||= coerced.faults.length > 0 || (value === null && defaultValue !== undefined);
  }
  if (!operation || !needsCheck) return;

  const typeFaults = new Map<string, string>();
  const ownFaults: Record<string, string> = {};
  const checked = new Set<unknown>();

  /** Returns the value of a variable, and places its faults. */
  function useVariable({ name }: VariableNode, type: GraphQLInputType | null | undefined, path: string): unknown {
    const { value, faults = [] } = variables.get(name.value) ?? {};
    for (const fault of typeFaults.size < LIMITS.argumentFaults ? faults : [])
      typeFaults.set(path + fault.path, fault.message);
    if (value !== null || !isNonNullType(type)) return value;
    typeFaults.set(path, REQUIRED);
    return undefined;
  }

  /** Returns the value of an argument or of a part of it. */
  function evaluate(node: ValueNode, type: GraphQLInputType | null | undefined, path: string): unknown {
    const nullable = type && getNullableType(type);
    if (node.kind === Kind.VARIABLE) return useVariable(node, type, path);
    if (node.kind === Kind.LIST && isListType(nullable))
      return node.values.map((entry, index) => evaluate(entry, nullable.ofType, `${path}[${index}]`));
    if (node.kind === Kind.OBJECT && isInputObjectType(nullable)) {
      const members = node.fields.map(({ name: { value: name }, value }) => {
        return [name, evaluate(value, nullable.getFields()[name]?.type, `${path}.${name}`)];
      });
      return Object.fromEntries(members);
    }
    // A variable within a representation, at any depth.
    visit(node, { Variable: (variable) => void useVariable(variable, undefined, path) });
    return type && valueFromAST(node, type);
  }

  const types = new TypeInfo(schema);
  const visitor = visitWithTypeInfo(types, {
    Argument({ name: { value: name }, value: node }) {
      const value = evaluate(node, types.getInputType(), name);
      // Thousands of fields may have the same list.
      const isChecked = typeof value === 'object' && checked.has(value);
      checked.add(value);
      const type = getNamedType(types.getInputType());
      const check = isInputObjectType(type) ? type.name : name;
      for (const [path, fault] of Object.entries(isChecked ? {} : faultsOf({ [check]: value })))
        if (fault) ownFaults[path] = fault;
      return false;
    },
  });
  const context = new ValidationContext(schema, document, types, () => {});
  for (const part of [operation, ...context.getRecursivelyReferencedFragments(operation)]) visit(part, visitor);
  if (typeFaults.size === 0) return;
  for (const [path, message] of Object.entries(ownFaults)) if (!typeFaults.has(path)) typeFaults.set(path, message);
  throw badUserInput(Object.fromEntries(typeFaults), { http: { status: 400 } });
};

/** Returns a function that coerces a variable as graphql does. It finds the first 20 faults of all variables. */
function createCoercion() {
  let faultsLeft: number = LIMITS.argumentFaults;
  return (value: unknown, type: GraphQLInputType) => {
    const faults: Fault[] = [];
    const addFault = (path: readonly (string | number)[], part: unknown, { message }: GraphQLError) => {
      // Ends graphql's work, which would go on for each of 200,000 entries.
      if (faultsLeft-- <= 0) throw new Error('enough faults');
      faults.push(toFault(type, path, part, message));
    };
    try {
      return { value: coerceInputValue(value, type, addFault, true), faults };
    } catch {
      return { value: undefined, faults };
    }
  };
}

/** Returns a fault that graphql found, with our message: graphql's quotes the value. */
function toFault(type: GraphQLInputType, path: readonly (string | number)[], part: unknown, message: string): Fault {
  const place = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
  const [, name, problem] = MEMBER.exec(message) ?? [];
  if (name) return { path: `${place}.${name}`, message: problem === 'of required' ? REQUIRED : 'is unknown' };
  if (message.startsWith('Field ')) return { path: place, message: 'has an unknown member' };
  if (part === null || part === undefined) return { path: place, message: REQUIRED };
  let named = getNamedType(type);
  for (const key of path) if (isInputObjectType(named)) named = getNamedType(named.getFields()[key]?.type ?? named);
  return { path: place, message: `must be of the type ${named.name}` };
}
