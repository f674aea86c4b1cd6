/** Reads the files of the project and the examples in its pages. */
import { readFileSync } from 'node:fs';

/** Every extension that an error of the subgraph may have. */
export const EXTENSIONS = {
  ...{ code: 'COMMAND_REJECTED', command: 'c', commandId: 'c0', upstreamCode: 'E1' },
  ...{ outcome: 'REJECTED', errorId: 'e0', arguments: [{ argument: 'id', message: 'no' }] },
};

/** Returns the text of a file, by its path from the project's root. */
export function readDocument(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** Returns each block of GraphQL, with the JSON block directly after it, if present. */
export function readExamples(markdown: string): { graphql: string; json: string | undefined }[] {
  const blocks = markdown.matchAll(/^```graphql\n(.*?)^```\n(?:```json\n(.*?)^```\n)?/gms);
  return [...blocks].map(([, graphql = '', json]) => ({ graphql, json }));
}
