import { GraphQLScalarType } from 'graphql';
import { isMoment } from '../maintenance.ts';

const RFC_3339 = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.\d+)?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

/**
 * A moment in UTC with seconds, `2024-01-16T13:32:45Z`, in the domain as outside. In: RFC 3339 with an offset. Refusals
 * are a TypeError, since graphql would lose the place of a GraphQLError in a document, and do not repeat the value.
 */
export const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  parseValue: (value) => {
    const time = typeof value === 'string' ? toUtc(value) : undefined;
    if (time === undefined) throw new TypeError('DateTime must be RFC 3339 with an offset, like 2024-01-16T13:32:45Z.');
    return time;
  },
});

/** The moment without its fraction of a second, or undefined where the text is none. */
function toUtc(text: string): string | undefined {
  const [, date, clock, sign, hours, minutes] = RFC_3339.exec(text) ?? [];
  const local = `${date}T${clock}Z`;
  if (date === undefined || !isMoment(local)) return undefined;
  const offset = sign === undefined ? 0 : Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes));
  const time = new Date(Date.parse(local) - offset * 60_000).toISOString().replace('.000Z', 'Z');
  // An offset can carry a moment out of the four-digit years.
  return /^\d{4}-/.test(time) ? time : undefined;
}
