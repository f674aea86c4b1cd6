/** What a subgraph answers in the tests of routers: faults, and an error with every extension. */
import type { ServerResponse } from 'node:http';
import type { Fault } from '../../support/recorder.ts';

/** Every extension that an error of the subgraph may have. */
export const EXTENSIONS = {
  code: 'COMMAND_REJECTED',
  command: 'delete_maintenance_info',
  commandId: 'c0',
  upstreamCode: 'E1',
  outcome: 'REJECTED',
  errorId: 'e0',
  arguments: [{ argument: 'id', message: 'no' }],
};

export function answer(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export const CUT_OFF: Fault = (response) => void response.destroy();
export const UNAVAILABLE: Fault = (response) => void response.writeHead(503).end('Service Unavailable');
