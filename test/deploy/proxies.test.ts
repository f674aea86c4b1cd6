/** The proxy that ships, the token exchange, before two processes. */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { expect } from '@jest/globals';
import { freePort, serve } from '../../dev/command-api.ts';
import { askAt } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { DELETE, LIST, times } from '../support/maintenance/requests.ts';
import { start as startProcess, watch } from '../support/process.ts';
import { HEADERS } from '../support/replica.ts';
import { itUnless } from '../support/skip.ts';
import { act, TOKENS } from '../support/upstream.ts';
import { useFolder } from '../support/use-folder.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { until } from '../support/wait.ts';

const missing = spawnSync('nginx', ['-v']).error && 'nginx is not installed.';
const { folder, write } = useFolder('proxies');
const startReplica = useReplicas();

const [TOKEN_HEADER, A, B] = ['x-vendor-authorization', `Bearer ${TOKENS.first}`, `Bearer ${TOKENS.second}`];
/** The vendor's tokens, by identity. The exchange answers others without a token, and with their number as the status. */
const GRANTED: Record<string, string> = { 'Bearer alice': A, bob: B, carol: A, uncached: A };
const [REFUSED, FAILED] = ['nginx: 200 UNAUTHENTICATED NOT_SENT', 'nginx: 200 UPSTREAM_UNAVAILABLE NOT_SENT'];
/** Identity, operation, answer with the number of exchanges and the token of each command. */
const ROWS = [
  ['Bearer alice', LIST, `subgraph: 200, 1, ${A}`],
  ['bob', LIST, `subgraph: 200, 1, ${B}`],
  ['Bearer alice', DELETE, `subgraph: 200, 0, ${A}`],
  ['bob', DELETE, `subgraph: 200, 0, ${B}`],
  ...times(2, () => ['uncached', LIST, `subgraph: 200, 1, ${A}`]),
  ['', LIST, `${REFUSED}, 0, `],
  ...['401', '401', '403'].map((identity) => [identity, DELETE, `${REFUSED}, 1, `]),
  ...['503', '503', '302', 'no token', 'no token'].map((identity) => [identity, DELETE, `${FAILED}, 1, `]),
];

itUnless(missing, 'nginx exchanges identities for tokens, and sends no operation twice', async () => {
  const exchanges: string[] = [];
  const exchange = await serve(({ method, headers: { authorization: identity = '', host, ...others } }, response) => {
    exchanges.push([identity, method, ...Object.keys(others)].join(' '));
    if (GRANTED[identity]) response.setHeader(TOKEN_HEADER, GRANTED[identity]);
    const kept = identity !== 'uncached' && { 'cache-control': 'max-age=600', 'set-cookie': 'a=1', vary: '*' };
    if (identity !== 'silent') response.writeHead(Number(identity) || 200, { ...kept }).end('{}');
  });
  const [first, second] = [await startReplica({ TOKEN_HEADER }), await startReplica({ TOKEN_HEADER })];
  const origin = `127.0.0.1:${await freePort()}`;
  const settings = readDocument('supergraph/token-exchange/nginx.conf')
    .replaceAll('/run/token-exchange', folder)
    .replace('listen 4200', `listen ${origin}`)
    .replace('127.0.0.1:4001', `${new URL(first.url).host}; server ${new URL(second.url).host} backup`)
    .replace('127.0.0.1:4300', new URL(exchange.url).host)
    // The exchange is on a busy machine.
    .replaceAll(/(?<=timeout )[12]s/g, '9s');
  const args = ['-c', write('nginx.conf', settings), '-g', 'master_process off;'];
  const { output } = watch(startProcess('nginx', args, { PATH: process.env.PATH }));
  await until(() => fetch(`http://${origin}`).then(Boolean, () => false));
  /** Returns who answers, with status, code and outcome. */
  async function ask(identity = '', query = DELETE, changed = {}) {
    const headers = { ...HEADERS, authorization: identity, [TOKEN_HEADER]: A, ...changed };
    const answer = await askAt(`http://${origin}/graphql`, query, { headers });
    const { code = '', outcome = '' } = answer.errors[0]?.extensions ?? {};
    return `${answer.headers.has('x-request-id') ? 'subgraph' : 'nginx'}: ${answer.status} ${code} ${outcome}`.trim();
  }
  const seen: string[][] = [];
  const { received } = first.upstream;
  for (const [identity = '', query = ''] of ROWS) {
    const before = exchanges.length;
    received.length = 0;
    const answer = await ask(identity, query);
    const tokens = received.map(({ headers }) => headers.authorization);
    seen.push([identity, query, `${answer}, ${exchanges.length - before}, ${tokens}`]);
  }
  expect(seen).toEqual(ROWS);
  expect(await ask('bob', LIST.padEnd(1_200_000))).toBe('subgraph: 413 BAD_REQUEST NOT_SENT');
  expect(await ask('bob', LIST.padEnd(3_000_000))).toBe('nginx: 413 BAD_REQUEST NOT_SENT');
  const wrong = { 'router-authorization': 'wrong' };
  expect(await ask('bob', LIST, wrong)).toBe('subgraph: 401 ROUTER_UNAUTHENTICATED NOT_SENT');
  await Promise.all(times(8, () => ask('carol', LIST)));
  // No other header, and no body.
  expect(exchanges.filter((line) => line.startsWith('carol'))).toEqual(['carol GET connection']);
  expect(await ask('silent')).toBe(FAILED);
  await exchange.stop();
  expect(await ask('dave')).toBe(FAILED);
  received.length = 0;
  first.upstream.fail(act(() => first.kill('SIGKILL')));
  await expect(ask('bob')).rejects.toThrow('JSON');
  expect([received.length, second.upstream.received.length]).toEqual([1, 0]);
  expect(statSync(`${folder}/cache`).mode % 0o1000).toBe(0o700);
  expect(output()).toContain('unexpected status: 503');
  for (const secret of ['Bearer', A.slice(7), B.slice(7), HEADERS['router-authorization']])
    expect(output()).not.toContain(secret);
});
