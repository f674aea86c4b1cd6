/** TLS to the command API. The server runs in its own process: Node reads NODE_EXTRA_CA_CERTS only at start. */
import { beforeAll, expect, it } from '@jest/globals';
import { issue } from '../support/certificates.ts';
import { DELETE, LIST, M, R } from '../support/maintenance/requests.ts';
import { startUpstream } from '../support/upstream.ts';
import { useFolder } from '../support/use-folder.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { until } from '../support/wait.ts';

const trusted = await issue('trusted');
const unknown = await issue('unknown');
const valid = await issue('localhost', trusted);
const NODE_EXTRA_CA_CERTS = useFolder('tls').write('ca.pem', trusted.cert);

const upstream = await startUpstream({ tls: valid });
const start = useReplicas([upstream.stop]);
let server: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  // The server has to verify certificates in spite of the second variable.
  const env = { NODE_EXTRA_CA_CERTS, NODE_TLS_REJECT_UNAUTHORIZED: '0' };
  server = await start({ ...env, COMMAND_API_URL: upstream.url, BREAKER_FAILURES: '1000' });
});

it.each([
  ['that has expired', issue('localhost', trusted, -31), 'CERT_HAS_EXPIRED'],
  ['for another host', issue('elsewhere.example', trusted), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['of an unknown authority', issue('localhost', unknown), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
])('a certificate %s stops reads and writes; only the log has the reason', async (_, certificate, reason) => {
  upstream.useCertificate(await certificate);
  const answers = [await server.ask(LIST), await server.ask(DELETE)];
  const code = 'UPSTREAM_UNAVAILABLE';
  const failed = [{ code }, { code, outcome: 'NOT_SENT' }].map((extensions) => ({ errors: [{ extensions }] }));
  expect(answers).toMatchObject(failed);
  for (const { message, extensions } of answers.flatMap(({ errors }) => errors)) {
    expect(JSON.stringify([message, extensions])).not.toMatch(/cert|self|expire|valid|issuer|localhost|TLS|SSL/i);
    const entry = new RegExp(`"id":"${extensions.commandId}"[^}]+"detail":"${reason}"`);
    await until(() => entry.test(server.output()));
  }
  expect(upstream.received).toEqual([]);
});

it('a valid certificate of a trusted authority lets reads and writes through', async () => {
  upstream.useCertificate(valid);
  expect((await server.ask(LIST)).data).toEqual({ maintenances: [{ id: `${R}:${M}` }] });
  expect((await server.ask(DELETE)).data).toEqual({ deleteMaintenance: { deletedId: `${R}:${M}` } });
  expect(upstream.commands()).toEqual([`get_maintenance_list ${R}`, `delete_maintenance_info ${R} ${M}`]);
});
