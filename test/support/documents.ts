/**
 * Tables of the project's documents, for tests to hold against the code.
 */
import { readFileSync } from 'node:fs';

/** The rows of the tables under a heading of a document, each as its cells. */
export function readRows(file: string, heading: string): string[][] {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const [, section] = text.split(new RegExp(`^#+ ${heading}$`, 'm'));
  if (section === undefined) throw new Error(`${file} has no heading "${heading}"`);
  const [own = ''] = section.split(/^#+ /m);
  const lines = own.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('|---'));
  return lines.slice(1).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

/** What stands in backticks. */
export function readNames(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

/** The metrics of docs/observability.md by their names. */
export function readMetricTable(): Map<string, { type: string; labels: string[] }> {
  return new Map(
    readRows('docs/observability.md', 'Metrics').map(([name, type = '', labels]) => [
      readNames(name)[0] ?? '',
      { type, labels: readNames(labels) },
    ]),
  );
}
