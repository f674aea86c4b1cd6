// A jest environment for a suite of someone else's in which some tests have to fail. The test file says which and how,
// in `expectedFailures`, a Map of full names to patterns; a name leaves it when its test is done. The names of the tests that
// the suite skips get the test file's `whySkipped`, for the summary of `npm test`.
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
    if (test.errors.length === 0) test.errors.push(new Error('It passes, and is listed as one that fails.'));
    // Any other failure stands.
    else test.errors = test.errors.filter((error) => !pattern.test(messageOf(error)));
  }
}

/** The names from the outermost describe to the test. */
function nameOf({ name, parent }) {
  return parent.parent ? `${nameOf(parent)} > ${name}` : name;
}

/** jest keeps a failure alone, or with the place where its test was defined. */
function messageOf(failure) {
  const error = Array.isArray(failure) ? failure[0] : failure;
  return stripVTControlCharacters(String(error?.message ?? error));
}
