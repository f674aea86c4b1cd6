import { describeRealRouter } from './real-router.ts';

describeRealRouter('hive-gateway', { omitsIndices: true, readsAgain: true });
