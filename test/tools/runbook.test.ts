/** The shell of the runbook, deploy/ops.sh, with stubs of kubectl, docker, journalctl and systemctl. */
import { spawn } from 'node:child_process';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { expect } from '@jest/globals';
import { readDocument } from '../support/documents.ts';
import { skipped, itWithJq as test } from '../support/jq.ts';
import { list } from '../support/maintenance/requests.ts';
import { useFolder } from '../support/use-folder.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const { folder, write } = useFolder('runbook');
write('ops.sh', readDocument('deploy/ops.sh').replaceAll(/\/(etc|opt)\/maintenance/g, `${folder}$&`));
const subgraph = useSubgraph();
const RUNBOOK = readDocument('docs/runbook.md');
const STUBS = `
  cd '${folder}' && . ./ops.sh
  READY=yes FOUND=found UNREAD=
  call() { echo "call $*"; }; docker() { call "docker $*"; }; journalctl() { cat journal; }
  systemctl() { if [ "$1" = restart ]; then call "$*"; else echo 'maintenance-subgraph@4001.service loaded'; fi; }
  curl() { [ "$READY" ]; }; sleep() { :; }
  kubectl() {
    [ "$1 $2" = '--namespace graphql' ] && shift 2
    case "$*" in
      *'--output name') echo "$FOUND" ;;
      logs*--previous) echo 'error: previous terminated container "maintenance-subgraph" not found' ;;
      logs*) [ "$UNREAD" != fails ] && printf "$UNREAD" && cat one.log two.log ;;
      exec*node*) shift 5 && "$@" ;;
      'get replicasets'*) cat sets ;;
      'get secret'*) cat secret ;;
      replace*) cat > replaced && mv replaced secret ;;
      *) call "kubectl $*" ;;
    esac
  }`;

/** Returns the lines that a shell prints, the errors last. */
async function run(OPS_ON: string, code: string, shell = 'bash'): Promise<string[]> {
  const PATH = `${dirname(process.execPath)}:${process.env.PATH}`;
  const env = { PATH, OPS_ON, OPS_NAMESPACE: 'graphql', COMMAND_API_URL: subgraph.url };
  const { stdout, stderr } = spawn(shell, ['-c', `${STUBS}\n${code}`], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const printed = (await Promise.all([readText(stdout), readText(stderr)])).join('').replaceAll(folder, '');
  const untimed = printed.replaceAll(/\d\.\d s/g, '0.1 s').replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME');
  return untimed.replaceAll(subgraph.url, 'URL').trimEnd().split('\n');
}

test(`logs, failed and find_id read each kind of log, in bash and in sh${skipped}`, async () => {
  subgraph.upstream.fail(() => ({ status: 403, body: {} }));
  const trace = 'a'.repeat(32);
  const client = { 'apollographql-client-version': 'v1' };
  const headers = { ...client, 'x-request-id': 'request-1', traceparent: `00-${trace}-${'b'.repeat(16)}-01` };
  const { errors } = await subgraph.ask(list().query, { ...list(), headers });
  const id = String(errors[0]?.extensions.commandId);
  await subgraph.ask('{ maintenances }', { headers: { 'x-request-id': 'request-2' } });
  const lines = subgraph.logText().trimEnd().split('\n');
  // Older versions logged control characters of names. journald gives such a line as its bytes.
  const old = lines[0]?.replace('"clientVersion":"', '$&\u007f客\u0085\u009f') ?? '';
  // systemd's own messages, and bytes that are no text.
  const messages = [`Started ${UNIT}.`, [255], null, [...Buffer.from(old)], ...lines.slice(1)];
  write('journal', messages.map((MESSAGE) => JSON.stringify({ _SYSTEMD_UNIT: 'unit', MESSAGE })).join('\n'));
  write('one.log', `${JSON.stringify({ time: 0, msg: 'too old' })}\nno JSON\n${old}\n`);
  write('two.log', `${lines[1]}\n`);

  const script = `ops logs 1h | grep -v old | jq -r '.time, .requestId, .clientVersion // empty'; ops failed | sort -k 2
    for id in request-1 ${trace} ${id}; do ops find_id "$id" | jq -r '.requestId, .commands[].id'; done`;
  for (const [on, host] of Object.entries({ systemd: ' unit', kubernetes: '', '*e.log two.log': '' }))
    for (const shell of ['bash', 'sh']) {
      const others = `upstreamCode=null client=null host="${hostname()}${host}" last=TIME id=`;
      expect([on, shell, ...(await run(on, script, shell))]).toEqual([
        ...[on, shell, 'TIME', 'request-1', '客v1', 'TIME', 'request-2'],
        `     1 FORBIDDEN get_maintenance_list detail="status 403" ${others}${id}`,
        `     1 GRAPHQL_VALIDATION_FAILED (no command failed) detail=null ${others}request-2`,
        ...Array(3).fill(['request-1', id]).flat(),
      ]);
    }
});

const WAITS = 'error: container "maintenance-subgraph" in pod "b" is waiting to start:';
const GONE = 'error: a log is gone, or breaks off';
const INCOMPLETE = 'ops: the answer is incomplete';
test.each([
  [`${WAITS} ContainerCreating\n`, '0', `${WAITS} ContainerCreating`],
  [`${WAITS} trying and failing to pull image\n`, '1', `${WAITS} trying and failing to pull image`, INCOMPLETE],
  [`${WAITS} SignatureValidationFailed\n`, '1', `${WAITS} SignatureValidationFailed`, INCOMPLETE],
  ['error: pods "b" is forbidden\n', '1', 'error: pods "b" is forbidden', INCOMPLETE],
  ['unable to retrieve container logs for cri-o://0a', '1', GONE, INCOMPLETE],
  ['failed to try resolving symlinks in path "/0.log": no such file', '1', GONE, INCOMPLETE],
  ['{"level":30,"timeerror: unexpected EOF\n', '1', GONE, INCOMPLETE],
  ['{"level":30,"time', '1', GONE, INCOMPLETE],
])(`failed prints the failures of other pods beside %j, and its code${skipped}`, async (unread, ...prints) => {
  const line = JSON.stringify({ level: 40, time: Date.now(), commands: [{ code: 'A', name: 'b', id: 'c' }] });
  write('two.log', `${line}\n`);
  const script = `: > one.log; UNREAD='${unread}'; ops failed 1m; echo $?`;
  const failed = '     1 A b detail=null upstreamCode=null client=null host=null last=TIME id=c';
  for (const shell of ['bash', 'sh']) expect(await run('kubernetes', script, shell)).toEqual([failed, ...prints]);
});

const [OLD, NEW] = ['the-old-secret-of-the-router', 'the-new-secret-of-the-router'];
const SETUP = `
  echo '{"data":{"ROUTER_SECRET":"${btoa(`${OLD}\n`)}"}}' > secret
  jq -n '[10, 9 | { status: (if . == 9 then { readyReplicas: 2 } else {} end), metadata: { annotations: { "deployment.kubernetes.io/revision": "\\(.)" } }, spec: { template: {
    metadata: { labels: { "app.kubernetes.io/version": "0.\\(.).0" } },
    spec: { containers: [{ name: "mesh" }, { name: "maintenance-subgraph", image: "image:\\(.)" }] } } } }] | { items: . }' > sets
  for version in 9 10; do
    mkdir -p etc/maintenance-subgraph opt/maintenance-subgraph-$version/schema
    echo "schema $version" > opt/maintenance-subgraph-$version/schema/maintenance.graphql
  done
  ln -sfn "$PWD/opt/maintenance-subgraph-9" opt/maintenance-subgraph
  echo ' ${OLD}' > etc/maintenance-subgraph/router-secret
  echo "COMMAND_API_URL=$COMMAND_API_URL" > etc/maintenance-subgraph/environment
  jq -nc '(now * 1000) as $time | {msg: "ready"}, {msg: "unforeseen error"}, {commands: [{id: "a"}, {id: "b", outcome: "UNKNOWN"}]},
    {commands: [{id: "c", flaws: [{kind: "size"}]}]} | .time = $time' > kinds.log`;
/** Prints what each kind of lines is known by. */
const KINDS = `for kind in starts faults unknown flawed; do ops logs 1h $kind | jq -r '.msg // .commands[0].id? // .id'; done`;
/** Counts failures of 25 kinds. */
const MANY = `jq -nc '{time: (now * 1000), commands: [range(25) | {code: "\\(.)"}]}' > kinds.log; ops failed | wc -l`;
/** Begins a rotation, repeats that as after a restart that failed, and ends it. */
const rotate = (show: string) =>
  `for step in 'begin ${NEW}' 'begin ${NEW}' end; do ops rotate $step | grep -c restart; ${show} | xargs; done`;
const ROTATED = ['1', `${NEW} ${OLD}`, '1', `${NEW} ${OLD}`, '1', NEW];
const ON = 'deployment/maintenance-subgraph';
const SCHEMA = 'schema/maintenance.graphql';
const WAIT = `call kubectl rollout status ${ON} --timeout 10m`;
const NEXT = 'Now apply the overlay of that version, with its image: else its variables stay in the next release.';
const UNIT = 'maintenance-subgraph@4001.service';
const RESTARTED = [`call restart ${UNIT}`, `${UNIT} is ready`];
const REFUSED = 'ECONNREFUSED 127.0.0.1:1 after 0.1 s:';
const ASKED = 'the proxy 127.0.0.1:1';
const PROXY = 'The proxy does not get through. Call the network team.';
const [ELSEWHERE = ''] = /(?<=ops ask\n.+\n {4}).+/.exec(RUNBOOK) ?? [];

test.each<[on: string, code: string, ...prints: string[]]>([
  ['kubernetes', 'ops images', '9\t\t0.9.0\t2 ready\timage:9', '10\t\t0.10.0\t0 ready\timage:10'],
  ['kubernetes', 'ops schema', `call kubectl exec ${ON} --container maintenance-subgraph -- cat ${SCHEMA}`],
  ['kubernetes', 'ops schema 9', `call docker run --rm --entrypoint cat image:9 ${SCHEMA}`],
  ['kubernetes', 'ops schema 8', 'ops: there is no revision 8: see ops images'],
  ['kubernetes', 'ops restart', `call kubectl rollout restart ${ON}`, WAIT],
  ['kubernetes', 'ops roll_back 9', `call kubectl rollout undo ${ON} --to-revision 9`, WAIT, NEXT],
  ['kubernetes', rotate('jq -r ".data.ROUTER_SECRET | @base64d" secret'), ...ROTATED],
  ['kubernetes', 'ops ask', '401 after 0.1 s: URL', 'The network works. Call the vendor.'],
  ['kubernetes', 'OPS_NAMESPACE=; ops ask', 'ops: set OPS_NAMESPACE, the namespace of the subgraph'],
  ['kubernetes', 'FOUND=; ops failed; echo $?', '2', 'ops: the namespace graphql has no pod of the subgraph'],
  ['kubernetes', 'kubectl() { return 1; }; ops images', 'ops: kubectl get failed in the namespace graphql'],
  ['kubernetes', 'UNREAD=fails; ops failed; echo $?', '1', 'error: kubectl logs failed', INCOMPLETE],
  ['systemd', 'ops images', '10\t/opt/maintenance-subgraph-10', '9\t/opt/maintenance-subgraph-9'],
  ['systemd', 'ops schema; ops schema 10', 'schema 9', 'schema 10'],
  ['systemd', 'ops restart', ...RESTARTED],
  ['systemd', 'READY=; ops restart', `call restart ${UNIT}`, `ops: ${UNIT} is not ready: journalctl --unit ${UNIT}`],
  ['systemd', 'ops roll_back 10 && ops schema', ...RESTARTED, 'schema 10'],
  ['systemd', 'ops schema 8', 'ops: there is no /opt/maintenance-subgraph-8'],
  ['systemd', 'ops roll_back 8', 'ops: there is no /opt/maintenance-subgraph-8'],
  ['systemd', rotate('cat etc/maintenance-subgraph/router-secret'), ...ROTATED],
  ['systemd', 'ops ask', '401 after 0.1 s: URL', 'The network works. Call the vendor.'],
  ['one.log', 'COMMAND_API_URL=http://127.0.0.1:1; ops ask', `${REFUSED} http://127.0.0.1:1`, ELSEWHERE],
  ['one.log', 'COMMAND_API_PROXY=http://me:secret@127.0.0.1:1; ops ask', `${REFUSED} URL through ${ASKED}`, PROXY],
  ['one.log', 'ops restart', 'ops: restart needs OPS_ON=kubernetes or OPS_ON=systemd'],
  ['missing.log', 'ops failed; echo $?', '1', 'cat: missing.log: No such file or directory', INCOMPLETE],
  ['kinds.log', KINDS, 'ready', 'unforeseen error', 'b', 'c'],
  ['kinds.log', MANY, '20', 'ops: 5 kinds are left out'],
  ['one.log', 'ops failed 3d; echo $?', '2', 'ops: 3d is no time, such as 30s, 15m or 24h'],
  ['', 'ops failed', 'ops: Kubernetes, or systemd? Set OPS_ON=kubernetes or OPS_ON=systemd'],
])(`with OPS_ON=%s, %s prints its result, or why there is none${skipped}`, async (on, code, ...prints) => {
  expect(await run(on, `${SETUP}\n${code}`)).toEqual(prints);
});

test(`rotate refuses what the subgraph would refuse, and changes nothing${skipped}`, async () => {
  const bad = ['short', `"${NEW}"`, `${NEW}\``, `'${NEW}`, 'ünïcödé-secret-0123', `${NEW}\u007f`, 'x'.repeat(16_365)];
  const blank = [`${NEW}\tx`, `two words ${NEW}`, `${NEW}\nx`];
  for (const [index, secret] of [...bad, ...blank].entries()) write(`bad${index}`, secret);
  const five = Array(5).fill(OLD).join(' ');
  const script = `${SETUP}\nfile=etc/maintenance-subgraph/router-secret
    for index in ${[...bad, ...blank].keys().toArray().join(' ')}; do ops rotate begin "$(cat bad$index)" 2>&1; done
    for index in ${[...bad.keys()].join(' ')}; do cat bad$index > $file; ops rotate begin ${NEW} 2>&1; cmp bad$index $file; done
    echo '${five}' > $file; ops rotate begin ${NEW}; cat $file`;
  const must = 'secret must have 16 to 16364 characters of visible ASCII, and no quotation mark at its ends';
  const fresh = Array(bad.length + blank.length).fill(`ops: the new ${must}`);
  const refused = [...fresh, ...Array(bad.length).fill(`ops: the old ${must}`)];
  const full = [five, 'ops: there are five secrets: first, ops rotate end'];
  for (const shell of ['bash', 'sh']) expect(await run('systemd', script, shell)).toEqual([...refused, ...full]);
});

test(`changes nothing of the shell, and knows each command of the runbook${skipped}`, async () => {
  const changes = `state() { set +o; shopt; alias; trap; declare -F; compgen -v; }
    unset -f ops; set -fu; IFS=:; before= after=; before=$(state); . ./ops.sh; ops help > help; after=$(state)
    diff <(echo "$before") <(echo "$after")`;
  expect((await run('systemd', changes)).filter((line) => /^[<>]/.test(line))).toEqual(['> declare -f ops']);
  const named = [...RUNBOOK.matchAll(/ops (\w+)(?: \d+h (\w+))?/g)].flatMap(([, ...names]) => names.filter(Boolean));
  const known = await run('systemd', 'ops help | grep -oE "\\w+"');
  expect(named.filter((name) => !known.includes(String(name)))).toEqual([]);
});
