/**
 * The limits of arguments, for each argument of the schema: the largest value of docs/reliability.md is served, and a larger one
 * is refused at its field.
 */
import { expect, it } from '@jest/globals';
import {
  type GraphQLArgument,
  type GraphQLInputType,
  type GraphQLObjectType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
} from 'graphql';
import { LIMITS, SIZES } from '../support/limits.ts';
import { entities, type FieldQuery, request, times } from '../support/requests.ts';
import { FIELDS, SCHEMA } from '../support/schema.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { WIRE } from '../support/wire.ts';

const subgraph = useSubgraph();
const ask = ({ query, variables }: FieldQuery) => subgraph.ask(query, { variables });
const residences = (count: number) => times(count, (index) => ({ __typename: 'Residence', id: `r${index}` }));
const ids = (count: number, residences: number) => times(count, (index) => `r${index % residences}:m${index}`);

/** Answers every command with a ticket, and lists with none. */
function answerAll(): void {
  const ticket = { maintenance_id: 'm', description: 'x' };
  subgraph.upstream.fail(({ command }) => ({
    body: { success: true, result: command === 'get_maintenance_list' ? [] : ticket },
  }));
}

/** An argument, or a member of an input, that is no input itself. */
interface Part {
  /** Its coordinate in the schema. */
  readonly at: string;
  readonly path: readonly string[];
  readonly type: GraphQLInputType;
  /** Returns a request in which it has this value. */
  readonly requestWith: (value: unknown) => FieldQuery;
}

/** Returns a request for a root field with the arguments of its example, of which one has another value. */
function rootRequest(root: string, path: readonly string[], value: unknown): FieldQuery {
  const args = structuredClone(WIRE.find((example) => example.root === root)?.args ?? {});
  const parents = path.slice(0, -1).reduce((parent, name) => parent[name] as typeof args, args);
  parents[String(path.at(-1))] = value;
  return { ...request(root, args), path: [root] };
}

/** Returns a request for a field of an entity, of which one argument has this value. */
function entityRequest(
  type: string,
  field: string,
  { name, type: argType }: GraphQLArgument,
  value: unknown,
): FieldQuery {
  const { query, variables } = entities(
    [{ __typename: type, id: 'r' }],
    `... on ${type} { ${field}(${name}: $v) { __typename } }`,
  );
  return {
    query: query.replace(')', `, $v: ${argType})`),
    variables: { ...variables, v: value },
    path: ['_entities', 0, field],
  };
}

/** Returns the parts of an argument. */
function partsOfArgument(owner: GraphQLObjectType, field: string, arg: GraphQLArgument): Part[] {
  const isRoot = owner === SCHEMA.getQueryType() || owner === SCHEMA.getMutationType();
  const walk = (path: string[], type: GraphQLInputType, at: string): Part[] => {
    const named = getNamedType(type);
    if (isInputObjectType(named))
      return Object.values(named.getFields()).flatMap(({ name, type }) =>
        walk([...path, name], type, `${named.name}.${name}`),
      );
    const requestWith = (value: unknown) =>
      isRoot ? rootRequest(field, path, value) : entityRequest(owner.name, field, arg, value);
    return [{ at, path, type: getNullableType(type), requestWith }];
  };
  return walk([arg.name], arg.type, `${owner.name}.${field}(${arg.name}:)`);
}

const PARTS = FIELDS.flatMap(({ owner, field }) =>
  field.args.flatMap((arg) => partsOfArgument(owner, field.name, arg)),
);

const partsOf = (type: 'ID' | 'String') => PARTS.filter((part) => String(getNamedType(part.type)) === type);
/** Returns the value of a part that holds this text, and the name of the text in a fault. */
const holding = ({ type }: Part, text: string) => (isListType(type) ? [text] : text);
const nameOf = ({ path, type }: Part) => path.join('.') + (isListType(type) ? '[0]' : '');

const WORDINGS = { characters: 'be longer', entries: 'hold more', residences: 'be of more' };

/** Returns a value with this many characters, entries, or entries of different residences. */
function valueOfSize(part: Part, kind: keyof typeof WORDINGS, size: number): unknown {
  const named = getNamedType(part.type);
  if (kind === 'characters') return holding(part, '😀'.repeat(size / 2) + 'x'.repeat(size % 2));
  if (isEnumType(named)) return times(size, () => named.getValues()[0]?.name);
  if (String(named) === '_Any') return residences(size);
  return String(named) === 'ID' ? ids(size, kind === 'residences' ? size : 1) : times(size, String);
}

it.each(SIZES)('%s may have so many %s: %d, and no more', async (at, kind, most) => {
  const part = PARTS.find((one) => one.at === at);
  if (!part) throw new Error(`The schema has no ${at}: correct SIZES in src/graphql/limits.ts, then npm run codegen`);
  answerAll();
  expect((await ask(part.requestWith(valueOfSize(part, kind, most)))).errors).toEqual([]);
  const before = subgraph.upstream.received.length;
  const refused = part.requestWith(valueOfSize(part, kind, most + 1));
  const { errors } = await ask(refused);
  const argument = kind === 'characters' ? nameOf(part) : part.path.join('.');
  const faults = [{ argument, message: expect.stringContaining(`must not ${WORDINGS[kind]} than ${most} `) }];
  expect(errors).toMatchObject([{ path: refused.path, extensions: { code: 'BAD_USER_INPUT', arguments: faults } }]);
  expect(subgraph.upstream.received).toHaveLength(before);
});

it('each text and each list in the arguments of the schema has a size', () => {
  const missing = PARTS.flatMap(({ at, type }) => {
    const kinds = [
      ...(isListType(type) ? ['entries'] : []),
      ...(String(getNamedType(type)) === 'String' ? ['characters'] : []),
    ];
    return kinds
      .filter((kind) => !SIZES.some(([one, of]) => one === at && of === kind))
      .map((kind) => `'${at}': { ${kind}: … }`);
  });
  expect(
    missing.map(
      (size) => `add ${size} to SIZES in src/graphql/limits.ts, parse it in arguments.ts, then npm run codegen`,
    ),
  ).toEqual([]);
});

it.each(partsOf('String'))('a text must not be blank: $at', async (part) => {
  const faults = [{ argument: nameOf(part), message: 'must not be blank' }];
  const { errors } = await ask(part.requestWith(holding(part, ' ')));
  expect(errors).toMatchObject([{ extensions: { arguments: faults } }]);
});

const LONGEST = 'x'.repeat(LIMITS.partOfId);
const ID = { longest: LONGEST, residenceId: LONGEST, refused: [`x${LONGEST}`, 'x\udc00', ''] };
// Each character of the longest id is escaped. With the further ones, the id is longer than any.
const ESCAPED = `${'%25'.repeat(LIMITS.partOfId)}:${'%3a'.repeat(LIMITS.partOfId)}`;
const PAIR = {
  longest: ESCAPED,
  residenceId: '%'.repeat(LIMITS.partOfId),
  refused: [`x${LONGEST}:m`, `r:x${LONGEST}`, 'r\ud800:m', ESCAPED.padEnd(LIMITS.id + 1, 'x'), 'x'.repeat(900_000)],
};
const represent = (representation: object) =>
  entities([representation], '... on Maintenance { id } ... on Residence { maintenances { id } }');

it.each<[string, string, typeof ID, (id: string) => FieldQuery]>([
  ...partsOf('ID').map((part): [string, string, typeof ID, (id: string) => FieldQuery] => {
    const id = part.path.at(-1) === 'residenceId' ? ID : PAIR;
    return [part.at, nameOf(part), id, (value) => part.requestWith(holding(part, value))];
  }),
  ['the key of a Maintenance', 'representations.id', PAIR, (id) => represent({ __typename: 'Maintenance', id })],
  ['the key of a Residence', 'representations.id', ID, (id) => represent({ __typename: 'Residence', id })],
  [
    'the second key of a Maintenance',
    'representations.residence.id',
    ID,
    (id) => represent({ __typename: 'Maintenance', residence: { id }, maintenanceId: id }),
  ],
])('an id has 1 to 256 characters of well-formed Unicode, in each part: %s', async (_, argument, id, requestWith) => {
  answerAll();
  expect((await ask(requestWith(id.longest))).errors).toEqual([]);
  const [{ param } = { param: {} }] = subgraph.upstream.received;
  expect(param).toMatchObject({ residence_id: id.residenceId });
  if (id === PAIR) expect(JSON.stringify(param)).toContain(`"maintenance_id":"${':'.repeat(LIMITS.partOfId)}"`);
  for (const refused of id.refused) {
    const asked = requestWith(refused);
    const faults = expect.arrayContaining([expect.objectContaining({ argument })]);
    const { errors } = await ask(asked);
    expect(errors).toMatchObject([{ path: asked.path, extensions: { code: 'BAD_USER_INPUT', arguments: faults } }]);
  }
  expect(subgraph.upstream.received).toHaveLength(1);
});
