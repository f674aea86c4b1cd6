/**
 * Random queries of the schema, and random tickets. Ids, texts and times are few, so that queries meet tickets, and some are
 * malformed or odd.
 */
import fc from 'fast-check';
import { type GraphQLArgument, getNamedType, isNonNullType, isObjectType, isUnionType } from 'graphql';
import { exampleTicket } from '../../../dev/maintenance/seed.ts';
import { TOKENS } from '../upstream.ts';
import { type AnyTicket, NAIVE_SCHEMA } from './naive-server.ts';
import { HOSTILE } from './requests.ts';

const sometimes = <T, U>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<U>) =>
  fc.oneof({ weight: 30, arbitrary: usual }, { weight: 1, arbitrary: rare });

const RESIDENCES = ['r1', 'r:2%', 'r3'];
// Not those that take time: rfault-timeout and rfault-slow.
const FAULTY = ['__proto__', 'rfault-unavailable', 'rfault-refused', 'rfault-forbidden', 'rfault-invalid'];
const IDS = ['m0', 'm1', 'm2', 'm3', 'm:%', 'none', '__proto__'];
const NO_IDS = ['', 'x'.repeat(257), '\ud800'];
const MALFORMED = ['', 'r1', 'r1:', ':m0', 'r1:m0:m1', 'r1:%41', `r1:${'x'.repeat(257)}`, 'r1:\ud800'];
const TEXTS = ['厨房水龙头漏水', '', 'a\ud800', HOSTILE];
const TIMES = ['2024-01-16 13:32:45', '2024-01-17 13:32:45', '0001-01-01 00:00:00'];

/** Unusual values of each member of a ticket, decodable or not. */
const ODD: Record<string, readonly unknown[]> = {
  ...Object.fromEntries(
    ['start_time', 'finish_time', 'created_time'].map((name) => [name, [null, '', 'soon', '2024-02-30 00:00:00', 5]]),
  ),
  ...Object.fromEntries(['description', 'contact', 'feedback'].map((name) => [name, [null, undefined, 5, ['x']]])),
  maintenance_picture_url: [null, [], ['a', 'b\ud800'], [5], 'x', ''],
  state: [null, '', undefined, 'lost', 'Closed'],
};
const ticket = fc
  .record({
    maintenance_id: sometimes(fc.constantFrom(...IDS.slice(0, 5)), fc.constantFrom<unknown>(...NO_IDS, null, 5)),
    usual: fc.record({
      start_time: fc.constantFrom(...TIMES),
      created_time: fc.constantFrom(...TIMES),
      description: fc.constantFrom(...TEXTS),
      state: fc.constantFrom('wait for confirmation', 'in progress', 'completed', 'closed'),
    }),
    // Two in each of six tickets: a reply has at most 20 undecodable members that are errors.
    odd: fc.subarray(Object.keys(ODD), { maxLength: 2 }),
    which: fc.nat(5),
  })
  .map(({ maintenance_id, usual, odd, which }): AnyTicket => {
    const members = odd.map((name) => [name, ODD[name]?.[which % ODD[name].length]]);
    return { ...exampleTicket(), ...usual, ...Object.fromEntries(members), maintenance_id };
  });
const tickets = fc.array(ticket, { maxLength: 6 });
/** The tickets of each residence. */
export const stores = fc.tuple(...RESIDENCES.map((id) => fc.tuple(fc.constant(id), tickets)));

const residenceId = sometimes(
  fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...RESIDENCES) }, fc.constantFrom(...FAULTY)),
  fc.constantFrom(...NO_IDS),
);
const maintenanceId = sometimes(fc.constantFrom(...IDS), fc.constantFrom(...NO_IDS));
const escaping = fc.constantFrom('%3A', '%3a').map((colon) => (part: string) => {
  return part.replaceAll('%', '%25').replaceAll(':', colon);
});
const id = sometimes(
  fc.tuple(residenceId, maintenanceId, escaping).map(([r, m, write]) => `${write(r)}:${write(m)}`),
  fc.constantFrom(...MALFORMED),
);
const __typename = fc.constant('Maintenance');
const representation = sometimes(
  fc.oneof(
    fc.record({ __typename: fc.constant('Residence'), id: residenceId }),
    fc.record({ __typename, id }),
    fc.record({ __typename, residence: fc.record({ id: residenceId }), maintenanceId }),
    fc.constantFrom(
      { __typename: 'Maintenance', id: 'r1:m0', residence: { id: 'r1' }, maintenanceId: 'm0' },
      { __typename: 'Maintenance', id: 'r1:m0', maintenanceId: 'm1' },
      { __typename: 'Maintenance', id: 'r1:m0', residence: { id: 'r:2%' } },
    ),
  ),
  fc.constantFrom<unknown>(
    ...['x', 5, {}, { __typename: 'Visit', id: 'r1' }, { __typename: 'Maintenance' }],
    { __typename: 'Residence', id: 5 },
    { __typename: 'Maintenance', id: 'r1:m0', residence: null },
  ),
);
const size = fc.option(sometimes(fc.nat({ max: 7 }), fc.constant(-1)));
/** The values of each argument, by its name. */
const VALUES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  ...{ residenceId, id, first: size, offset: size },
  representations: fc.array(representation, { minLength: 1, maxLength: 5 }),
  states: fc.option(fc.subarray(['WAIT_FOR_CONFIRMATION', 'IN_PROGRESS', 'COMPLETED', 'CLOSED'])),
  orderBy: fc.option(fc.constantFrom('CREATED_TIME_ASC', 'CREATED_TIME_DESC', 'START_TIME_ASC', 'START_TIME_DESC')),
};

/** Returns values of an argument. Throws if there are none. */
function valuesOf({ name }: GraphQLArgument): fc.Arbitrary<unknown> {
  const values = VALUES[name];
  if (!values) throw new Error(`add values of ${name} to VALUES in test/support/maintenance/random-queries.ts`);
  return values;
}

/** An argument, with its type if it is a variable. */
type Argument = { name: string; value: unknown; type: string | undefined };
type Field = { name: string; args: Argument[]; isAliased: boolean; beneath: Selection[] };
type Fragment = { on: string; form: 'inline' | 'named' | '@skip' | '@include'; beneath: Selection[] };
type Selection = Field | Fragment;

/** Returns selections of a type, at most `depth` fields deep. */
function selectionsOf(typeName: string, depth: number): fc.Arbitrary<Selection[]> {
  const type = NAIVE_SCHEMA.getType(typeName);
  const fragment = (on: string, beneath: fc.Arbitrary<Selection[]>) =>
    fc.record({ on: fc.constant(on), form: fc.constantFrom('inline', 'named', '@skip', '@include'), beneath });
  if (isUnionType(type)) {
    const members = type.getTypes().map(({ name }) => fragment(name, selectionsOf(name, depth)));
    return fc.array(fc.oneof(...members), { minLength: 1, maxLength: 3 }) as fc.Arbitrary<Selection[]>;
  }
  if (!isObjectType(type)) return fc.constant([]);
  const fields = Object.values(type.getFields()).flatMap(({ name, args, type }) => {
    const inner = getNamedType(type);
    if (depth === 0 && !('parseValue' in inner)) return [];
    const argument = (arg: (typeof args)[number]) =>
      fc.tuple(valuesOf(arg), fc.boolean(), fc.boolean()).map(([value, isVariable, isGiven]) => {
        // Only a variable may be null where it must not be, or ill-formed: such a document is refused as a whole.
        const isOdd = /null|\\ud/.test(JSON.stringify(value));
        const given = { name: arg.name, value, type: isVariable || isOdd ? String(arg.type) : undefined };
        return isGiven || isNonNullType(arg.type) ? [given] : [];
      });
    const given = fc.tuple(...args.map(argument)).map((args) => args.flat());
    const beneath = selectionsOf(inner.name, depth - 1);
    return fc.record({ name: fc.constant(name), args: given, isAliased: fc.boolean(), beneath });
  });
  const some = fc.array(fc.oneof(...fields), { minLength: 1, maxLength: 4 }) as fc.Arbitrary<Selection[]>;
  if (typeName === 'Query') return some;
  return fc.oneof(
    { weight: 4, arbitrary: some },
    fragment(typeName, some).map((one) => [one] as Selection[]),
  );
}

/** Prints a value as in a document. Only enums have nothing but capitals and `_`. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal)}]`;
  if (typeof value !== 'object' || value === null)
    return /^[A-Z_]+$/.test(`${value}`) ? `${value}` : JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${name}: ${literal(member)}`)}}`;
}

/** Prints a query. Fields with arguments have aliases of their own: they could not be merged. */
function printQuery(selections: readonly Selection[]) {
  const variables: Record<string, unknown> = {};
  const definitions: string[] = [];
  const fragments: string[] = [];
  let count = 0;

  function printArgument({ name, value, type }: Argument): string {
    if (!type) return `${name}: ${literal(value)}`;
    const variable = `v${count++}`;
    variables[variable] = value;
    definitions.push(`$${variable}: ${type}`);
    return `${name}: $${variable}`;
  }

  function printOne(selection: Selection): string {
    const beneath = selection.beneath.length > 0 ? `{ ${selection.beneath.map(printOne).join(' ')} }` : '';
    if ('on' in selection) {
      const { on, form } = selection;
      if (form !== 'named') return `... on ${on} ${form === 'inline' ? '' : `${form}(if: true)`} ${beneath}`;
      const name = `F${count++}`;
      fragments.push(`fragment ${name} on ${on} ${beneath}`);
      return `...${name}`;
    }
    const args = selection.args.map(printArgument);
    const alias = args.length > 0 || selection.isAliased ? `a${count++}: ` : '';
    return `${alias}${selection.name}${args.length > 0 ? `(${args.join(', ')})` : ''} ${beneath}`;
  }

  const printed = selections.map(printOne).join('\n  ');
  const head = definitions.length > 0 ? `query (${definitions.join(', ')})` : 'query';
  return { query: `${head} {\n  ${printed}\n}\n${fragments.join('\n')}`, variables };
}

/** A query with its variables, and a token: valid, none or unknown. */
export const query = selectionsOf('Query', 4)
  .map(printQuery)
  .chain((printed) =>
    sometimes(fc.constant(TOKENS.first), fc.constantFrom(null, 'unknown')).map((token) => ({ ...printed, token })),
  );
