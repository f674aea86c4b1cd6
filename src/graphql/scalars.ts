import { GraphQLScalarType } from 'graphql';
import { isMoment } from '../maintenance.ts';

const RFC_3339 = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i;

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
  const [, date, clock] = RFC_3339.exec(text) ?? [];
  if (!isMoment(`${date}T${clock}Z`)) return undefined;
  const time = `${new Date(text.toUpperCase()).toISOString().slice(0, 19)}Z`;
  // An offset can move a moment beyond the years 0000 to 9999.
  return isMoment(time) ? time : undefined;
}
