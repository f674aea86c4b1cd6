/** A measured value, and whether it keeps its bound. */
export interface Figure {
  readonly name: string;
  readonly value: string;
  /** Empty for a value that is only printed. */
  readonly bound: string;
  readonly kept: boolean;
}

const write = (value: number, unit: string) =>
  value === Number.POSITIVE_INFINITY ? 'never' : `${Number.isInteger(value) ? value : value.toFixed(2)}${unit}`;

const figure = (sign: string, isKept: (value: number, bound: number) => boolean) => {
  return (name: string, value: number, bound: number, unit = ''): Figure => {
    return { name, value: write(value, unit), bound: `${sign} ${bound}${unit}`, kept: isKept(value, bound) };
  };
};

export const atMost = figure('≤', (value, bound) => value <= bound);
export const atLeast = figure('≥', (value, bound) => value >= bound);
export const exactly = figure('=', (value, bound) => value === bound);
export const noted = (name: string, value: number, unit = ''): Figure => {
  return { name, value: write(value, unit), bound: '', kept: true };
};

/** Prints a table. Returns the number of missed bounds. */
export function printFigures(figures: readonly Figure[]): number {
  const width = Math.max(...figures.map(({ name }) => name.length));
  for (const { name, value, bound, kept } of figures)
    console.log(`  ${name.padEnd(width)}${value.padStart(14)}   ${bound.padEnd(14)}${kept ? '' : 'MISSED'}`.trimEnd());
  return figures.filter(({ kept }) => !kept).length;
}
