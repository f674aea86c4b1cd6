/** The code of the section "Clients" in docs/errors.md and the settings of Relay in docs/federation.md, which the tests run. */
import { ERRORS, readDocument } from '../support/documents.ts';

export const [, PAGE = ''] = /^## Clients\n(.+?)^## /ms.exec(ERRORS) ?? [];

/** The content of relay.config.json. */
export const RELAY_CONFIG = /^```json\n(.+?)^```/ms.exec(readDocument('docs/federation.md'))?.[1] ?? '';

/** Returns the blocks of a language. Throws if there are none. */
export function readBlocks(language: string): string[] {
  const blocks = Array.from(PAGE.matchAll(new RegExp(`(?<=^\`\`\`${language}\\n).+?(?=^\`\`\`)`, 'gms')), String);
  if (blocks.length === 0) throw new Error(`docs/errors.md has no code in ${language}`);
  return blocks;
}

/** Runs the JavaScript for a client and returns a constant of it. */
export async function runBlock(client: string, constant: string) {
  const code = readBlocks('js').find((block) => block.startsWith(`// ${client}`));
  const module = await import(`data:text/javascript,${encodeURIComponent(`${code}; export { ${constant} };`)}`);
  return module[constant];
}
