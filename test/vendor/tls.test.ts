/**
 * TLS to the command API. The server runs in its own process: Node reads NODE_EXTRA_CA_CERTS only at start.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createEmulator } from '../../dev/command-api.ts';
import { EXAMPLE, seed } from '../../dev/seed.ts';
import { Store } from '../../dev/store.ts';
import { askAt, codes, ROUTER_SECRET } from '../support/ask.ts';
import { issue } from '../support/certificates.ts';
import { killAll, run } from '../support/process.ts';
import { HEADERS } from '../support/replica.ts';

const ID = `${EXAMPLE.residenceId}:${EXAMPLE.maintenanceId}`;
const READS = `{
  maintenances(residenceId: "${EXAMPLE.residenceId}") { contact }
  _entities(representations: [{ __typename: "Maintenance", id: "${ID}" }]) { ... on Maintenance { contact } }
}`;
const WRITE = `mutation { deleteMaintenance(id: "${ID}") { deletedId } }`;

const trusted = await issue('trusted', undefined, -1, true);
const unknown = await issue('unknown', undefined, -1, true);
const valid = await issue('localhost', trusted);
const folder = mkdtempSync(join(tmpdir(), 'maintenance-tls-'));
writeFileSync(join(folder, 'ca.pem'), trusted.cert);

const commands: unknown[] = [];
let connections = 0;
const onExchange = (body: string) => commands.push(JSON.parse(body).command);
const emulator = createEmulator({ store: new Store(seed()), tokens: new Set([EXAMPLE.token]), onExchange });
let answer: RequestListener = emulator;
const upstream = https.createServer(valid, (...exchange) => answer(...exchange)).on('connection', () => connections++);
let server: ReturnType<typeof run>;
let url: string | undefined;

beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, 'localhost', resolve));
  server = run('src/main.ts', {
    ...{ HOST: '127.0.0.1', PORT: '0', ROUTER_SECRET, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') },
    // The server has to verify certificates in spite of this variable.
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
    BREAKER_FAILURES: '1000',
    COMMAND_API_URL: `https://localhost:${(upstream.address() as AddressInfo).port}`,
  });
  [, url] = await server.until(/"url":"([^"]+)","msg":"ready"/);
});
afterAll(() => {
  killAll();
  upstream.close();
  rmSync(folder, { recursive: true });
});

const ask = (query: string) => askAt(`${url}/graphql`, query, { headers: HEADERS });

it.each([
  ['that has expired', issue('localhost', trusted, -31), 'CERT_HAS_EXPIRED'],
  ['for another host', issue('elsewhere.example', trusted), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['of an unknown authority', issue('localhost', unknown), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
])('a certificate %s stops every command; only the log has the reason', async (_, certificate, reason) => {
  upstream.setSecureContext(await certificate);
  const before = connections;
  const [reads, write] = [await ask(READS), await ask(WRITE)];
  expect([...codes(reads), ...codes(write)]).toEqual([
    ['UPSTREAM_UNAVAILABLE', 'maintenances'],
    ['UPSTREAM_UNAVAILABLE', '_entities.0'],
    ['UPSTREAM_UNAVAILABLE', 'deleteMaintenance'],
  ]);
  expect(write.errors[0]?.extensions.outcome).toBe('NOT_SENT');
  for (const { message, extensions } of [...reads.errors, ...write.errors]) {
    expect(JSON.stringify([message, extensions])).not.toMatch(/cert|self|expire|valid|issuer|localhost|TLS|SSL/i);
    await server.until(new RegExp(`"id":"${extensions.commandId}"[^}]+"detail":"${reason}"`));
  }
  expect(connections).toBeGreaterThan(before);
  expect(commands).toEqual([]);
});

it('a valid certificate of a trusted authority lets reads and writes through', async () => {
  upstream.setSecureContext(valid);
  const contact = '10086';
  expect((await ask(READS)).data).toEqual({ maintenances: [{ contact }], _entities: [{ contact }] });
  expect((await ask(WRITE)).data).toEqual({ deleteMaintenance: { deletedId: ID } });
  expect(commands).toEqual(['get_maintenance_list', 'delete_maintenance_info']);
});

it('a write whose connection breaks after it was sent may have happened', async () => {
  answer = ({ socket }) => socket.destroy();
  expect(await ask(WRITE)).toMatchObject({ errors: [{ extensions: { outcome: 'UNKNOWN' } }] });
});
