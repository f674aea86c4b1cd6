import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DateTime } from '../../src/graphql/scalars.ts';

describe('DateTime takes', () => {
  it.each([
    ['2024-01-16T13:32:45Z', '2024-01-16T13:32:45Z'],
    ['2024-01-16t13:32:45z', '2024-01-16T13:32:45Z'],
    ['2024-01-16T13:32:45.999999999Z', '2024-01-16T13:32:45Z'],
    ['2024-01-16T13:32:45+00:00', '2024-01-16T13:32:45Z'],
    ['2024-01-16T13:32:45-00:00', '2024-01-16T13:32:45Z'],
    ['2024-01-16T21:32:45+08:00', '2024-01-16T13:32:45Z'],
    ['2024-01-16T08:02:45.5-05:30', '2024-01-16T13:32:45Z'],
    ['2024-02-29T23:59:59-00:01', '2024-03-01T00:00:59Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59Z'],
  ])('%s as %s', (text, expected) => {
    expect(DateTime.parseValue(text)).toBe(expected);
  });

  it('every moment with every offset, and keeps the moment to the second', () => {
    const moments = fc.date({
      min: new Date('0001-01-02T00:00:00Z'),
      max: new Date('9999-12-30T00:00:00Z'),
      noInvalidDate: true,
    });
    const offsets = fc.integer({ min: -(23 * 60 + 59), max: 23 * 60 + 59 });
    fc.assert(
      fc.property(moments, offsets, (moment, offset) => {
        const local = new Date(moment.getTime() + offset * 60_000).toISOString().replace('Z', '');
        const two = (value: number) => String(value).padStart(2, '0');
        const size = Math.abs(offset);
        const text = `${local}${offset < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
        expect(DateTime.parseValue(text)).toBe(`${moment.toISOString().slice(0, 19)}Z`);
      }),
    );
  });
});

describe('DateTime refuses', () => {
  it.each([
    [''],
    ['2024-01-16'],
    ['2024-01-16T13:32:45'],
    ['2024-01-16T13:32Z'],
    ['2024-01-16 13:32:45Z'],
    ['2024-01-16T13:32:45.Z'],
    ['2024-01-16T13:32:45+0800'],
    ['2024-01-16T13:32:45+24:00'],
    ['2024-01-16T13:32:45+08:60'],
    ['2024-02-31T00:00:00Z'],
    ['2023-02-29T00:00:00Z'],
    ['2024-13-01T00:00:00Z'],
    ['2024-00-10T00:00:00Z'],
    ['2024-01-16T24:00:00Z'],
    ['2024-01-16T13:60:45Z'],
    ['2016-12-31T23:59:60Z'],
    ['+002024-01-16T13:32:45Z'],
    ['0000-01-01T00:00:00+01:00'],
    ['9999-12-31T23:59:59-01:00'],
    ['2024-01-16T13:32:45Z\n'],
    ['tomorrow'],
    [1705411965],
    [null],
    [{}],
    [['2024-01-16T13:32:45Z']],
  ])('%j, without repeating it', (value) => {
    expect(() => DateTime.parseValue(value)).toThrow(
      new TypeError('DateTime must be RFC 3339 with an offset, like 2024-01-16T13:32:45Z.'),
    );
  });

  it('every other text, whatever it is', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => DateTime.parseValue(text)).toThrow(TypeError);
      }),
    );
  });
});
