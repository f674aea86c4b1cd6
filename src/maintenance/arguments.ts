/**
 * Parses arguments and representations. graphql has checked the types of arguments. Each resolver calls one function,
 * which returns values of the domain, or throws a `PublicError` with the faults of all arguments of the field.
 */
import { z } from 'zod';
import { badUserInput, type Fault, type Reason, throwFault, tooMany } from '../errors/faults.ts';
import { type Id, parseId } from '../values.ts';
import type { CreateMaintenanceInput, QueryMaintenancesArgs } from './__generated__/types.ts';
import {
  faultParams,
  idSchema,
  listSchema,
  momentSchema,
  parseArgument,
  schemaBy,
  textSchema,
  UNUSABLE_ID,
} from './argument-schemas.ts';
import { type MaintenanceKey, type NewMaintenance, parseMaintenanceId } from './model.ts';

/** Faults that only arguments of maintenances have, in addition to those of any field. */
type MaintenanceFaultCode = 'EMPTY' | 'NEGATIVE' | 'NOT_LATER' | 'CONTRADICTORY';

/**
 * The largest arguments and fields of inputs, by their names: wherever a name stands, it means the same. Characters
 * are UTF-16 units. docs/reliability.md promises them.
 */
const SIZES = {
  states: { entries: 100 },
  description: { characters: 10_000 },
  contact: { characters: 1000 },
  pictureFilenames: { entries: 20, characters: 256 },
  ids: { entries: 500, residences: 100 },
} as const;

const notNegative = z
  .number()
  .refine(
    (value) => value >= 0,
    faultParams<MaintenanceFaultCode>({ code: 'NEGATIVE', message: 'must not be negative' }),
  )
  .nullish();
// Not an array of zod, which would walk through a list of any length, for each of a thousand fields.
const isShort = (value: unknown) => !Array.isArray(value) || value.length <= SIZES.states.entries;
const states = z
  .unknown()
  .refine(isShort, faultParams(tooMany(SIZES.states.entries)))
  .optional();
const listArguments = z.object({ residenceId: idSchema, states, first: notNegative, offset: notNegative });

const NOT_LATER: Reason<MaintenanceFaultCode> = { code: 'NOT_LATER', message: 'must be later than input.startTime' };
const { entries, characters } = SIZES.pictureFilenames;
const newMaintenance = z
  .object({
    residenceId: idSchema,
    startTime: momentSchema,
    finishTime: momentSchema,
    description: textSchema(SIZES.description.characters),
    contact: textSchema(SIZES.contact.characters),
    pictureFilenames: listSchema(textSchema(characters), entries).nullish(),
  } satisfies Record<keyof CreateMaintenanceInput, z.ZodType>)
  .refine(({ startTime, finishTime }) => finishTime > startTime, {
    ...faultParams<MaintenanceFaultCode>(NOT_LATER),
    path: ['finishTime'],
    // Also beside faults of other fields.
    when: ({ issues }) => !issues.some(({ path }) => path?.[0] === 'startTime' || path?.[0] === 'finishTime'),
  });

const MALFORMED_ID: Reason = {
  code: 'NOT_AN_ID',
  message: 'must be the id of a Maintenance: "<residence id>:<maintenance id>", each of at most 256 characters',
};
const key = schemaBy(z.unknown(), parseMaintenanceId, () => MALFORMED_ID);
const keys = listSchema(key, SIZES.ids.entries)
  .refine(
    ({ length }) => length > 0,
    faultParams<MaintenanceFaultCode>({ code: 'EMPTY', message: 'must not be empty' }),
  )
  .refine((ids) => new Set(ids.flatMap(({ residenceId }) => residenceId ?? [])).size <= SIZES.ids.residences, {
    ...faultParams({ code: 'TOO_MANY', message: `must not be of more than ${SIZES.ids.residences} residences` }),
    // Also beside malformed ids, which have no residence.
    when: ({ value }) => Array.isArray(value),
  });

/** Checks all arguments of a list, and parses the id of its residence. */
export function parseListArguments(args: QueryMaintenancesArgs) {
  return { ...args, residenceId: parseArgument(listArguments, args).residenceId };
}

/** Returns the input of a new maintenance without its nulls. */
export function parseNewMaintenance(input: object): NewMaintenance {
  const { pictureFilenames, ...others } = parseArgument(newMaintenance, input, 'input');
  return { ...others, ...(pictureFilenames && { pictureFilenames }) };
}

export function parseKey(value: unknown, argument = 'id'): MaintenanceKey {
  return parseMaintenanceId(value) ?? throwFault(argument, MALFORMED_ID);
}

export const parseKeys = (ids: readonly string[]) => parseArgument(keys, ids, 'ids');

/** Returns a field of a value of any type. */
function fieldOf(value: unknown, name: string): unknown {
  return (value as Readonly<Record<string, unknown>> | null | undefined)?.[name];
}

// A representation is parsed by hand: an operation may have a thousand, and with zod a hundred cost 6 to 15 % more.

/**
 * Returns the key in a representation of a `Maintenance`: `id`, or `residence { id } maintenanceId`, or both if they
 * agree.
 */
export function parseRepresentedKey(representation: unknown): MaintenanceKey {
  const id = fieldOf(representation, 'id');
  const key = id == null ? undefined : parseKey(id, 'representations.id');
  const faults: Fault[] = [];
  const residence = fieldOf(representation, 'residence') ?? (key && { id: key.residenceId });
  const residenceId = parseId(fieldOf(residence, 'id'));
  if (!residenceId) faults.push({ argument: 'representations.residence.id', ...UNUSABLE_ID });
  const maintenanceId = parseId(fieldOf(representation, 'maintenanceId') ?? key?.maintenanceId);
  if (!maintenanceId) faults.push({ argument: 'representations.maintenanceId', ...UNUSABLE_ID });
  if (!residenceId || !maintenanceId) throw badUserInput(faults);
  if (key && (residenceId !== key.residenceId || maintenanceId !== key.maintenanceId))
    throwFault<MaintenanceFaultCode>('representations', {
      code: 'CONTRADICTORY',
      message: 'must not hold two keys that disagree',
    });
  return { residenceId, maintenanceId };
}

/** Returns the id in a representation of a `Residence`. */
export function parseRepresentedResidenceId(representation: unknown): Id {
  return parseId(fieldOf(representation, 'id')) ?? throwFault('representations.id', UNUSABLE_ID);
}
