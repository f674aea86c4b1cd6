// Jest's transform: the type stripping of Node, which keeps lines and columns.
import { createHash } from 'node:crypto';
import { stripTypeScriptTypes } from 'node:module';

export default {
  process: (source) => ({ code: stripTypeScriptTypes(source) }),
  getCacheKey: (source, path, { instrument }) =>
    createHash('sha256').update(`${process.version} ${instrument} ${path}\n${source}`).digest('hex'),
};
