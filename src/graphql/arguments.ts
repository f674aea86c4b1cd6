/**
 * Parses arguments and representations, whose types in the schema are right already. Each resolver calls one function,
 * which returns values of the domain, or throws a `PublicError` with the faults of all arguments of the field.
 */
import type { QueryMaintenancesArgs, ResolversTypes } from '../__generated__/types.ts';
import {
  type Id,
  type ListArguments,
  type MaintenanceKey,
  type Moment,
  parseId,
  parseMaintenanceId,
  parseMoment,
} from '../maintenance.ts';
import { badUserInput, type Faults } from './errors.ts';
import { SIZES } from './limits.ts';

const NEGATIVE = 'must not be negative';
const UNUSABLE_ID = 'must be 1 to 256 characters of well-formed Unicode';
const MALFORMED_ID =
  'must be the id of a Maintenance: "<residence id>:<maintenance id>", each of at most 256 characters';

// Only invisible characters: white space, control and formatting characters, fillers, the empty Braille cell.
const BLANK = /^[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]*$/u;
const RFC_3339 = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d{1,30})?(?:Z|([+-](?:[01]\d|2[0-3]):[0-5]\d))$/i;

type Size = { readonly entries?: number; readonly characters?: number };
/** Returns the parsed value of the argument `name`, or undefined after it has added the fault. */
type Parse<V, T> = (value: V, name: string, faults: Faults, size: Size) => T | undefined;

const id: Parse<string, Id> = (value, name, faults) => parseId(value) ?? addFault(faults, name, UNUSABLE_ID);

/** Takes any offset, and cuts off fractions of a second. */
const moment: Parse<string, Moment> = (value, name, faults) => {
  const [, date, clock, offset] = RFC_3339.exec(value) ?? [];
  if (date && !parseMoment(`${date}T00:00:00Z`)) return addFault(faults, name, 'is not a day of the calendar');
  const asUtc = parseMoment(`${date}T${clock}Z`);
  // An offset can move a moment beyond the years 0000 to 9999.
  const utc = offset && asUtc ? parseMoment(`${new Date(value.toUpperCase()).toISOString().slice(0, 19)}Z`) : asUtc;
  return utc ?? addFault(faults, name, 'must be RFC 3339 with an offset, like 2024-01-16T13:32:45Z');
};

const text: Parse<string, string> = (value, name, faults, { characters = 0 }) => {
  if (value.length > characters) return addFault(faults, name, `must not be longer than ${characters} characters`);
  return BLANK.test(value) ? addFault(faults, name, 'must not be blank') : value;
};

const texts: Parse<readonly string[], readonly string[]> = (values, name, faults, size) => {
  const tooMany = faultOfLength(values, size);
  if (tooMany) return addFault(faults, name, tooMany);
  for (const [index, value] of values.entries()) text(value, `${name}[${index}]`, faults, size);
  return values;
};

type InputType = Extract<keyof ResolversTypes, `${string}Input`>;
type Members<I> = { readonly [M in keyof I]-?: Parse<NonNullable<I[M]>, unknown> };
type Parsed<T extends InputType> = {
  readonly [M in keyof ResolversTypes[T]]: typeof INPUTS extends { [K in T]: { [L in M]: Parse<never, infer V> } }
    ? V
    : never;
};

/** How each member of an input is parsed. Its size is in `SIZES`. */
const INPUTS = {
  CreateMaintenanceInput: {
    residenceId: id,
    startTime: moment,
    finishTime: moment,
    description: text,
    contact: text,
    pictureFilenames: texts,
  },
} satisfies { [T in InputType]: Members<ResolversTypes[T]> };

/** Checks of several members of an input together. Absent and faulty members are missing. */
const COMBINED: { readonly [T in InputType]?: (parsed: Partial<Parsed<T>>, faults: Faults) => void } = {
  CreateMaintenanceInput({ startTime, finishTime }, faults) {
    if (startTime && finishTime && finishTime <= startTime)
      faults['input.finishTime'] = 'must be later than input.startTime';
  },
};

/** Returns the members of the argument `input` that are neither null nor absent. */
export function parseInput<T extends InputType>(type: T, input: ResolversTypes[T]): Parsed<T> {
  const sizes: Readonly<Record<string, Size>> = SIZES;
  const faults: Faults = {};
  const parsed: Record<string, unknown> = {};
  for (const [member, parse] of Object.entries<Parse<never, unknown>>(INPUTS[type])) {
    const value = memberOf(input, member);
    const name = `input.${member}`;
    // Faults are in the order of the members, including those of the combined check.
    faults[name] = undefined;
    if (!isAbsent(value)) parsed[member] = parse(value as never, name, faults, sizes[`${type}.${member}`] ?? {});
  }
  COMBINED[type]?.(parsed as Partial<Parsed<T>>, faults);
  refuse(faults);
  return parsed as Parsed<T>;
}

export function parseListArguments(args: QueryMaintenancesArgs): ListArguments & { readonly residenceId: Id } {
  const residenceId = parseId(args.residenceId);
  const faults = {
    residenceId: residenceId ? undefined : UNUSABLE_ID,
    states: faultOfLength(args.states ?? [], SIZES['Query.maintenances(states:)']),
    first: (args.first ?? 0) < 0 ? NEGATIVE : undefined,
    offset: (args.offset ?? 0) < 0 ? NEGATIVE : undefined,
  };
  if (!residenceId) throw badUserInput(faults);
  refuse(faults);
  return { ...args, residenceId };
}

export function parseKey(value: unknown, name = 'id'): MaintenanceKey {
  const parsed = parseMaintenanceId(value);
  if (!parsed) throw badUserInput({ [name]: MALFORMED_ID });
  return parsed;
}

export function parseKeys(ids: readonly string[]): MaintenanceKey[] {
  const most = SIZES['Mutation.deleteMaintenances(ids:)'];
  refuse({ ids: ids.length === 0 ? 'must not be empty' : faultOfLength(ids, most) });
  const faults: Faults = { ids: undefined };
  const keys = ids.flatMap(
    (id, index) => parseMaintenanceId(id) ?? addFault(faults, `ids[${index}]`, MALFORMED_ID) ?? [],
  );
  const residences = new Set(keys.map(({ residenceId }) => residenceId));
  if (residences.size > most.residences) faults.ids = `must not be of more than ${most.residences} residences`;
  refuse(faults);
  return keys;
}

/** Returns the representations, each of which is parsed by itself. */
export function parseRepresentations(representations: readonly unknown[]): readonly unknown[] {
  refuse({ representations: faultOfLength(representations, SIZES['Query._entities(representations:)']) });
  return representations;
}

/**
 * Returns the key in a representation of a `Maintenance`: `id`, or `residence { id } maintenanceId`, or both if they
 * agree.
 */
export function parseRepresentedKey(representation: unknown): MaintenanceKey {
  const members = (representation ?? {}) as Record<string, unknown>;
  const [residenceId, maintenanceId] = [parseId(memberOf(members.residence, 'id')), parseId(members.maintenanceId)];
  if (isAbsent(members.id)) {
    if (residenceId && maintenanceId) return { residenceId, maintenanceId };
    throw badUserInput({
      'representations.residence.id': residenceId ? undefined : UNUSABLE_ID,
      'representations.maintenanceId': maintenanceId ? undefined : UNUSABLE_ID,
    });
  }
  const parsed = parseKey(members.id, 'representations.id');
  const agrees =
    (isAbsent(members.residence) || residenceId === parsed.residenceId) &&
    (isAbsent(members.maintenanceId) || maintenanceId === parsed.maintenanceId);
  if (!agrees) throw badUserInput({ representations: 'must not hold two keys that disagree' });
  return parsed;
}

/** Returns the id in a representation of a `Residence`. */
export function parseRepresentedResidenceId(representation: unknown): Id {
  const residenceId = parseId(memberOf(representation, 'id'));
  if (!residenceId) throw badUserInput({ 'representations.id': UNUSABLE_ID });
  return residenceId;
}

/** Returns a member of a value of any type. */
export function memberOf(value: unknown, name: string): unknown {
  return (value as Record<string, unknown> | null | undefined)?.[name];
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function addFault(faults: Faults, name: string, fault: string): undefined {
  faults[name] = fault;
}

/** Throws the error of the faults, if there is one. */
function refuse(faults: Faults): void {
  if (Object.values(faults).some(Boolean)) throw badUserInput(faults);
}

function faultOfLength(values: readonly unknown[], { entries = 0 }: Size): string | undefined {
  return values.length > entries ? `must not hold more than ${entries} entries` : undefined;
}
