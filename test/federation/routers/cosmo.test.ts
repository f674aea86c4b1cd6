import { describeRealRouter } from './real-router.ts';

describeRealRouter('cosmo', { omitsIndices: true });
