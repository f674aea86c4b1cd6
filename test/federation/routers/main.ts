/**
 * `npm run test:routers [-- <file> …]`: runs the tests of this folder, or those of the named files, and before installs what
 * they need of npm. A router that this machine lacks fails its tests if it is named, and skips them otherwise.
 */
import { runFolder } from '../../support/run-folder.ts';

runFolder('test/federation/routers', {
  alternatives: 'bench',
  grafbase: 'dev/supergraph/routers/grafbase',
  'hive-gateway': 'dev/supergraph/routers/hive-gateway',
});
