import { describeRealRouter } from './real-router.ts';

describeRealRouter('grafbase', {
  cannot: {
    'if it fails as a whole': 'Grafbase ends when a fetch of entities is answered with `data: null`.',
    'keeps its data if some requests by residence { id } maintenanceId cannot be read':
      'The planner of Grafbase ends the process at this query.',
  },
});
