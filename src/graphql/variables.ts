/**
 * Checks the types of all variables of an operation before it runs. graphql would do so too, but it quotes the caller's
 * values.
 */
import type { GraphQLRequestContextDidResolveOperation as Resolved } from '@apollo/server';
import {
  coerceInputValue,
  GraphQLID,
  type GraphQLInputFieldMap,
  type GraphQLInputType,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isNonNullType,
  Kind,
  TypeInfo,
  typeFromAST,
  ValidationContext,
} from 'graphql';
import { badUserInput, type Fault, MAX_FAULTS, type Reason } from '../errors/faults.ts';
import { shorten } from '../values.ts';

/** Other names of unknown fields are not repeated: they could be what the caller meant as a value. */
const NAME = /^[_a-z]\w{0,63}$/i;

const REQUIRED: Reason = { code: 'REQUIRED', message: 'is required' };
const STATUS_400 = { http: { status: 400 } };

/** Throws a `PublicError` if a variable is faulty. Names each fault by its variable and path. */
export function checkVariables({ document, operation, request, schema }: Resolved<object>): void {
  const given = request.variables ?? {};
  const faults: Fault[] = [];
  const nulls = new Set<string>();
  for (const { variable, type, defaultValue } of operation?.variableDefinitions ?? []) {
    const name = variable.name.value;
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (defaultValue && value === null && type.kind !== Kind.NON_NULL_TYPE) nulls.add(name);
    // A name may have a megabyte.
    if (!defaultValue || value !== undefined)
      check(value, typeFromAST(schema, type) as GraphQLInputType, String(shorten(name)), faults);
  }
  if (operation && nulls.size > 0) {
    // A variable with a default may be null, but not where it is used as a required value.
    const context = new ValidationContext(schema, document, new TypeInfo(schema), () => {});
    for (const { node, type } of context.getRecursiveVariableUsages(operation))
      if (isNonNullType(type) && nulls.delete(node.name.value))
        check(null, type, String(shorten(node.name.value)), faults);
  }
  if (faults.length > 0) throw badUserInput(faults, STATUS_400);
}

/**
 * Adds the faults of a value that should have this type, in words that do not repeat the value. Throws once there are
 * 20.
 */
function check(value: unknown, type: GraphQLInputType, path: string, faults: Fault[]): void {
  const shape = getNullableType(type);
  function report(indexes: readonly (string | number)[], faulty: unknown): void {
    const argument = path + indexes.map((index) => `[${index}]`).join('');
    if (faulty == null) faults.push({ argument, ...REQUIRED });
    else faults.push({ argument, code: 'WRONG_TYPE', message: `must be of the type ${getNamedType(type)}` });
    // A list may have 200,000 entries.
    if (faults.length >= MAX_FAULTS) throw badUserInput(faults, STATUS_400);
  }
  if (isInputObjectType(shape) && typeof value === 'object' && value && !Array.isArray(value))
    checkFields(value, shape.getFields(), path, faults);
  else coerceInputValue(value, type, report, true);
  // JSON has rounded such a number to the id of something else. No variable has lists of lists: see limits.ts.
  if (getNamedType(type) === GraphQLID)
    for (const [index, id] of [value].flat().entries())
      if (Number.isInteger(id) && !Number.isSafeInteger(id)) report(Array.isArray(value) ? [index] : [], id);
}

function checkFields(value: object, fields: GraphQLInputFieldMap, path: string, faults: Fault[]): void {
  for (const { name, type } of Object.values(fields))
    check((value as Readonly<Record<string, unknown>>)[name], type, `${path}.${name}`, faults);
  const unknown = Object.keys(value).filter((name) => !fields[name]);
  const named = unknown.filter((name) => NAME.test(name)).slice(0, MAX_FAULTS);
  for (const name of named) faults.push({ argument: `${path}.${name}`, code: 'UNKNOWN', message: 'is unknown' });
  if (named.length < unknown.length) faults.push({ argument: path, code: 'UNKNOWN', message: 'has an unknown member' });
}
