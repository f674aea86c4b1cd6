/** `npm run test:deploy [-- <file> …]`: installs Kubernetes' schemas, and runs the tests of this folder, or those of the named files. */
import { runFolder } from '../support/run-folder.ts';

runFolder('test/deploy');
