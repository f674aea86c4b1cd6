/**
 * Draws valid operations over a schema, within the limits of the server. They have aliases, fragments, directives, and
 * arguments of every kind as literals and as variables.
 */
import fc from 'fast-check';
import {
  astFromValue,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isRequiredArgument,
  isRequiredInputField,
  isUnionType,
  print,
} from 'graphql';

// Fields and fragments both count as levels of depth.
const MAX_DEPTH = 7;
const MAX_FIELDS = 40;
const PERCENT = Array.from({ length: 100 }, (_, index) => index);

/** Draws the JSON value of a scalar for the argument or input field `name`. */
export type DrawScalar = (draw: fc.GeneratorValue, scalar: string, name: string) => unknown;

/** Returns a valid operation and its variables. */
export function writeOperation(
  schema: GraphQLSchema,
  kind: 'query' | 'mutation',
  draw: fc.GeneratorValue,
  drawScalar: DrawScalar,
): { query: string; variables: Record<string, unknown> } {
  const declarations: string[] = [];
  const definitions: string[] = [];
  const fragments: { name: string; type: string; fields: number }[] = [];
  const variables: Record<string, unknown> = {};
  let aliases = 0;
  let fields = 0;

  // Drawn by index, so that all are equally likely: fast-check prefers the ends of a range.
  const pick = <T>(from: readonly T[]): T => from[draw(fc.constantFrom<number[]>, ...from.keys())] as T;
  const chance = (percent: number) => pick(PERCENT) >= 100 - percent;

  function writeSelections(type: GraphQLCompositeType, depth: number): string {
    const count = draw(fc.integer, { min: 1, max: 3 });
    return `{ ${Array.from({ length: count }, () => writeSelection(type, depth)).join(' ')} }`;
  }

  function writeSelection(type: GraphQLCompositeType, depth: number): string {
    const isLast = depth >= MAX_DEPTH || fields >= MAX_FIELDS;
    if (isLast && isUnionType(type)) return '__typename';
    if (!isLast && (isUnionType(type) || chance(25))) return writeFragment(type, depth);
    const all = isUnionType(type) ? [] : Object.values(type.getFields());
    const choices = isLast ? all.filter((field) => isLeafType(getNamedType(field.type))) : all;
    return choices.length > 0 && !chance(5) ? writeField(pick(choices), depth) : '__typename';
  }

  function writeField(field: GraphQLField<unknown, unknown>, depth: number): string {
    fields++;
    const given = field.args.filter((argument) => isRequiredArgument(argument) || chance(50));
    const written = given.map(({ name, type }) => `${name}: ${writeValue(type, name)}`);
    // Two fields of the same name must have the same arguments, so each alias is used once.
    const alias = given.length > 0 || chance(50) ? `a${aliases++}: ` : '';
    const call = written.length > 0 ? `(${written.join(', ')})` : '';
    const type = getNamedType(field.type);
    const selections = isCompositeType(type) ? ` ${writeSelections(type, depth + 1)}` : '';
    return `${alias}${field.name}${call}${writeDirective()}${selections}`;
  }

  function writeFragment(type: GraphQLCompositeType, depth: number): string {
    const on = isAbstractType(type) ? pick(schema.getPossibleTypes(type)) : type;
    const known = fragments.filter((fragment) => fragment.type === on.name && fields + fragment.fields <= MAX_FIELDS);
    if (known.length > 0 && chance(50)) {
      const again = pick(known);
      fields += again.fields;
      return `...${again.name}${writeDirective()}`;
    }
    const before = fields;
    const selections = writeSelections(on, depth + 1);
    if (chance(50)) return `...${chance(50) || on !== type ? ` on ${on.name}` : ''}${writeDirective()} ${selections}`;
    const fragment = { name: `F${fragments.length}`, type: on.name, fields: fields - before };
    fragments.push(fragment);
    definitions.push(`fragment ${fragment.name} on ${on.name} ${selections}`);
    return `...${fragment.name}${writeDirective()}`;
  }

  const writeDirective = () =>
    chance(10) ? ` @${pick(['include', 'skip'])}(if: ${writeVariable('Boolean!', draw(fc.boolean))})` : '';

  function writeValue(type: GraphQLInputType, name: string): string {
    const value = drawValue(type, name);
    const literal = writeLiteral(value, type);
    if (literal !== undefined && chance(50)) return literal;
    // With a default, a null variable is valid even for a non-null argument.
    const isDefault = literal !== undefined && value !== null && chance(20);
    return isDefault
      ? writeVariable(`${getNullableType(type)} = ${literal}`, pick([null, value]))
      : writeVariable(String(type), value);
  }

  /** Returns a variable for the value. */
  function writeVariable(type: string, value: unknown): string {
    const name = `v${declarations.length}`;
    declarations.push(`$${name}: ${type}`);
    variables[name] = value;
    return `$${name}`;
  }

  function drawValue(type: GraphQLInputType, name: string): unknown {
    const nullable = getNullableType(type);
    if (nullable === type && chance(15)) return null;
    if (isListType(nullable)) {
      const length = draw(fc.nat, { max: 3 });
      return Array.from({ length }, () => drawValue(nullable.ofType, name));
    }
    if (isEnumType(nullable)) return pick(nullable.getValues()).name;
    if (!isInputObjectType(nullable)) return drawScalar(draw, String(nullable), name);
    const given = Object.values(nullable.getFields()).filter((field) => isRequiredInputField(field) || chance(50));
    return Object.fromEntries(given.map((field) => [field.name, drawValue(field.type, field.name)]));
  }

  const root = kind === 'query' ? schema.getQueryType() : schema.getMutationType();
  if (!root) throw new Error(`the schema has no ${kind}`);
  const selections = writeSelections(root, 1);
  const declared = declarations.length > 0 ? `(${declarations.join(', ')})` : '';
  return { query: [`${kind} Any${declared} ${selections}`, ...definitions].join('\n'), variables };
}

/** Returns the literal of a value, or undefined for an object of a custom scalar, which has no literal. */
function writeLiteral(value: unknown, type: GraphQLInputType): string | undefined {
  if (String(getNamedType(type)) === '_Any') return undefined;
  const node = astFromValue(value, type);
  return node ? print(node) : undefined;
}
