/**
 * .github/renovate.json: Renovate's schema, and the versions in shell commands, which Renovate finds only by expressions of ours.
 */
import { globSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import config from '../../.github/renovate.json' with { type: 'json' };
import { readDocument } from '../support/documents.ts';

const { RENOVATE_SCHEMA } = process.env;
const withSchema = RENOVATE_SCHEMA ? it : it.skip;
withSchema(`fits Renovate's schema${RENOVATE_SCHEMA ? '' : '. Skipped: RENOVATE_SCHEMA names no file.'}`, () => {
  const schema = JSON.parse(readFileSync(String(RENOVATE_SCHEMA), 'utf8'));
  const ajv = new Ajv({ strict: false, validateFormats: false });
  ajv.validate(schema, config);
  expect(ajv.errors).toBeNull();
  // The schema allows unknown members, and Renovate refuses them.
  const { $schema: _, packageRules, customManagers, ...members } = config;
  const names = [members, ...packageRules, ...customManagers].flatMap((part) => Object.keys(part));
  expect(names.filter((name) => name !== 'description' && !(name in schema.definitions))).toEqual([]);
});

const FILES = globSync(['.github/workflows/*.yml', '.ci/*']);
it.each(FILES)('finds each version and digest in a shell command of %s', (file) => {
  const text = readDocument(file);
  const ours = config.customManagers.filter(({ managerFilePatterns }) =>
    managerFilePatterns.some((pattern) => new RegExp(pattern.slice(1, -1)).test(file)),
  );
  const found = ours.flatMap(({ matchStrings }) =>
    matchStrings.flatMap((expression) => Array.from(text.matchAll(new RegExp(expression, 'g')), ([match]) => match)),
  );
  // Renovate itself reads the others.
  const others = /^.*\b(uses|image|container): .+\n/gm;
  const written = text.replaceAll(others, '').match(/\S+@(\d[.\d]*|sha256:\w+)/g) ?? [];
  expect(found.map((match) => match.split(' ').at(-1)).sort()).toEqual([...written].sort());
});
