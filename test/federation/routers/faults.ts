/** What a subgraph answers in the tests of routers: faults, and an error with every extension. */
import type { ServerResponse } from 'node:http';
import type { Fault, Fetch } from '../../support/recorder.ts';

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

export function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** Returns null for each representation of a fetch. Routers name the variable differently. */
function nulls({ variables = {} }: Fetch): null[] {
  const representations = Object.values(variables).find((value) => Array.isArray(value)) as unknown[];
  return representations.map(() => null);
}

export const CUT_OFF: Fault = (response) => void response.destroy();
export const UNAVAILABLE: Fault = (response) => answer(response, 503, 'Service Unavailable');
/** A failure of the neighbor → its answer. */
export const FAILURES: Readonly<Record<string, Fault>> = {
  'cuts the connection': CUT_OFF,
  'fails as a whole': (response) => answer(response, 200, { data: null, errors: [{ message: 'no' }] }),
  'knows no such residence': (response, fetch) => answer(response, 200, { data: { _entities: nulls(fetch) } }),
};
