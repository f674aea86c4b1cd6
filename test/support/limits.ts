/** The limits that docs/reliability.md promises: the figures of its table of limits, and its generated table of sizes. */
import { readDocument, readNames, readTable } from './documents.ts';

export const LIMITS = {
  tokens: 15_000,
  /** Of all operations of a document. */
  selections: 10_000,
  aliases: 100,
  aliasCharacters: 128,
  levelsOfNesting: 30,
  levelsOfLists: 1,
  sameField: 707,
  reads: 1000,
  writes: 100,
  /** The default of `MAX_REPLY_BYTES`. */
  replyBytes: 2 * 1024 * 1024,
  writeReplyBytes: 128 * 1024,
  errors: 1000,
  /** Characters of a `Maintenance.id`, and of each part of it. */
  id: 1600,
  partOfId: 256,
} as const;

const KINDS = ['entries', 'characters', 'residences'] as const;
type Kind = (typeof KINDS)[number];

/** The largest value of each argument or member of an input, by its name. */
export const SIZES = readTable(readDocument('docs/reliability.md'), 'argument').flatMap(([names, ...cells]) =>
  KINDS.flatMap((kind, index): [name: string, kind: Kind, most: number][] => {
    const most = Number(cells[index]?.replaceAll(',', ''));
    return most > 0 ? readNames(names).map((name) => [name, kind, most]) : [];
  }),
);
