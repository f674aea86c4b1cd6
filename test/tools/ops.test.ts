/** deploy/ops.sh, in bash and in sh (Debian's is dash), with a fake `kubectl` before it in the PATH. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { resolve } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { list } from '../support/maintenance/requests.ts';
import { useFolder } from '../support/use-folder.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const hasJq = !spawnSync('jq', ['--version']).error;
const [test, skipped] = hasJq ? [it, ''] : [it.skip, '. Skipped: jq is not installed.'];
const { folder, write } = useFolder('ops');
const subgraph = useSubgraph();

// Prints two files as the log of two pods, after $UNREAD, unless $FAILS. $PODS are the pods.
const kubectl = `#!/bin/sh
case "$*" in
  '--namespace graphql get pods --selector app.kubernetes.io/name=maintenance-subgraph --output name') [ "$PODS" != fails ] && echo "$PODS" ;;
  '--namespace graphql logs '*' --previous=true') echo 'error: previous terminated container "maintenance-subgraph" not found' ;;
  '--namespace graphql logs '*' --since 1h --previous=false') [ ! "$FAILS" ] && printf "$UNREAD" && cat one.log two.log ;;
  *) echo "fake kubectl: $*" >&2; exit 1 ;;
esac`;
chmodSync(write('kubectl', kubectl), 0o755);

/** Returns the lines that a shell prints, the errors and the code after them. */
async function run(shell: string, code: string, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const script = `shell=$(command -v ${shell}); ops() { "$shell" ${resolve('deploy/ops.sh')} "$@"; }\n${code}`;
  const all = { PATH: `${folder}:${process.env.PATH}`, PODS: 'pod/a', ...env };
  const child = spawn(shell, ['-c', script], { cwd: folder, env: all, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = new Promise((ended) => child.once('close', ended));
  const printed = (await Promise.all([readText(child.stdout), readText(child.stderr)])).join('');
  const untimed = printed.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME');
  return [...untimed.trimEnd().split('\n'), `code ${await exit}`];
}

describe.each(['bash', 'sh'])('in %s', (shell) => {
  test(`logs, failed and find_id read a namespace and standard input${skipped}`, async () => {
    subgraph.upstream.fail(() => ({ status: 403, body: {} }));
    const trace = 'a'.repeat(32);
    const headers = { 'x-request-id': 'request-1', traceparent: `00-${trace}-${'b'.repeat(16)}-01` };
    const { errors } = await subgraph.ask(list().query, { ...list(), headers });
    const id = String(errors[0]?.extensions.commandId);
    await subgraph.ask('{ maintenances }', { headers: { 'x-request-id': 'request-2' } });
    const [first, second] = subgraph.logText().trimEnd().split('\n').slice(-2);
    write('one.log', `no JSON\n${first}\n`);
    write('two.log', `${second}\n`);
    write('old.log', `${JSON.stringify({ time: 0, requestId: 'too old' })}\n`);
    const script = (input: string, flags = '') => `
      ${input} ops ${flags} logs 1h | jq -r .requestId
      ${input} ops ${flags} failed 1h | sed 's/host=.* last/last/' | sort -k 2
      for id in request-1 ${trace} ${id}; do ${input} ops ${flags} find_id "$id" | jq -r '.requestId, .commands[].id'; done`;
    const found = [
      ...['request-1', 'request-2'],
      `     1 FORBIDDEN get_maintenance_list detail="status 403" upstreamCode=null client=null last=TIME id=${id}`,
      '     1 GRAPHQL_VALIDATION_FAILED (no command failed) detail=null upstreamCode=null client=null last=TIME id=request-2',
      ...Array(3).fill(['request-1', id]).flat(),
      'code 0',
    ];
    expect(await run(shell, script('cat old.log one.log two.log |'))).toEqual(found);
    expect(await run(shell, script('', '-n graphql'))).toEqual(found);
  });
});

const KINDS = `jq -nc '(now * 1000) as $time | {msg: "ready"}, {msg: "unforeseen error"}, {commands: [{id: "a"}, {id: "b", outcome: "UNKNOWN"}]},
  {commands: [{id: "c", flaws: [{kind: "size"}]}]} | .time = $time' > kinds.log
  for kind in starts faults unknown flawed; do ops logs 1h $kind < kinds.log | jq -r '.msg // .commands[0].id? // .id'; done`;
const MANY = `jq -nc '{time: (now * 1000), commands: [range(25) | {code: "\\(.)"}]}' | ops failed | wc -l`;
const FAILED = '     1 A b detail=null upstreamCode=null client=null host=null last=TIME id=c';
const WAITS = 'error: container "maintenance-subgraph" in pod "b" is waiting to start:';
const INCOMPLETE = ['ops: the answer is incomplete', 'code 1'];
const unread = (UNREAD: string) => ['ops -n graphql failed 1h', { UNREAD }, FAILED] as const;
test.each<[code: string, env: NodeJS.ProcessEnv, ...prints: string[]]>([
  [KINDS, {}, 'ready', 'unforeseen error', 'b', 'c', 'code 0'],
  [MANY, {}, '20', 'ops: 5 kinds are left out', 'code 0'],
  ['PATH=/none ops failed < one.log', {}, 'ops: jq is missing', 'code 2'],
  ['ops failed 3d < one.log', {}, 'ops: 3d is no time, such as 30s, 15m or 24h', 'code 2'],
  ['ops logs 1h none < one.log', {}, 'ops: there is no kind none: see ops.sh help', 'code 2'],
  ['ops restart', {}, 'ops: there is no restart: see ops.sh help', 'code 2'],
  ['ops -n graphql failed', { PODS: 'fails' }, 'ops: kubectl failed in the namespace graphql', 'code 2'],
  ['ops -n graphql failed 1h', { FAILS: 'yes' }, 'error: kubectl logs failed', ...INCOMPLETE],
  ['ops -n graphql failed', { PODS: '' }, 'ops: the namespace graphql has no pod of the subgraph', 'code 2'],
  [...unread(`${WAITS} ContainerCreating\n`), `${WAITS} ContainerCreating`, 'code 0'],
  [...unread(`${WAITS} trying to pull image\n`), `${WAITS} trying to pull image`, ...INCOMPLETE],
  [...unread('error: pods "b" is forbidden\n'), 'error: pods "b" is forbidden', ...INCOMPLETE],
  [...unread('unable to retrieve container logs for cri-o://0a'), 'error: a log is gone, or breaks off', ...INCOMPLETE],
  [...unread('{"level":30,"time'), 'error: a log is gone, or breaks off', ...INCOMPLETE],
])(`%s with %j prints its result, or why there is none${skipped}`, async (code, env, ...prints) => {
  write('one.log', '');
  write('two.log', `${JSON.stringify({ level: 40, time: 0, commands: [{ code: 'A', name: 'b', id: 'c' }] })}\n`);
  expect(await run('sh', code, env)).toEqual(prints);
});
