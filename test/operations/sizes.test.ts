/** The bounds of arguments: for each, the last value that is accepted and the first that is refused. */
import { expect, it } from '@jest/globals';
import {
  type GraphQLInputType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
} from 'graphql';
import { SIZES as LARGEST } from '../../src/graphql/limits.ts';
import { entities, type FieldQuery, request, times } from '../support/requests.ts';
import { ROOT_FIELDS } from '../support/schema.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { WIRE } from '../support/wire.ts';

const subgraph = useSubgraph();
const ask = ({ query, variables }: Omit<FieldQuery, 'path'>) => subgraph.ask(query, { variables });
const residences = (count: number) => times(count, (index) => ({ __typename: 'Residence', id: `r${index}` }));
const ids = (count: number, residences: number) => times(count, (index) => `r${index % residences}:m${index}`);

/** Answers every command with `result`, and lists with none. */
function answerWith(result: unknown): void {
  subgraph.upstream.fail(({ command }) => ({
    body: { success: true, result: command === 'get_maintenance_list' ? [] : result },
  }));
}

const long = 'x'.repeat(256);
const ID = { longest: long, residenceId: long, refused: [`x${long}`, 'x\udc00', ''] };
// All 512 characters are escaped. With 64 further characters, the id exceeds the limit of 1,600.
const longest = `${'%25'.repeat(256)}:${'%3a'.repeat(256)}`;
const refused = [`x${long}:m`, `r:x${long}`, 'r\ud800:m', longest + 'x'.repeat(64), 'x'.repeat(900_000)];
const PAIR = { longest, residenceId: '%'.repeat(256), refused };
const represent = (representation: object) =>
  entities([representation], '... on Maintenance { id } ... on Residence { maintenances { id } }');

/** A part of the arguments of a root field. */
interface Part {
  readonly root: string;
  readonly path: readonly string[];
  /** Its coordinate in the schema. */
  readonly at: string;
  readonly type: GraphQLInputType;
}

/** Returns a request for the root field of a part, with the arguments of its example, of which the part is `value`. */
function requestWith({ root, path }: Part, value: unknown): FieldQuery {
  const args = structuredClone(WIRE.find((example) => example.root === root)?.args ?? {});
  const parents = path.slice(0, -1).reduce((parent, name) => parent[name] as typeof args, args);
  parents[String(path.at(-1))] = value;
  return request(root, args);
}

/** Every argument and member of an input that is no input itself. */
const PARTS = ROOT_FIELDS.flatMap(({ name: root, operation, field }) => {
  const walk = (path: string[], type: GraphQLInputType, at: string): Part[] => {
    const named = getNamedType(type);
    if (!isInputObjectType(named)) return [{ root, path, at, type: getNullableType(type) }];
    const members = Object.values(named.getFields());
    return members.flatMap(({ name, type }) => walk([...path, name], type, `${named}.${name}`));
  };
  const owner = operation === 'query' ? 'Query' : 'Mutation';
  return field.args.flatMap(({ name, type }) => walk([name], type, `${owner}.${root}(${name}:)`));
});

/** Returns the parts that are texts of this type or lists of them. */
const partsOf = (type: 'ID' | 'String') => PARTS.filter((part) => String(getNamedType(part.type)) === type);
/** Returns the value of a part that holds this text. */
const holding = ({ type }: Part, text: string) => (isListType(type) ? [text] : text);
/** Returns the name of this text in a fault. */
const nameOf = ({ path, type }: Part) => path.join('.') + (isListType(type) ? '[0]' : '');

/** Each id with the name of its argument in a fault. */
const IDS: [string, string, typeof ID, (id: string) => FieldQuery][] = [
  ...partsOf('ID').map((part): (typeof IDS)[0] => {
    const id = part.path.at(-1) === 'residenceId' ? ID : PAIR;
    return [part.at, nameOf(part), id, (value) => requestWith(part, holding(part, value))];
  }),
  ['the key of a Maintenance', 'representations.id', PAIR, (id) => represent({ __typename: 'Maintenance', id })],
  ['the key of a Residence', 'representations.id', ID, (id) => represent({ __typename: 'Residence', id })],
  [
    'the second key of a Maintenance',
    'representations.residence.id',
    ID,
    (id) => represent({ __typename: 'Maintenance', residence: { id }, maintenanceId: id }),
  ],
];

it.each(IDS)(
  'an argument has ids of 1 to 256 characters of well-formed Unicode: %s',
  async (_, argument, id, request) => {
    answerWith({ maintenance_id: 'm', description: 'x' });
    expect((await ask(request(id.longest))).errors).toEqual([]);
    const [{ param } = { param: {} }] = subgraph.upstream.received;
    expect(param).toMatchObject({ residence_id: id.residenceId });
    if (id === PAIR) expect(JSON.stringify(param)).toContain(`"maintenance_id":"${':'.repeat(256)}"`);
    for (const refused of id.refused) {
      const { path, ...asked } = request(refused);
      const faults = [expect.objectContaining({ argument })];
      const extensions = { code: 'BAD_USER_INPUT', arguments: expect.arrayContaining(faults) };
      expect((await ask(asked)).errors).toMatchObject([{ path, extensions }]);
    }
    expect(subgraph.upstream.received).toHaveLength(1);
  },
);

const WORDINGS: Record<string, string> = { characters: 'be longer', entries: 'hold more', residences: 'be of more' };

/** Returns a value with this many characters, entries or entries of different residences. */
function valueOfSize(part: Part, kind: string, size: number): unknown {
  const named = getNamedType(part.type);
  if (kind === 'characters') return holding(part, '😀'.repeat(size / 2) + 'x'.repeat(size % 2));
  if (isEnumType(named)) return times(size, () => named.getValues()[0]?.name);
  if (String(named) === '_Any') return residences(size);
  return String(named) === 'ID' ? ids(size, kind === 'residences' ? size : 1) : times(size, String);
}

const states = (size: number) => times(size, () => 'CLOSED');
/** The requests for coordinates that are no part of a root field. */
const OTHERS: Record<string, (size: number) => FieldQuery> = {
  'Query._entities(representations:)': (size) => ({ ...entities(residences(size)), path: ['_entities'] }),
  'Residence.maintenances(states:)': (size) => ({
    ...entities(residences(1), `... on Residence { maintenances(states: [${states(size)}]) { id } }`),
    path: ['_entities', 0, 'maintenances'],
  }),
};

/** Returns the request with a value of this size at a coordinate of `SIZES`. */
function requestOf(at: string, kind: string, size: number): FieldQuery {
  const part = PARTS.find((one) => one.at === at);
  if (part) return requestWith(part, valueOfSize(part, kind, size));
  if (!OTHERS[at]) throw new Error(`The schema has no ${at}: correct SIZES in src/graphql/limits.ts.`);
  return OTHERS[at](size);
}

const SIZES = Object.entries(LARGEST).flatMap(([at, sizes]) =>
  Object.entries(sizes).map(([kind, most]) => [at, kind, most] as const),
);
it.each(SIZES)('an argument is accepted up to its bound and refused above: %s %s %d', async (at, kind, most) => {
  answerWith({ maintenance_id: 'm' });
  expect((await ask(requestOf(at, kind, most))).errors).toEqual([]);
  const before = subgraph.upstream.received.length;
  const { path, ...request } = requestOf(at, kind, most + 1);
  const argument = PARTS.find((part) => part.at === at)?.path.join('.') ?? /(\w+):/.exec(at)?.[1];
  const { errors } = await ask(request);
  expect(errors).toMatchObject([{ path, extensions: { code: 'BAD_USER_INPUT' } }]);
  const message = `^Argument "${argument}(\\[0\\])?" must not ${WORDINGS[kind]} than ${most} `;
  expect(errors[0]?.message).toMatch(new RegExp(message));
  expect(subgraph.upstream.received).toHaveLength(before);
});

it('an argument has a bound in SIZES of src/graphql/limits.ts if it is a text or a list', () => {
  const kinds = ({ type }: (typeof PARTS)[number]) => [
    ...(isListType(type) ? ['entries'] : []),
    ...(String(getNamedType(type)) === 'String' ? ['characters'] : []),
  ];
  const missing = PARTS.flatMap((part) =>
    kinds(part)
      .filter((kind) => !SIZES.some(([at, of]) => at === part.at && of === kind))
      .map((kind) => `add '${part.at}': { ${kind}: … }, and parse it in src/graphql/arguments.ts`),
  );
  expect(missing).toEqual([]);
});

it.each(partsOf('String').filter(({ path }) => path.length > 1))('an argument must not be blank: $at', async (part) => {
  const faults = [{ argument: nameOf(part), message: 'must not be blank' }];
  const { errors } = await ask(requestWith(part, holding(part, ' ')));
  expect(errors).toMatchObject([{ extensions: { arguments: faults } }]);
});
