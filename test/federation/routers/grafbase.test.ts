import { describeRealRouter } from './real-router.ts';

describeRealRouter('grafbase', { endsByVendorIds: true });
