/**
 * The runbook's shell functions for systemd, and its rotation of the secret: real processes and curl, with stubs of systemctl
 * and journalctl. For Kubernetes, the images to roll back to, with a stub of kubectl. The fault drill tries the section "From an id to the cause".
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../../dev/command-api.ts';
import { EXAMPLE } from '../../dev/seed.ts';
import { loadConfig } from '../../src/config.ts';
import { askAt } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { killAll } from '../support/process.ts';
import { HEADERS, startReplica } from '../support/replica.ts';
import { startUpstream } from '../support/upstream.ts';

const RUNBOOK = readDocument('docs/runbook.md');
const TOOLS = ['bash', 'curl', 'jq', 'openssl'];
const missing = TOOLS.filter((tool) => spawnSync(tool, ['--version']).error);

/** Returns the indented lines between two lines of the runbook. */
function codeBetween(start: string, end: string): string {
  const [, text = ''] = RUNBOOK.split(`\n${start}\n`);
  return (text.split(`\n${end}`)[0]?.match(/^ {4}.*\n/gm) ?? []).join('');
}

const FUNCTIONS = codeBetween('## Shell functions', '### Kubernetes') + codeBetween('### systemd', '## ');
const [IMAGES = ''] = /^ {4}images\(\) \{\n(?: {6}.+\n)+ {4}\}\n/m.exec(RUNBOOK) ?? [];
const [ROTATE = ''] = /^ {7}cd \/etc(?:.+\n)+/m.exec(RUNBOOK) ?? [];
const [, FINISH = ''] = /With systemd: `(cp [^`]+)`/.exec(RUNBOOK) ?? [];
const STUBS = `
  kubectl() { echo "kubectl $*" >&2; cat "$FOLDER/replicasets"; }
  systemctl() {
    if [ "$1" = list-units ]; then
      for port in $PORTS; do echo "maintenance-subgraph@$port.service loaded active running Maintenance subgraph"; done
    else echo "systemctl $*"; fi
  }
  journalctl() { echo "journalctl $*" >&2; cat "$FOLDER/journal"; }
  sleep() { echo "sleep $1"; }
  curl() { command curl "$@" --retry 0 --write-out "curl %{url} %{http_code}\\n"; }`;

if (missing.length > 0) it.skip(`the runbook. Skipped: ${missing.join(', ')} not installed.`, () => {});
else describe('the runbook', testRunbook);

function testRunbook() {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-'));
  const write = (name: string, content: string) => writeFileSync(join(folder, name), content);
  const readSecrets = () =>
    ['router-secret', 'router-secret-previous'].map((name) => readFileSync(join(folder, name), 'utf8'));
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let ports: string[];
  let lines: string[];

  beforeAll(async () => {
    upstream = await startUpstream();
    lines = [];
    const start = () => startReplica(upstream.url, {}, (line) => lines.push(line));
    const replicas = await Promise.all([start(), start()]);
    ports = replicas.map(({ url }) => new URL(url).port);
    const query = `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { id } }`;
    upstream.fail(() => ({ status: 403, body: {} }));
    await askAt(`${replicas[0]?.url}/graphql`, query, { headers: HEADERS });
    upstream.fail(undefined);
  });

  afterAll(async () => {
    killAll();
    await upstream.stop();
    rmSync(folder, { recursive: true });
  });

  /** Runs shell code after the functions. */
  async function run(code: string, env: NodeJS.ProcessEnv = {}) {
    const script = `${STUBS}\n${FUNCTIONS}\n${code}`.replaceAll('/etc/maintenance-subgraph', folder);
    const given = { PATH: process.env.PATH, FOLDER: folder, PORTS: ports.join(' '), ...env };
    const child = spawn('bash', ['-c', script], { env: given, stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, errors] = await Promise.all([child.stdout.toArray(), child.stderr.toArray()]);
    return { lines: out.join('').split('\n').slice(0, -1), errors: errors.join('') };
  }

  it('reads the log of all processes by `logs`, once, and counts failed commands by `failed`', async () => {
    const unit = { _SYSTEMD_UNIT: 'maintenance-subgraph@4001.service' };
    // systemd's own messages, and bytes that are no text.
    const messages = ['Started maintenance-subgraph@4001.service.', [255], ...lines];
    write('journal', messages.map((MESSAGE) => `${JSON.stringify({ ...unit, MESSAGE })}\n`).join(''));
    const { lines: logged, errors } = await run('logs 1h; logs 1h --previous');
    expect(errors).toBe('journalctl --unit maintenance-subgraph@* --since -1h --all --output json\n');
    expect(logged.map((line) => JSON.parse(line).msg)).toEqual(lines.map((line) => JSON.parse(line).msg));
    expect(JSON.parse(logged[0] ?? '').time).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect((await run('failed')).lines).toEqual([
      expect.stringMatching(
        /^ +1 FORBIDDEN get_maintenance_list status 403 null null \S+ maintenance-subgraph@4001\.service$/,
      ),
    ]);
  });

  it('restarts one process after another by `restart`, each when the last one is ready', async () => {
    const { lines } = await run('restart');
    expect(lines).toEqual(
      ports.flatMap((port) => [
        `systemctl restart maintenance-subgraph@${port}.service`,
        `curl http://127.0.0.1:${port}/health/ready 200`,
        'sleep 10',
      ]),
    );
  });

  it('ends `restart` at a process that does not get ready', async () => {
    const { lines } = await run('restart || echo failed', { PORTS: `9 ${ports[0]}` });
    expect(lines).toEqual([
      'systemctl restart maintenance-subgraph@9.service',
      expect.stringMatching(/^curl .+ 000$/),
      'failed',
    ]);
  });

  it.each([
    ['a status', () => ports[0], '401'],
    ['the failure of the connection', freePort, 'ECONNREFUSED'],
  ])('prints %s by `ask`', async (_, portOf, printed) => {
    // A port of the subgraph: it answers any request, as the command API does.
    write('environment', `# a comment\nCOMMAND_API_URL=http://127.0.0.1:${await portOf()}\n`);
    expect(await run('ask')).toEqual({ lines: [printed], errors: '' });
  });

  it('rotates the secret: first both are accepted, then the new one alone', async () => {
    write('router-secret', 'the-old-secret-of-the-router\n');
    // Someone forgot the last step of an earlier rotation.
    write('router-secret-previous', 'an-older-secret-of-the-router\n');
    const restart = 'restart() { echo restarted; }';
    expect(await run(`${restart}\nNEW=the-new-secret-of-the-router\n${ROTATE}`)).toEqual({
      lines: ['restarted'],
      errors: '',
    });
    expect(readSecrets()).toEqual(['the-new-secret-of-the-router\n', 'the-old-secret-of-the-router\n']);
    expect(await run(`${restart}\ncd /etc/maintenance-subgraph\n${FINISH}`)).toEqual({
      lines: ['restarted'],
      errors: '',
    });
    expect(new Set(readSecrets())).toEqual(new Set(['the-new-secret-of-the-router\n']));
    const [ROUTER_SECRET_FILE, ROUTER_SECRET_PREVIOUS_FILE] = [
      join(folder, 'router-secret'),
      join(folder, 'router-secret-previous'),
    ];
    const { warnings } = loadConfig({
      COMMAND_API_URL: 'https://x.example',
      ROUTER_SECRET_FILE,
      ROUTER_SECRET_PREVIOUS_FILE,
    });
    expect(warnings).toEqual([]);
  });

  it('lists the images of the revisions by `images`, the running one last', async () => {
    const replicaSet = (revision: string, image: string) => ({
      metadata: { annotations: { 'deployment.kubernetes.io/revision': revision }, creationTimestamp: '2026-01-02' },
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'mesh', image: 'other' },
              { name: 'maintenance-subgraph', image },
            ],
          },
        },
      },
    });
    write(
      'replicasets',
      JSON.stringify({ items: [replicaSet('10', 'running@sha256:2'), replicaSet('9', 'earlier@sha256:1')] }),
    );
    expect(await run(`${IMAGES}\nimages`)).toEqual({
      lines: ['9\t2026-01-02\tearlier@sha256:1', '10\t2026-01-02\trunning@sha256:2'],
      errors: 'kubectl get replicasets --selector app.kubernetes.io/name=maintenance-subgraph --output json\n',
    });
  });
}
