import { describeRealRouter } from './real-router.ts';

describeRealRouter('grafbase', {
  cannot: {
    'keeps its data if some requests by residence { id } maintenanceId cannot be read':
      'The planner of Grafbase ends the process at this query.',
  },
});
