/**
 * What the project's documents say in their tables and examples, for the tests that hold the code to it.
 */
import { readFileSync } from 'node:fs';

export const README = readDocument('README.md');

/** The text of a file of the project, by its path from the root. */
export function readDocument(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** The rows of the table whose first column has this heading, each as its cells. Fails where there is none. */
export function readTable(markdown: string, heading: string): string[][] {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} |`));
  if (start < 0) throw new Error(`There is no table of ${heading}`);
  const rest = lines.slice(start + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end < 0 ? undefined : end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What stands in backticks. */
export function readNames(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

/** What stands in backticks in the first column of the table with this heading: what the table is about. */
export function readKeys(markdown: string, heading: string): string[] {
  return readTable(markdown, heading).flatMap(([cell]) => readNames(cell));
}

/** The metrics of docs/observability.md by their names. */
export function readMetricTable(): Map<string, { type: string; labels: string[] }> {
  return new Map(
    readTable(readDocument('docs/observability.md'), 'metric').map(([name, type = '', labels]) => [
      readNames(name)[0] ?? '',
      { type, labels: readNames(labels) },
    ]),
  );
}

/** Each block of GraphQL, with the JSON right below it, if there is any. */
export function readExamples(markdown: string): { graphql: string; json: string | undefined }[] {
  const blocks = markdown.matchAll(/^```graphql\n(.*?)^```\n(?:```json\n(.*?)^```\n)?/gms);
  return [...blocks].map(([, graphql = '', json]) => ({ graphql, json }));
}
