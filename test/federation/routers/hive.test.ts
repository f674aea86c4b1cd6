import { describeRealRouter } from './real-router.ts';

describeRealRouter('hive');
