/**
 * Checks the types of all variables of an operation before it runs. graphql would do so too, but it quotes the caller's
 * values and goes on after any number of faults.
 */
import type { BaseContext, GraphQLRequestListener } from '@apollo/server';
import {
  coerceInputValue,
  type GraphQLError,
  type GraphQLInputType,
  getNamedType,
  isInputObjectType,
  isNonNullType,
  TypeInfo,
  typeFromAST,
  ValidationContext,
} from 'graphql';
import { badUserInput } from './errors.ts';
import { LIMITS } from './limits.ts';
import { shorten } from './operation.ts';

type Hook = NonNullable<GraphQLRequestListener<BaseContext>['didResolveOperation']>;
type Path = readonly (string | number)[];

const REQUIRED = 'is required';
/**
 * graphql's message about a missing or unknown member. Longer or other names are not repeated: they could be what the caller
 * meant as a value.
 */
const MEMBER = /^Field "([_a-z]\w{0,63})" (of required|is not defined by) type "[^"]+"(?: was not provided)?\.$/i;
const ENOUGH = new Error('enough faults');

/** Apollo Server's hook. Throws a `PublicError` if a variable is faulty. Names each fault by its variable and path. */
export const checkVariables: Hook = async ({ document, operation, request, schema }) => {
  const given = request.variables ?? {};
  // Not an object: a variable may be called `__proto__`.
  const faults = new Map<string, string>();
  let faultsLeft: number = LIMITS.argumentFaults;
  const nulls = new Set<string>();
  try {
    for (const { variable, type: typeNode, defaultValue } of operation?.variableDefinitions ?? []) {
      const name = variable.name.value;
      const type = typeFromAST(schema, typeNode) as GraphQLInputType;
      const value = Object.hasOwn(given, name) ? given[name] : undefined;
      if (defaultValue && value === undefined) continue;
      if (defaultValue && value === null) nulls.add(name);
      const addFault = (path: Path, part: unknown, error: GraphQLError) => {
        // Ends graphql's work, which would go on for each of 200,000 entries.
        if (faultsLeft-- === 0) throw ENOUGH;
        const [place, fault] = describeFault(type, path, part, error.message);
        // A name may have a megabyte.
        faults.set(shorten(name) + place, fault);
      };
      coerceInputValue(value, type, addFault, true);
    }
  } catch (error) {
    if (error !== ENOUGH) throw error;
  }
  if (operation && nulls.size > 0) {
    // A variable with a default may be null, but not where it is used as a required value.
    const context = new ValidationContext(schema, document, new TypeInfo(schema), () => {});
    for (const { node, type } of context.getRecursiveVariableUsages(operation))
      if (isNonNullType(type) && nulls.has(node.name.value)) faults.set(String(shorten(node.name.value)), REQUIRED);
  }
  if (faults.size > 0) throw badUserInput(Object.fromEntries(faults), { http: { status: 400 } });
};

/** Returns the path of a fault in its variable, such as `.startTime`, and a message of ours: graphql's quotes the value. */
function describeFault(type: GraphQLInputType, path: Path, part: unknown, message: string): [string, string] {
  const place = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
  const [, member, problem] = MEMBER.exec(message) ?? [];
  if (member) return [`${place}.${member}`, problem === 'of required' ? REQUIRED : 'is unknown'];
  if (message.startsWith('Field ')) return [place, 'has an unknown member'];
  if (part === null || part === undefined) return [place, REQUIRED];
  let named = getNamedType(type);
  for (const key of path) if (isInputObjectType(named)) named = getNamedType(named.getFields()[key]?.type ?? named);
  return [place, `must be of the type ${named.name}`];
}
