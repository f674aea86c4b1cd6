import { describeRealRouter } from './real-router.ts';

describeRealRouter('hive', { mergesEntities: true, leavesMembers: true });
