/**
 * supergraph/cosmo/config.yaml against the JSON schema of Cosmo Router. docs/federation.md has the address of the schema.
 */
import { readFileSync } from 'node:fs';
import { expect } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { readSettings } from '../../../dev/supergraph/routers.ts';
import { itUnless } from './skip.ts';

const { COSMO_SCHEMA = '' } = process.env;
const missing = COSMO_SCHEMA ? undefined : 'Set COSMO_SCHEMA to the path of the JSON schema of Cosmo Router.';

itUnless(missing, 'supergraph/cosmo/config.yaml has only settings that Cosmo Router knows, with valid values', () => {
  // The schema has keywords and formats of Cosmo's own validator.
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  const isValid = ajv.compile(JSON.parse(readFileSync(COSMO_SCHEMA, 'utf8')));
  for (const tokenHeader of ['authorization', 'x-vendor-authorization']) {
    isValid(parse(readSettings('cosmo/config.yaml', tokenHeader)));
    expect(isValid.errors).toBeNull();
  }
});
