/**
 * supergraph/cosmo/config.yaml against the JSON schema of Cosmo Router. docs/federation.md has the address of the schema.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { readDocument } from '../support/documents.ts';

const { COSMO_SCHEMA } = process.env;
const TITLE = 'supergraph/cosmo/config.yaml has only settings that Cosmo Router knows, with valid values';
const MISSING = 'Set COSMO_SCHEMA to the path of the JSON schema of Cosmo Router.';

if (!COSMO_SCHEMA) {
  // jest prints nothing about a file whose tests are all skipped.
  process.stderr.write(`Skipped: the check of Cosmo Router's file. ${MISSING}\n`);
  it.skip(`${TITLE}. Skipped: ${MISSING}`, () => {});
} else {
  it(TITLE, () => {
    // The schema has keywords and formats of Cosmo's own validator.
    const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
    const isValid = ajv.compile(JSON.parse(readFileSync(COSMO_SCHEMA, 'utf8')));
    isValid(parse(readDocument('supergraph/cosmo/config.yaml')));
    expect(isValid.errors).toBeNull();
  });
}
