import { expect, it } from '@jest/globals';
import { rcompare } from 'semver';
import manifest from '../../package.json' with { type: 'json' };
import { readDocument } from '../support/documents.ts';

const headings = readDocument('CHANGELOG.md').match(/^## (?!Unreleased$).*/gm) ?? [];
const releases = headings.map((heading) => {
  const [, version = '', date = ''] = /^## (\d+\.\d+\.\d+) — (\d{4}-\d\d-\d\d)$/.exec(heading) ?? [];
  return { heading, version, date };
});

it('has the version of package.json as its newest release', () => {
  expect(releases[0]?.version).toBe(manifest.version);
});

it.each(releases)('has a version and a day in “$heading”', ({ version, date }) => {
  expect(version).not.toBe('');
  expect(new Date(date).toISOString().slice(0, 10)).toBe(date);
});

it('has the newest first', () => {
  const versions = releases.map(({ version }) => version);
  expect(versions).toEqual(versions.toSorted(rcompare));
  const dates = releases.map(({ date }) => date);
  expect(dates).toEqual(dates.toSorted().reverse());
});
