// Loaded before the server: replaces the file of src/ that ABLATE names, like "command-api/coalescing", by a file of this folder.
import { registerHooks } from 'node:module';
import { basename } from 'node:path';

const { ABLATE = '' } = process.env;
const left = new URL(`../../src/${ABLATE}.ts`, import.meta.url).href;
const standIn = new URL(`${basename(ABLATE)}.ts`, import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    // The replacement itself may import the original file.
    return found.url === left && context.parentURL !== standIn ? { ...found, url: standIn } : found;
  },
});
