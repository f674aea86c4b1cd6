/**
 * The prices of memory and of the event loop, in two units that are charged apart: bytes that are held, and work in units
 * of 20 ns. `npm run codegen` writes them to docs/reliability.md.
 */
export type Price = { bytes: number; work: number };

export const PRICES = {
  request: { of: 'a request', bytes: 0, work: 25_000 },
  requestCharacter: { of: 'a character of its URL or body', bytes: 16, work: 10 },
  command: { of: 'a command, with its record', bytes: 4096, work: 0 },
  replyByte: { of: 'a byte of a reply, decompressed', bytes: 1, work: 10 },
  ticket: { of: 'a decoded ticket, in addition to its bytes', bytes: 300, work: 0 },
  field: { of: 'a field of an entry, or a text in a list, with 16 characters and an alias of 16', bytes: 50, work: 50 },
  character: { of: 'a further character of a text, of an alias, or of the path of an error', bytes: 3, work: 3 },
  call: { of: 'a call of a resolver for an entry, or for a representation', bytes: 1000, work: 1000 },
  error: { of: 'an error', bytes: 1000, work: 3000 },
  scanned: { of: 'an entry of a list from which a field selects, or in which it searches', bytes: 0, work: 20 },
} as const;
