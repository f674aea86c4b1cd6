/** The limits and sizes that docs/reliability.md promises, as numbers of its own: imported ones could not fail. */

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

/** The largest value of each argument or member of an input, by its name. */
export const SIZES = [
  ['representations', 'entries', 1000],
  ['states', 'entries', 100],
  ['description', 'characters', 10_000],
  ['contact', 'characters', 1000],
  ['pictureFilenames', 'entries', 20],
  ['pictureFilenames', 'characters', 256],
  ['ids', 'entries', 500],
  ['ids', 'residences', 100],
] as const;
