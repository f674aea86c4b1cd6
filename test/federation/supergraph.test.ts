import { startGateway } from '../../dev/supergraph/gateway.ts';
import { describeBehind } from './routers/suite.ts';

describeBehind('@apollo/gateway', startGateway);
