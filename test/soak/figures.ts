/** What a scenario measured, and whether it keeps its bound. */
export interface Figure {
  readonly name: string;
  readonly value: string;
  /** Empty where the figure is there to be read only. */
  readonly bound: string;
  readonly kept: boolean;
}

export type Scenario = () => Promise<Figure[]>;

export function atMost(name: string, value: number, bound: number, unit = ''): Figure {
  return { name, value: show(value, unit), bound: `≤ ${bound}${unit}`, kept: value <= bound };
}

export function atLeast(name: string, value: number, bound: number, unit = ''): Figure {
  return { name, value: show(value, unit), bound: `≥ ${bound}${unit}`, kept: value >= bound };
}

export function noted(name: string, value: number, unit = ''): Figure {
  return { name, value: show(value, unit), bound: '', kept: true };
}

function show(value: number, unit: string): string {
  if (value === Number.POSITIVE_INFINITY) return 'never';
  return `${Number.isInteger(value) ? value : value.toFixed(2)}${unit}`;
}

export function exactly(name: string, value: number, bound: number): Figure {
  return { name, value: show(value, ''), bound: `= ${bound}`, kept: value === bound };
}

/** Prints a table. Returns how many bounds are missed. */
export function printFigures(figures: readonly Figure[]): number {
  const width = Math.max(...figures.map(({ name }) => name.length));
  for (const { name, value, bound, kept } of figures)
    console.log(`  ${name.padEnd(width)}${value.padStart(14)}   ${bound.padEnd(14)}${kept ? '' : 'MISSED'}`.trimEnd());
  return figures.filter(({ kept }) => !kept).length;
}
