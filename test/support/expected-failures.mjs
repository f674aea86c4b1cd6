// A jest environment for an external suite with known failures. The test file sets two globals:
// - `expectedFailures`, a Map of full test names to patterns of the failure. Each test is removed when it is done.
// - `whySkipped`, the reason for tests that the suite skips. The summary of `npm test` prints the reason.
import { stripVTControlCharacters } from 'node:util';
import { TestEnvironment } from 'jest-environment-node';

export default class extends TestEnvironment {
  async handleTestEvent({ name, test }) {
    const { expectedFailures, whySkipped } = this.global;
    if (name === 'test_skip' && test.mode === 'skip') test.name += `. Skipped: ${whySkipped}`;
    if (name !== 'test_done') return;
    const fullName = nameOf(test);
    const pattern = expectedFailures.get(fullName);
    if (!pattern) return;
    expectedFailures.delete(fullName);
    if (test.errors.length === 0)
      test.errors.push(new Error('This test passes, but is listed as an expected failure.'));
    else test.errors = test.errors.filter((error) => !pattern.test(messageOf(error)));
  }
}

/** Returns the names from the outermost describe to the test. */
function nameOf({ name, parent }) {
  return parent.parent ? `${nameOf(parent)} > ${name}` : name;
}

/** Returns the message of a failure, which jest stores alone or in a pair with the place of the test. */
function messageOf(failure) {
  const error = Array.isArray(failure) ? failure[0] : failure;
  return stripVTControlCharacters(String(error?.message ?? error));
}
