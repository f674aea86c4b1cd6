import { GraphQLScalarType } from 'graphql';
import { isMoment } from '../maintenance.ts';

const RFC_3339 = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.\d+)?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

/**
 * A moment in UTC with seconds, `2024-01-16T13:32:45Z`. Accepts RFC 3339 with any offset. Throws a TypeError, because
 * graphql drops the location of a GraphQLError here. The message never repeats the value.
 */
export const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  parseValue: (value) => {
    const time = typeof value === 'string' ? toUtc(value) : undefined;
    if (time === undefined) throw new TypeError('DateTime must be RFC 3339 with an offset, like 2024-01-16T13:32:45Z.');
    return time;
  },
});

/** Returns the moment without fractions of a second, or undefined for an invalid text. */
function toUtc(text: string): string | undefined {
  const [, date, clock, sign, hours, minutes] = RFC_3339.exec(text) ?? [];
  const local = `${date}T${clock}Z`;
  if (date === undefined || !isMoment(local)) return undefined;
  const offset = sign === undefined ? 0 : Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes));
  const time = new Date(Date.parse(local) - offset * 60_000).toISOString().replace('.000Z', 'Z');
  // An offset can move a moment beyond the years 0000 to 9999.
  return /^\d{4}-/.test(time) ? time : undefined;
}
