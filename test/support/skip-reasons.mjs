/** A reporter of jest: prints the reasons of skipped tests at the end. The name of such a test ends with its reason. */
import { relative } from 'node:path';

export default class SkipReasons {
  constructor({ testNamePattern }) {
    this.isWhole = !testNamePattern;
  }

  onRunComplete(_, { testResults: files }) {
    const skipped = files.flatMap(({ testFilePath, testResults }) =>
      testResults
        .filter(({ status }) => !['passed', 'failed'].includes(status))
        .map(({ fullName }) => `${relative('', testFilePath)}: ${fullName.split('. Skipped: ')[1] ?? fullName}`),
    );
    if (!this.isWhole) return;
    for (const [reason, tests] of Map.groupBy(skipped, (one) => one))
      console.log(`skipped ${tests.length} in ${reason}`);
  }
}
