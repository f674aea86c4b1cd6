import { GraphQLScalarType } from 'graphql';

/**
 * A moment in UTC with seconds, `2024-01-16T13:32:45Z`. As input, any text: `arguments.ts` reports a malformed time with
 * the other faults of a field.
 */
export const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  parseValue: (value) => {
    if (typeof value === 'string') return value;
    throw new TypeError('not a text');
  },
});
