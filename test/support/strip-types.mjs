// Jest's transform: the same type stripping that Node does when it runs src/, so that lines and columns stay where they are.
import { createHash } from 'node:crypto';
import { stripTypeScriptTypes } from 'node:module';

export default {
  process: (source) => ({ code: stripTypeScriptTypes(source) }),
  getCacheKey: (source, path, { instrument }) =>
    createHash('sha256').update(`${process.version} ${instrument} ${path}\n${source}`).digest('hex'),
};
