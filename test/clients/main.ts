/** `npm run test:clients [-- <file> …]`: installs real clients, and runs the tests of this folder, or those of the named files. */
import { runFolder } from '../support/run-folder.ts';

runFolder('test/clients');
