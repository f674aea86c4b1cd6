/** Reads tables and examples of the project's documents. */
import { readFileSync } from 'node:fs';

/** Every extension that an error of the subgraph may have. */
export const EXTENSIONS = {
  ...{ code: 'COMMAND_REJECTED', command: 'c', commandId: 'c0', upstreamCode: 'E1' },
  ...{ outcome: 'REJECTED', errorId: 'e0', arguments: [{ argument: 'id', message: 'no' }], othersOmitted: true },
};

/** Returns the text of a file, by its path from the project's root. */
export function readDocument(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** Returns the rows of the table with this first heading, each as its cells. Throws if the table does not exist. */
export function readTable(markdown: string, heading: string): string[][] {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} |`));
  if (start < 0) throw new Error(`There is no table of ${heading}`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  const rows = lines.slice(start + 2, end < 0 ? undefined : end).map((line) => line.split('|').slice(1, -1));
  return rows.map((cells) => cells.map((cell) => cell.trim()));
}

/** Returns the texts in backticks. */
export function readNames(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

/** Returns each block of GraphQL, with the JSON block directly after it, if present. */
export function readExamples(markdown: string): { graphql: string; json: string | undefined }[] {
  const blocks = markdown.matchAll(/^```graphql\n(.*?)^```\n(?:```json\n(.*?)^```\n)?/gms);
  return [...blocks].map(([, graphql = '', json]) => ({ graphql, json }));
}
