/** A measured value, and whether it keeps its bound. The bound is empty for a value that is only printed. */
export type Figure = { readonly name: string; readonly value: string; readonly bound: string; readonly kept: boolean };

export function noted(name: string, value: number, unit = ''): Figure {
  const written = Number.isInteger(value) ? value : value.toFixed(2);
  return { name, value: value === Number.POSITIVE_INFINITY ? 'never' : `${written}${unit}`, bound: '', kept: true };
}

const figure = (sign: string, isKept: (value: number, bound: number) => boolean) => {
  return (name: string, value: number, bound: number, unit = ''): Figure => {
    return { ...noted(name, value, unit), bound: `${sign} ${bound}${unit}`, kept: isKept(value, bound) };
  };
};
export const atMost = figure('≤', (value, bound) => value <= bound);
export const atLeast = figure('≥', (value, bound) => value >= bound);

export const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Prints a table, missed bounds last: CI may print only the end of a log. Returns the number of missed bounds. */
export function printFigures(figures: readonly Figure[]): number {
  const width = Math.max(...figures.map(({ name }) => name.length));
  for (const { name, value, bound, kept } of figures.toSorted((a, b) => Number(b.kept) - Number(a.kept)))
    console.log(`  ${name.padEnd(width)}${value.padStart(14)}   ${bound.padEnd(14)}${kept ? '' : 'MISSED'}`.trimEnd());
  return figures.filter(({ kept }) => !kept).length;
}
