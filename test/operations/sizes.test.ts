/**
 * The limits of arguments, for each argument of the schema: the largest value of docs/reliability.md is served, and a larger one
 * is refused at its field.
 */
import { expect, it } from '@jest/globals';
import { type GraphQLArgument, getNamedType, isEnumType, isInputObjectType } from 'graphql';
import { LIMITS, SIZES } from '../support/limits.ts';
import { entities, type FieldQuery, request, times } from '../support/maintenance/requests.ts';
import { FIELDS, rootField, SCHEMA } from '../support/maintenance/schema.ts';
import { WIRE } from '../support/maintenance/wire.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();
const ask = ({ query, variables }: FieldQuery) => subgraph.ask(query, { variables });
const ids = (count: number, residences: number) => times(count, (index) => `r${index % residences}:m${index}`);

/** Answers every command with a ticket, and lists with none. */
function answerAll(): void {
  const ticket = { maintenance_id: 'm', description: 'x' };
  subgraph.upstream.fail(({ command }) => ({
    body: { success: true, result: command === 'get_maintenance_list' ? [] : ticket },
  }));
}

/** Each argument, and each member of an input, by its coordinate in the schema. */
const ARGUMENTS = new Map<string, Pick<GraphQLArgument, 'name' | 'type' | 'description'>>([
  ...FIELDS.flatMap(({ at, field }) => field.args.map((one) => [`${at}(${one.name}:)`, one] as const)),
  ...Object.values(SCHEMA.getTypeMap())
    .filter((input) => isInputObjectType(input))
    .flatMap((input) => Object.values(input.getFields()).map((one) => [`${input}.${one.name}`, one] as const)),
]);
const typeOf = (at: string) => ARGUMENTS.get(at)?.type;
const isList = (at: string) => String(typeOf(at)).startsWith('[');
/** Returns the coordinates of the type `ID` or `String`, or of lists of it. */
const coordinatesOf = (type: string) => [...ARGUMENTS.keys()].filter((at) => String(getNamedType(typeOf(at))) === type);
/** The sizes, by each coordinate with their name. */
const SIZES_AT = SIZES.flatMap(([name, kind, most]) =>
  [...ARGUMENTS].filter(([, one]) => one.name === name).map(([at]) => [at, kind, most] as const),
);
/** Returns the name of an argument, or of a member of an input, in its faults. */
const nameOf = (at: string) => /\((\w+):\)$/.exec(at)?.[1] ?? at.replace(/^\w+/, 'input');

/** Returns a request with this value at the coordinate. All others are those of the vendor's example. */
function requestWith(at: string, value: unknown): FieldQuery {
  const [owner = '', name = '', argument] = at.split(/[.(:]/);
  if (!argument) return requestWithMember(owner, name, value);
  if (owner === 'Query' || owner === 'Mutation')
    return request(name, { ...WIRE.find(({ root }) => root === name)?.args, [argument]: value });
  const selection = `... on ${owner} { ${name}(${argument}: [${value}]) { __typename } }`;
  return { ...entities([{ __typename: owner, id: 'r' }], selection), path: ['_entities', 0, name] };
}

function requestWithMember(input: string, member: string, value: unknown): FieldQuery {
  const example = WIRE.find(({ root }) => rootField(root).field.args.some(({ type }) => `${type}` === `${input}!`));
  return request(String(example?.root), { input: { ...(example?.args.input as object), [member]: value } });
}

const WORDINGS = { characters: 'be longer', entries: 'hold more', residences: 'be of more' };

/** Returns a value with this many characters, entries, or entries of different residences. */
function valueOfSize(at: string, kind: keyof typeof WORDINGS, size: number): unknown {
  const named = getNamedType(typeOf(at));
  const text = '😀'.repeat(size / 2) + 'x'.repeat(size % 2);
  if (kind === 'characters') return isList(at) ? [text] : text;
  if (isEnumType(named)) return times(size, () => named.getValues()[0]?.name);
  if (String(named) === '_Any') return times(size, (index) => ({ __typename: 'Residence', id: `r${index}` }));
  return String(named) === 'ID' ? ids(size, kind === 'residences' ? size : 1) : times(size, String);
}

it.each(SIZES_AT)('%s may have so many %s: %d, as its description says, and no more', async (at, kind, most) => {
  answerAll();
  // `representations`, which federation adds, has none.
  const { description = '' } = ARGUMENTS.get(at) ?? {};
  if (description) expect(description).toMatch(new RegExp(`\\b${most.toLocaleString('en')}\\b`));
  expect((await ask(requestWith(at, valueOfSize(at, kind, most)))).errors).toEqual([]);
  const before = subgraph.upstream.received.length;
  const refused = requestWith(at, valueOfSize(at, kind, most + 1));
  const { errors } = await ask(refused);
  const argument = nameOf(at) + (kind === 'characters' && isList(at) ? '[0]' : '');
  const code = kind === 'characters' ? 'TOO_LONG' : 'TOO_MANY';
  const faults = [{ argument, code, message: expect.stringContaining(`must not ${WORDINGS[kind]} than ${most} `) }];
  expect(errors).toMatchObject([{ path: refused.path, extensions: { code: 'BAD_USER_INPUT', arguments: faults } }]);
  expect(subgraph.upstream.received).toHaveLength(before);
});

it('each text and each list has a size in src/maintenance/arguments.ts, and no other', () => {
  const sizes = SIZES_AT.map(([at, kind]) => `${at} ${kind}`);
  const lists = [...ARGUMENTS.keys()].filter(isList).map((at) => `${at} entries`);
  const texts = coordinatesOf('String').map((at) => `${at} characters`);
  expect([...lists, ...texts].filter((needed) => !sizes.includes(needed))).toEqual([]);
  const names = new Set([...ARGUMENTS.values()].map(({ name }) => name));
  expect(SIZES.filter(([name]) => !names.has(name))).toEqual([]);
});

const LONGEST = 'x'.repeat(LIMITS.partOfId);
const ID = { longest: LONGEST, residenceId: LONGEST, refused: [`x${LONGEST}`, 'x\udc00', ''] };
// Each character of the longest id is escaped. With the further ones, the id is longer than any.
const ESCAPED = `${'%25'.repeat(LIMITS.partOfId)}:${'%3a'.repeat(LIMITS.partOfId)}`;
const PAIR = {
  longest: ESCAPED,
  residenceId: '%'.repeat(LIMITS.partOfId),
  refused: [
    'r:m:m',
    `x${LONGEST}:m`,
    `r:x${LONGEST}`,
    'r\ud800:m',
    ESCAPED.padEnd(LIMITS.id + 1, 'x'),
    'x'.repeat(900_000),
  ],
};
const represent = (representation: object) =>
  entities([representation], '... on Maintenance { id } ... on Residence { maintenances { id } }');

it.each<[string, string, typeof ID, (id: string) => FieldQuery]>([
  ...coordinatesOf('ID').map((at): [string, string, typeof ID, (id: string) => FieldQuery] => {
    const name = nameOf(at) + (isList(at) ? '[0]' : '');
    return [at, name, /residenceId/.test(at) ? ID : PAIR, (id) => requestWith(at, isList(at) ? [id] : id)];
  }),
  ['the key of a Maintenance', 'representations.id', PAIR, (id) => represent({ __typename: 'Maintenance', id })],
  ['the key of a Residence', 'representations.id', ID, (id) => represent({ __typename: 'Residence', id })],
  [
    'the second key of a Maintenance',
    'representations.residence.id',
    ID,
    (id) => represent({ __typename: 'Maintenance', residence: { id }, maintenanceId: id }),
  ],
])('an id has 1 to 256 characters of well-formed Unicode, in each part: %s', async (_, argument, id, requestFor) => {
  answerAll();
  expect((await ask(requestFor(id.longest))).errors).toEqual([]);
  const [{ param } = { param: {} }] = subgraph.upstream.received;
  expect(param).toMatchObject({ residence_id: id.residenceId });
  if (id === PAIR) expect(JSON.stringify(param)).toContain(`"maintenance_id":"${':'.repeat(LIMITS.partOfId)}"`);
  for (const refused of id.refused) {
    const asked = requestFor(refused);
    const faults = expect.arrayContaining([expect.objectContaining({ argument, code: 'NOT_AN_ID' })]);
    const { errors } = await ask(asked);
    expect(errors).toMatchObject([{ path: asked.path, extensions: { code: 'BAD_USER_INPUT', arguments: faults } }]);
  }
  expect(subgraph.upstream.received).toHaveLength(1);
});
