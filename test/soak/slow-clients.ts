import { HEADERS } from '../support/replica.ts';
import type { Figure } from './figures.ts';
import { holdConnections } from './held-connections.ts';

const HEAD = `POST /graphql HTTP/1.1\r\nhost: subgraph\r\n${Object.entries(HEADERS)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')}`;

/** Clients that say a byte a second: the server does not wait for them for ever, and answers the others. */
export function slowClients(): Promise<Figure[]> {
  return holdConnections([
    { name: 'a head that drips', first: `${HEAD}x-slow: `, drip: 'x' },
    { name: 'a body that drips', first: `${HEAD}content-length: 1000\r\n\r\n{"query":"`, drip: ' ' },
    { name: 'a chunked body that drips', first: `${HEAD}transfer-encoding: chunked\r\n\r\n`, drip: '1\r\n \r\n' },
    {
      name: 'a dripping body without the secret',
      first: 'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n',
      drip: ' ',
    },
  ]);
}
