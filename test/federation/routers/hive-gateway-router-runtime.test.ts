import { describeRealRouter } from './real-router.ts';

describeRealRouter('hive-gateway-router-runtime', { mergesEntities: true });
