// Tries a pod from inside: ready, the version, and an operation with the pod's first secret that sends no command. Exits with 1,
// and the reason, if one fails.
//
//     kubectl exec POD -- node --no-use-env-proxy --input-type=module --eval "$(cat deploy/try-pod.mjs)" VERSION
import { readFileSync } from 'node:fs';

const [, expected] = process.argv;
const { PORT = 4001, ROUTER_SECRET_FILE: file, ROUTER_SECRET = '' } = process.env;
const [secret] = (file ? readFileSync(file, 'utf8') : ROUTER_SECRET).trim().split(/\s+/);
// A pod that hangs must not hold up the way back.
const signal = AbortSignal.timeout(30_000);
const ask = async (path, init) => (await fetch(`http://127.0.0.1:${PORT}${path}`, { signal, ...init })).json();

const { status } = await ask('/health/ready');
const { version } = await ask('/health/live');
const { data } = await ask('/graphql', {
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    'router-authorization': secret,
  },
  body: '{"query":"{ __typename }"}',
});
const seen = { status, version, typename: data?.__typename };
console.log(seen);
process.exit(status === 'ready' && version === expected && seen.typename === 'Query' ? 0 : 1);
