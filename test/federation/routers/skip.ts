import { it } from '@jest/globals';

/**
 * Defines a test that needs a program. Without the program, the test is skipped with the reason `missing`, or fails if it is
 * named on the command line.
 */
export function itUnless(missing: string | undefined, title: string, run: () => void | Promise<void>) {
  if (!missing) return it(title, run);
  if (process.env.FAIL_WITHOUT_PROGRAM)
    return it(title, () => {
      throw new Error(missing);
    });
  // jest prints nothing about a file whose tests are all skipped.
  process.stderr.write(`Skipped: ${title}. ${missing}\n`);
  it.skip(`${title}. Skipped: ${missing}`, run);
}
