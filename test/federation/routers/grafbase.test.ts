import { describeRealRouter } from './real-router.ts';

const NULL_DATA = 'Grafbase ends when a fetch of entities is answered with `data: null`.';

describeRealRouter('grafbase', {
  cannot: {
    '1,001 representations are refused before any command, and the data of the neighbor stays': NULL_DATA,
    'if it fails as a whole': NULL_DATA,
    'keeps its data if some requests by residence { id } maintenanceId cannot be read':
      'The planner of Grafbase ends the process at this query.',
  },
});
