/**
 * TLS to the command API: a certificate that does not hold stops every command, before any of it leaves. The server
 * runs in a process of its own, since Node reads NODE_EXTRA_CA_CERTS only at start.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generate } from 'selfsigned';
import { answerCommand, readText } from '../../dev/command-api.ts';
import { EXAMPLE, seed } from '../../dev/seed.ts';
import { Store } from '../../dev/store.ts';
import { run } from '../support/process.ts';
import { type GraphqlError, ROUTER_SECRET } from '../support/subgraph.ts';

const R = EXAMPLE.residenceId;
const M = EXAMPLE.maintenanceId;
const DAY_MS = 86_400_000;

interface Pair {
  readonly key: string;
  readonly cert: string;
}

interface Making {
  /** The host that it is for. */
  readonly host?: string;
  /** When it begins to hold, in days from now; it holds for 30. */
  readonly fromDay?: number;
  /** Who signs it; itself, where nobody does. */
  readonly ca?: Pair;
  readonly isAuthority?: boolean;
}

async function makeCertificate({ host = 'localhost', fromDay = -1, ca, isAuthority = false }: Making): Promise<Pair> {
  const from = Date.now() + fromDay * DAY_MS;
  const made = await generate([{ name: 'commonName', value: isAuthority ? `CA ${host}` : host }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(from),
    notAfterDate: new Date(from + 30 * DAY_MS),
    extensions: isAuthority
      ? [
          { name: 'basicConstraints', cA: true, critical: true },
          { name: 'keyUsage', keyCertSign: true, critical: true },
        ]
      : [
          { name: 'basicConstraints', cA: false, critical: true },
          { name: 'keyUsage', digitalSignature: true, critical: true },
          { name: 'extKeyUsage', serverAuth: true },
          { name: 'subjectAltName', altNames: [{ type: 2, value: host }] },
        ],
    ...(ca && { ca }),
  });
  return { key: made.private, cert: made.cert };
}

/** The emulator behind TLS, with a record of what reached it. */
async function startFake(pair: Pair) {
  const store = new Store(seed());
  const received: string[] = [];
  let connections = 0;
  const server = https.createServer(pair, async (request, response) => {
    const body = await readText(request);
    received.push(body);
    const { status, text } = answerCommand(request, body, store, new Set([EXAMPLE.token]));
    response.writeHead(status, { 'content-type': 'application/json' }).end(text);
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    commands: () => received.map((body) => JSON.parse(body).command as string),
    connections: () => connections,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

const READ = `{ maintenances(residenceId: "${R}") { contact } }`;
const WRITE = `mutation { deleteMaintenance(id: "${R}:${M}") { id } }`;
const ENTITY = `{
  _entities(representations: [{ __typename: "Maintenance", id: "${R}:${M}" }]) { ... on Maintenance { contact } }
}`;

let folder: string;
let authority: Pair;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'maintenance-tls-'));
  authority = await makeCertificate({ host: 'of the tests', isAuthority: true });
  await writeFile(join(folder, 'ca.pem'), authority.cert);
});
afterAll(() => rm(folder, { recursive: true }));

/** A server before a command API with such a certificate. */
function useServer(make: () => Promise<Pair>, env: Record<string, string> = {}) {
  let fake: Awaited<ReturnType<typeof startFake>>;
  let server: ReturnType<typeof run>;
  let url: string | undefined;
  beforeAll(async () => {
    fake = await startFake(await make());
    server = run('src/main.ts', {
      HOST: '127.0.0.1',
      PORT: '0',
      ROUTER_SECRET,
      COMMAND_API_URL: fake.url,
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
      ...env,
    });
    [, url] = await server.until(/"url":"([^"]+)","msg":"ready"/);
  });
  afterAll(async () => {
    server?.child.kill('SIGKILL');
    await server?.exit;
    await fake?.stop();
  });
  return {
    async ask(query: string) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'router-authorization': ROUTER_SECRET,
          authorization: `Bearer ${EXAMPLE.token}`,
        },
        body: JSON.stringify({ query }),
      });
      const text = await response.text();
      return { text, ...(JSON.parse(text) as { data: unknown; errors?: GraphqlError[] }) };
    },
    until: (pattern: RegExp) => server.until(pattern),
    commands: () => fake.commands(),
    connections: () => fake.connections(),
  };
}

describe('a certificate for the host, of an authority that is trusted', () => {
  const server = useServer(() => makeCertificate({ ca: authority }));

  it('lets every kind of command through', async () => {
    expect(await server.ask(READ)).toMatchObject({ data: { maintenances: [{ contact: '10086' }] } });
    expect(await server.ask(ENTITY)).toMatchObject({ data: { _entities: [{ contact: '10086' }] } });
    expect(await server.ask(WRITE)).toMatchObject({ data: { deleteMaintenance: { id: `${R}:${M}` } } });
    expect(server.commands()).toEqual(['get_maintenance_list', 'get_maintenance_info', 'delete_maintenance_info']);
  });
});

const BAD: [string, () => Making | Promise<Making>, string, Record<string, string>?][] = [
  ['that has expired', () => ({ ca: authority, fromDay: -31 }), 'CERT_HAS_EXPIRED'],
  ['that does not hold yet', () => ({ ca: authority, fromDay: 1 }), 'CERT_NOT_YET_VALID'],
  ['for another host', () => ({ ca: authority, host: 'elsewhere.example' }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['that signed itself', () => ({}), 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  [
    'of an authority that nobody trusts',
    async () => ({ ca: await makeCertificate({ host: 'of nobody', isAuthority: true }) }),
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  ],
  [
    'that signed itself, where Node is told to take any,',
    () => ({}),
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
  ],
];

describe.each(BAD)('a certificate %s', (_, making, reason, env) => {
  const server = useServer(async () => makeCertificate(await making()), env);

  it.each([
    ['a read', READ, ['maintenances'], undefined],
    ['a mutation', WRITE, ['deleteMaintenance'], 'NOT_SENT'],
    ['_entities', ENTITY, ['_entities', 0], undefined],
  ])('stops %s, and only the log says why', async (_name, query, path, outcome) => {
    const { text, errors } = await server.ask(query);
    expect(errors).toEqual([
      {
        message: 'The command API could not be reached or could not answer.',
        path,
        extensions: {
          code: 'UPSTREAM_UNAVAILABLE',
          command: expect.any(String),
          commandId: expect.any(String),
          ...(outcome && { outcome }),
        },
      },
    ]);
    expect(text).not.toMatch(/cert|self|expire|valid|issuer|localhost|TLS|SSL/i);
    const { commandId, command } = errors?.[0]?.extensions ?? {};
    await server.until(new RegExp(`"id":"${commandId}"[^}]+"detail":"${command}: ${reason}"`));
    // It came as far as the certificate, and no further.
    expect(server.connections()).toBeGreaterThan(0);
    expect(server.commands()).toEqual([]);
  });
});
