/**
 * TLS to the command API. The server runs in its own process: Node reads NODE_EXTRA_CA_CERTS only at start.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from '@jest/globals';
import { generate } from 'selfsigned';
import { createCommandApi } from '../../dev/command-api.ts';
import { EXAMPLE, seed } from '../../dev/seed.ts';
import { Store } from '../../dev/store.ts';
import { killAll, run } from '../support/process.ts';
import { HEADERS } from '../support/replica.ts';
import { askAt, codes, ROUTER_SECRET } from '../support/subgraph.ts';

const ID = `${EXAMPLE.residenceId}:${EXAMPLE.maintenanceId}`;
const READS = `{
  maintenances(residenceId: "${EXAMPLE.residenceId}") { contact }
  _entities(representations: [{ __typename: "Maintenance", id: "${ID}" }]) { ... on Maintenance { contact } }
}`;
const WRITE = `mutation { deleteMaintenance(id: "${ID}") { id } }`;
const LAX = { NODE_TLS_REJECT_UNAUTHORIZED: '0' };
const DAY_MS = 86_400_000;

type Certificate = Record<'key' | 'cert', string>;

/** Issues a certificate for 30 days from `fromDay`, signed by `ca` or by itself. */
async function issue(name: string, ca?: Certificate, fromDay = -1, isAuthority = false): Promise<Certificate> {
  const from = Date.now() + fromDay * DAY_MS;
  const usage = isAuthority
    ? { name: 'keyUsage' as const, keyCertSign: true, critical: true }
    : { name: 'subjectAltName' as const, altNames: [{ type: 2 as const, value: name }] };
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(from),
    notAfterDate: new Date(from + 30 * DAY_MS),
    extensions: [{ name: 'basicConstraints', cA: isAuthority, critical: true }, usage],
    ...(ca && { ca }),
  });
  return { key: made.private, cert: made.cert };
}

const trusted = await issue('trusted', undefined, -1, true);
const unknown = await issue('unknown', undefined, -1, true);
const folder = mkdtempSync(join(tmpdir(), 'maintenance-tls-'));
writeFileSync(join(folder, 'ca.pem'), trusted.cert);
let stop = (): unknown => undefined;

afterEach(() => {
  killAll();
  stop();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Starts the server before an emulator with this certificate. `connections` counts the server's attempts to connect. */
async function start(certificate: Certificate, env: NodeJS.ProcessEnv = {}) {
  const commands: unknown[] = [];
  let connections = 0;
  const onExchange = (body: string) => commands.push(JSON.parse(body).command);
  const emulator = createCommandApi({ store: new Store(seed()), tokens: new Set([EXAMPLE.token]), onExchange });
  const upstream = https.createServer(certificate, emulator).on('connection', () => connections++);
  await new Promise<void>((resolve) => upstream.listen(0, 'localhost', resolve));
  stop = () => upstream.close();
  const server = run('src/main.ts', {
    ...{ HOST: '127.0.0.1', PORT: '0', ROUTER_SECRET, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'), ...env },
    COMMAND_API_URL: `https://localhost:${(upstream.address() as AddressInfo).port}`,
  });
  const [, url] = await server.until(/"url":"([^"]+)","msg":"ready"/);
  const ask = (query: string) => askAt(`${url}/graphql`, query, { headers: HEADERS });
  return { ask, commands, connections: () => connections, until: server.until };
}

it('a valid certificate of a trusted authority lets reads and writes through', async () => {
  const { ask, commands } = await start(await issue('localhost', trusted));
  const contact = '10086';
  expect((await ask(READS)).data).toEqual({ maintenances: [{ contact }], _entities: [{ contact }] });
  expect((await ask(WRITE)).data).toEqual({ deleteMaintenance: { id: ID } });
  expect(commands).toEqual(['get_maintenance_list', 'delete_maintenance_info']);
});

it.each<[string, Promise<Certificate>, string, NodeJS.ProcessEnv?]>([
  ['that has expired', issue('localhost', trusted, -31), 'CERT_HAS_EXPIRED'],
  ['that is not yet valid', issue('localhost', trusted, 1), 'CERT_NOT_YET_VALID'],
  ['for another host', issue('elsewhere.example', trusted), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['of an unknown authority', issue('localhost', unknown), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ['that signed itself', issue('localhost'), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['that signed itself, with NODE_TLS_REJECT_UNAUTHORIZED=0,', issue('localhost'), 'DEPTH_ZERO_SELF_SIGNED_CERT', LAX],
])('a certificate %s stops every command; only the log has the reason', async (...[, certificate, reason, env]) => {
  const server = await start(await certificate, env);
  const [reads, write] = [await server.ask(READS), await server.ask(WRITE)];
  expect([...codes(reads), ...codes(write)]).toEqual([
    ['UPSTREAM_UNAVAILABLE', 'maintenances'],
    ['UPSTREAM_UNAVAILABLE', '_entities.0'],
    ['UPSTREAM_UNAVAILABLE', 'deleteMaintenance'],
  ]);
  expect(write.errors[0]?.extensions.outcome).toBe('NOT_SENT');
  for (const { message, extensions } of [...reads.errors, ...write.errors]) {
    expect(JSON.stringify([message, extensions])).not.toMatch(/cert|self|expire|valid|issuer|localhost|TLS|SSL/i);
    const { command, commandId } = extensions;
    await server.until(new RegExp(`"id":"${commandId}"[^}]+"detail":"${command}: ${reason}"`));
  }
  expect(server.connections()).toBeGreaterThan(0);
  expect(server.commands).toEqual([]);
});
