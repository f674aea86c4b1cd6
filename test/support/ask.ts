/** Sends GraphQL requests, and reads their answers. */
import { EXAMPLE } from '../../dev/maintenance/seed.ts';

export const ROUTER_SECRET = 'router-secret-of-the-tests';

export const NEW_MAINTENANCE = {
  residenceId: EXAMPLE.residenceId,
  startTime: '2024-01-16T13:32:45Z',
  finishTime: '2024-01-17T13:32:45Z',
  description: 'x',
  contact: 'x',
} as const;

export interface GraphqlError {
  message: string;
  path?: (string | number)[];
  extensions: Record<string, unknown>;
}

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into whatever an operation answers
  data: any;
  errors: GraphqlError[];
  extensions: Record<string, unknown> | undefined;
}

export interface Sending {
  /** Null sends no `Authorization`. */
  readonly token?: string | null;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export interface Asking extends Sending {
  readonly variables?: Record<string, unknown>;
}

/** Sends a body to a GraphQL server at `url`, with the headers of a router's client. */
export async function postTo(url: string, body: string, { token = EXAMPLE.token, headers, ...others }: Sending) {
  const own = { 'content-type': 'application/json', accept: 'application/json' };
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
  const sent = { method: 'POST', headers: { ...own, ...authorization, ...headers }, body };
  const response = await fetch(url, { ...others, ...sent });
  const { data, errors = [], extensions } = (await response.json()) as Partial<Answer>;
  return { status: response.status, headers: response.headers, data, errors, extensions };
}

/** Sends an operation to a GraphQL server at `url`, with the headers of a router's client. */
export function askAt(url: string, query: string, { variables, ...sending }: Asking = {}): Promise<Answer> {
  return postTo(url, JSON.stringify({ query, variables }), sending);
}

/** Returns code and path of each error. */
export function codes({ errors }: Pick<Answer, 'errors'>): [unknown, string | undefined][] {
  return errors.map(({ extensions, path }) => [extensions.code, path?.join('.')]);
}
