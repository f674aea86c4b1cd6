/** The limits of one HTTP request. */
export const HTTP_LIMITS = {
  /** Characters of the names and values of its headers. */
  headCharacters: 16 * 1024,
  bodyBytes: 1024 * 1024,
} as const;
