/**
 * The command API of the benchmarks, in a process of its own. Listens on PORT.
 */
import { startFastVendor } from '../test/support/maintenance/fast-vendor.ts';

await startFastVendor(Number(process.env.PORT));
