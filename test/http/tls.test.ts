/**
 * TLS to the command API. The server runs in its own process: Node reads NODE_EXTRA_CA_CERTS only at start.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
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
const DAY_MS = 86_400_000;

interface Certificate {
  readonly key: string;
  readonly cert: string;
}

const folder = mkdtempSync(join(tmpdir(), 'maintenance-tls-'));
let authority: Certificate;
let stranger: Certificate;
let stop = (): unknown => undefined;

beforeAll(async () => {
  authority = await issue({ name: 'trusted', isAuthority: true });
  stranger = await issue({ name: 'unknown', isAuthority: true });
  writeFileSync(join(folder, 'ca.pem'), authority.cert);
});
afterEach(() => {
  killAll();
  stop();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Issues a certificate for 30 days from `fromDay`, signed by `ca` or by itself. */
async function issue({
  name = 'localhost',
  fromDay = -1,
  ca,
  isAuthority = false,
}: {
  name?: string;
  fromDay?: number;
  ca?: Certificate;
  isAuthority?: boolean;
} = {}): Promise<Certificate> {
  const from = Date.now() + fromDay * DAY_MS;
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(from),
    notAfterDate: new Date(from + 30 * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: isAuthority, critical: true },
      isAuthority
        ? { name: 'keyUsage', keyCertSign: true, critical: true }
        : { name: 'subjectAltName', altNames: [{ type: 2, value: name }] },
    ],
    ...(ca && { ca }),
  });
  return { key: made.private, cert: made.cert };
}

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
  const { ask, commands } = await start(await issue({ ca: authority }));
  const contact = '10086';
  expect((await ask(READS)).data).toEqual({ maintenances: [{ contact }], _entities: [{ contact }] });
  expect((await ask(WRITE)).data).toEqual({ deleteMaintenance: { id: ID } });
  expect(commands).toEqual(['get_maintenance_list', 'delete_maintenance_info']);
});

it.each<[string, () => Parameters<typeof issue>[0], string, NodeJS.ProcessEnv?]>([
  ['expired', () => ({ ca: authority, fromDay: -31 }), 'CERT_HAS_EXPIRED'],
  ['not yet valid', () => ({ ca: authority, fromDay: 1 }), 'CERT_NOT_YET_VALID'],
  ['for another host', () => ({ ca: authority, name: 'elsewhere.example' }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['of an unknown authority', () => ({ ca: stranger }), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ['self-signed', () => ({}), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  [
    'self-signed with NODE_TLS_REJECT_UNAUTHORIZED=0',
    () => ({}),
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
  ],
])(
  'a certificate that is %s stops every command, and only the log has the reason',
  async (...[, options, reason, env]) => {
    const server = await start(await issue(options()), env);
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
  },
);
