/** `npm run test:page`: installs a browser, and runs the tests of this folder. */
import { runFolder } from '../support/run-folder.ts';

runFolder('test/page');
