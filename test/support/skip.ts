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
  it.skip(`${title}. Skipped: ${missing}`, run);
}
