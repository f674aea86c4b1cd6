/**
 * `npm run test:routers [-- <file> …]`: installs the routers that npm has, and runs the tests of this folder, or those of the
 * named files. Those of alternatives to the subgraph need the packages of the benchmarks too.
 */
import { runFolder } from '../../support/run-folder.ts';

runFolder('test/federation/routers', 'dev/supergraph/routers', { alternatives: 'bench' });
