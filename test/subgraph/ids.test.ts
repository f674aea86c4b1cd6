import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatMaintenanceId, parseMaintenanceId } from '../../src/maintenance.ts';

const part = fc.oneof(
  fc.string({ minLength: 1, unit: 'binary' }),
  fc.string({ minLength: 1, unit: fc.constantFrom('%', ':', '2', '5', '3', 'A', 'a', '\u0000', '修') }),
);

it('an id says which two parts it was made of, whatever they hold', () => {
  fc.assert(
    fc.property(part, part, (residenceId, maintenanceId) => {
      const id = formatMaintenanceId({ residenceId, maintenanceId });
      expect(id.split(':')).toHaveLength(2);
      expect(parseMaintenanceId(id)).toEqual({ residenceId, maintenanceId });
      expect(parseMaintenanceId(id.replaceAll('%3A', '%3a'))).toEqual({ residenceId, maintenanceId });
    }),
  );
});

it('a text is an id, and then of one form only, or none', () => {
  fc.assert(
    fc.property(part, (text) => {
      const key = parseMaintenanceId(text);
      if (key) expect(formatMaintenanceId(key)).toBe(text.replaceAll('%3a', '%3A'));
    }),
  );
});
