import { generate } from 'selfsigned';

const DAY_MS = 86_400_000;

/** Issues a certificate for 30 days from `fromDay`, signed by `ca` or by itself. */
export async function issue(name: string, ca?: { key: string; cert: string }, fromDay = -1, isAuthority = false) {
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
