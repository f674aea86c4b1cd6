import { expect, it } from '@jest/globals';
import { rcompare } from 'semver';
import manifest from '../../package.json' with { type: 'json' };
import { readDocument } from '../support/documents.ts';

const headings = readDocument('CHANGELOG.md').match(/^## (?!Unreleased$).*/gm) ?? [];
const releases = headings.map((heading) => /^## (\d+\.\d+\.\d+) — (\d{4}-\d\d-\d\d)$/.exec(heading)?.slice(1) ?? []);

it('lists releases with a version and a valid date, the newest first, which is the version of package.json', () => {
  const [versions, dates] = [releases.map(([version = '']) => version), releases.map(([, date = '']) => date)];
  expect(versions[0]).toBe(manifest.version);
  expect(versions).toEqual(versions.toSorted(rcompare));
  expect(dates.map((date) => new Date(date).toISOString().slice(0, 10))).toEqual(dates.toSorted().reverse());
});
