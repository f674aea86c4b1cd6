// Loaded before each of the project's programs. npm runs its scripts on the Node 24 of the package `node`; where that was
// installed without its install script, they would run on the machine's own Node and fail with a riddle.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(`This project needs Node 24 and runs on ${process.version}.`);
  console.error('Install it again with install scripts allowed: npm ci --ignore-scripts=false');
  process.exit(1);
}
