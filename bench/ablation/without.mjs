// Loaded before the server: has a file of this folder stand in for the one of src/ that ABLATE names, like "command-api/coalescing".
import { registerHooks } from 'node:module';
import { basename } from 'node:path';

const { ABLATE = '' } = process.env;
const left = new URL(`../../src/${ABLATE}.ts`, import.meta.url).href;
const standIn = new URL(`${basename(ABLATE)}.ts`, import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    // A stand-in may use the rest of what it stands in for.
    return found.url === left && context.parentURL !== standIn ? { ...found, url: standIn } : found;
  },
});
