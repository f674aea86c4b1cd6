import { generate } from 'selfsigned';

const DAY_MS = 86_400_000;

/** Issues a certificate for 30 days from `fromDay`, signed by `ca`; without one, of an authority, signed by itself. */
export async function issue(name: string, ca?: { key: string; cert: string }, fromDay = -1) {
  const from = Date.now() + fromDay * DAY_MS;
  const usage = ca
    ? { name: 'subjectAltName' as const, altNames: [{ type: 2 as const, value: name }] }
    : { name: 'keyUsage' as const, keyCertSign: true, critical: true };
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(from),
    notAfterDate: new Date(from + 30 * DAY_MS),
    extensions: [{ name: 'basicConstraints', cA: !ca, critical: true }, usage],
    ...(ca && { ca }),
  });
  return { key: made.private, cert: made.cert };
}
