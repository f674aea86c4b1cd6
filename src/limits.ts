/**
 * The bounds of the process: what a request, a document and an operation may have at most, and what each thing counts
 * as memory. What exceeds a bound is refused before the work that it would cost, except commands at once, which wait.
 *
 * config.ts has the bounds that an operator may set: requests and commands at once, the largest reply, the times.
 * maintenance/arguments.ts has the sizes of arguments.
 *
 * The numbers work together, and were not measured one by one: `npm run test:soak -- hostile-callers` sends 1,000
 * callers of each hostile shape to a process with a heap of 256 MB, and fails if the process does not survive. Run it
 * after a change.
 */
import { getHeapStatistics } from 'node:v8';

/** The memory of all operations together. A counted byte costs some ten bytes of objects and garbage. */
const MEMORY_BYTES = Math.floor(getHeapStatistics().heap_size_limit / 16);
/** The memory of one operation, with the replies that it reads. */
const OPERATION_BYTES = Math.floor(MEMORY_BYTES / 2);

/** What counts as memory, in bytes. */
export const BYTES = {
  /** A character of a path or body, once it is parsed. Usually less; up to 21 were measured, for odd variables. */
  requestCharacter: 16,
  /** A command with its record. */
  command: 4096,
  /** An entry of a decoded list, beyond its bytes in the reply. 220 to 290 were measured. */
  entry: 300,
  /** A character of a response: in its objects, and in its text. */
  responseCharacter: 2,
} as const;

/** What counts as characters of a response, beyond its texts. */
export const CHARACTERS = {
  /**
   * A field: its place in the result, and the microsecond that graphql takes for it. Its key and its text are added.
   */
  field: 50,
  /** An error, or a field with a resolver, which may end in one. An error was measured as 1,900 bytes. */
  error: 1000,
} as const;

export const LIMITS = {
  memoryBytes: MEMORY_BYTES,
  operationBytes: OPERATION_BYTES,

  /** Characters of the names and values of a request's headers. */
  headCharacters: 16 * 1024,
  /** A thousand representations with ids like the vendor's take 110 KB. */
  bodyBytes: 256 * 1024,

  /** Tokens of a document, and errors of its validation. */
  tokens: 15_000,
  validationErrors: 5,
  /** Of all operations of a document together. A fragment counts as often as it is spread. */
  selections: 10_000,
  /** Of one operation. Routers merge up to a hundred `_entities` under aliases. */
  aliases: 100,
  /** The path of each error repeats the aliases above it. Routers add a dozen characters. */
  aliasCharacters: 128,
  /** Fields and fragments within each other. A cycle of fragments would overflow the stack. */
  levels: 30,
  /** Levels below a field of the introspection. Its standard query has 15, and graphql has a limit too. */
  introspectionLevels: 500,
  /** Lists within each other in a variable's type. graphql wraps each entry in as many lists. */
  listLevels: 1,

  /** Entries of `Query._entities(representations:)`. */
  representations: 1000,
  /** Commands of one operation, and how many of them at once: others wait. */
  reads: 1000,
  writes: 100,
  commandsAtOnce: 32,
  /** A response: 4,000 repair requests like the vendor's example, with each field once. */
  responseCharacters: 4_000_000,
  /** The reply to a write. The documented ones have 100 bytes; a whole create in escapes has 97 KB. */
  writeReplyBytes: 128 * 1024,
  /** Names of clients and operations, in logs and spans. A longer one is cut off. */
  nameCharacters: 100,
} as const;
