/**
 * Checks arguments beyond their types. One error names all faults, with codes that apps translate.
 */
import { GraphQLError } from 'graphql';
import { z } from 'zod';
import { isId, parseId } from './tickets.ts';

/** Parses the arguments of a field. What it refuses of a mutation was not sent. */
export function parse<T>(schema: z.ZodType<T>, args: unknown, outcome?: 'NOT_SENT'): T {
  const { data, error } = schema.safeParse(args);
  if (!error) return data;
  const faults = error.issues.slice(0, 20).map(({ path, message: code }) => {
    const argument = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
    return { argument: argument.slice(1), code, message: `is ${code.toLowerCase().replaceAll('_', ' ')}` };
  });
  const message = faults.map(({ argument, message }) => `"${argument}" ${message}`).join(', ');
  throw new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', arguments: faults, outcome } });
}

const TOO_MANY = 'TOO_MANY';
const NOT_AN_ID = 'NOT_AN_ID';
const ID = z.string(NOT_AN_ID).refine(isId, NOT_AN_ID);
const KEY = z
  .string(NOT_AN_ID)
  .refine(parseId, NOT_AN_ID)
  .transform((id) => parseId(id) ?? z.NEVER);
// White space, and what else nobody sees.
const BLANK = /^[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]*$/u;
const text = (most: number) =>
  z
    .string()
    .max(most, 'TOO_LONG')
    .refine((text) => !BLANK.test(text), 'BLANK');
const RFC_3339 = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3])(:[0-5]\d){2}(\.\d{1,30})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;
// `Date` takes 31 February for a day of March.
const isDay = (day: string) => new Date(`${day}T00:00Z`).toJSON()?.startsWith(day) ?? false;
const TIME = z
  .string()
  .regex(RFC_3339, { error: 'NOT_A_TIME', abort: true })
  .refine((time) => isDay(time.slice(0, 10)), 'NOT_A_DAY');

/** Writes a time with any offset as the vendor does, in UTC: `2024-01-16 13:32:45`. */
export const toWireTime = (time: string) => new Date(time.toUpperCase()).toJSON()?.slice(0, 19).replace('T', ' ');

export const ONE = z.object({ id: KEY });
const isOf100 = (keys: { residence_id: string }[]) => new Set(keys.map((key) => key.residence_id)).size <= 100;
export const MANY = z.object({ ids: z.array(KEY).min(1, 'EMPTY').max(500, TOO_MANY).refine(isOf100, TOO_MANY) });
const isLater = ({ startTime, finishTime }: { startTime: string; finishTime: string }) =>
  !(toWireTime(finishTime) <= toWireTime(startTime));
const INPUT = z.object({
  residenceId: ID,
  startTime: TIME,
  finishTime: TIME,
  description: text(10_000),
  contact: text(1000),
  pictureFilenames: z.array(text(256)).max(20, TOO_MANY).nullish(),
});
export const NEW = z.object({ input: INPUT.refine(isLater, { path: ['finishTime'], error: 'NOT_LATER' }) });
const count = z.number().min(0, 'NEGATIVE').nullish();
const states = z.array(z.string()).max(100, TOO_MANY).nullish();
export const LIST = z.object({ residenceId: ID, states, orderBy: z.string().nullish(), first: count, offset: count });
const PAIR = z.object({ residence: z.object({ id: ID }), maintenanceId: ID });
const BY_PAIR = PAIR.transform((own) => ({ residence_id: own.residence.id, maintenance_id: own.maintenanceId }));
export const REFERENCE = z.object({ representations: z.union([ONE.transform(({ id }) => id), BY_PAIR], NOT_AN_ID) });
