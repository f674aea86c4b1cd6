import { it } from '@jest/globals';

/** Defines a test, or a skipped test that says why. */
export function itUnless(reason: string | undefined, title: string, run: () => void | Promise<void>, limitMs?: number) {
  if (!reason) return it(title, run, limitMs);
  // jest prints nothing about a file whose tests are all skipped.
  process.stderr.write(`Skipped: ${title}. ${reason}\n`);
  it.skip(`${title}. Skipped: ${reason}`, run);
}
