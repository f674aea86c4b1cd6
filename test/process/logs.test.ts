/** The limits and the fields of a log line. telemetry.test.ts has the line of each kind of operation. */
import { hostname } from 'node:os';
import type { ApolloServerPlugin } from '@apollo/server';
import { afterAll, expect, it } from '@jest/globals';
import { exampleTicket } from '../../dev/maintenance/seed.ts';
import manifest from '../../package.json' with { type: 'json' };
import { codes } from '../support/ask.ts';
import { aliased, LIST, times } from '../support/maintenance/requests.ts';
import { untilMetric } from '../support/scrape.ts';
import { throwInRequest } from '../support/unforeseen.ts';
import type { Answer } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const LISTED = 'get_maintenance_list';
const ENTITIES = '($r: [_Any!]!) { _entities(representations: $r) { ... on Residence { maintenances { id } } } }';

/** Logs an error and a line with members that no log may have, at an operation with the name `Careless`. */
const careless: ApolloServerPlugin = {
  async requestDidStart({ request, logger }) {
    if (request.operationName !== 'Careless') return;
    const err = Object.assign(new Error('canary'), { options: 'canary' });
    const members = { token: 'canary', headers: { authorization: 'canary' }, req: { url: 'canary' }, durationMs: 1 };
    logger.error(err as never);
    logger.error({ err } as never);
    (logger.warn as (...args: unknown[]) => void)({ ...members, err }, 'something');
  },
};
const subgraph = useSubgraph({ BREAKER_FAILURES: '1' }, [careless]);
afterAll(throwInRequest('unlucky'));

it('logs the unforeseen errors of many fields in one line, with a stack and one id', async () => {
  const lists = aliased(20, (index) => `maintenances(residenceId: "r${index}") { id }`);
  const { errors } = await subgraph.ask(`{ ${lists} }`, { token: 'unlucky' });
  expect(codes({ errors })).toEqual(times(20, (index) => ['INTERNAL_SERVER_ERROR', `a${index}`]));
  const errorIds = [...new Set(errors.map(({ extensions }) => extensions.errorId))];
  const [errorId] = errorIds;
  expect(errorIds).toEqual([errorId]);
  const err = { type: 'TypeError', stack: expect.stringMatching(/^at unforeseenError .+\/unforeseen\.ts/) };
  const line = { level: 50, msg: 'unforeseen error', errorId, count: 20, err };
  expect(subgraph.logs()).toMatchObject([line, { errorIds }]);
  expect(JSON.stringify(errors) + subgraph.logText()).not.toMatch(/canary|unlucky/);
  // Our own fault says nothing about the command API, and does not open the circuit breaker.
  expect((await subgraph.ask(LIST)).errors).toEqual([]);
});

it('logs at most 20 commands and 16 KB of an operation, failed commands first', async () => {
  const refused = { status: 400, body: { success: false, code: 'x'.repeat(32) } };
  const faulty = Object.fromEntries(Object.keys(exampleTicket()).map((member) => [member, 1]));
  const flawed = { body: { success: true, result: [{ ...faulty, maintenance_id: 'm' }, {}] } };
  subgraph.upstream.fail(({ param }) => (param.residence_id === 'r999' ? refused : flawed));
  const r = times(1000, (index) => ({ __typename: 'Residence', id: `r${index}` }));
  const name = Buffer.from('客'.repeat(500)).toString('latin1');
  const headers = { 'apollographql-client-name': name, 'apollographql-client-version': name };
  await subgraph.ask(`query ${'q'.repeat(500)}${ENTITIES}`, { variables: { r }, headers });
  const commands = [{ code: 'COMMAND_REJECTED' }, ...Array(19).fill({ flaws: Array(9).fill({}) })];
  expect(subgraph.logs()).toMatchObject([{ commands, commandsLeftOut: 980 }]);
  expect(Buffer.byteLength(subgraph.logText())).toBeLessThanOrEqual(16_384);
});

it.each([
  ['stays: UNKNOWN, other failed writes, failed reads, flawed reads, others', `U${'R'.repeat(12)}FLWOWWW`],
  ['leaves: UNKNOWN, other writes, failed reads, flawed reads, others', `UWWWWW${'R'.repeat(12)}FL`],
])('logs the commands of a caller who %s', async (caller, shown) => {
  const answers: Record<string, Answer> = {
    [`${LISTED} 1`]: { status: 400, body: { success: false } },
    [`${LISTED} 2`]: { body: { success: true, result: [{}] } },
  };
  let fail: (() => void) | undefined;
  subgraph.upstream.fail(({ command, param: { residence_id: id } }, response) => {
    fail = () => response.writeHead(500).end();
    if (id === 'last') return 'taken';
    const body = { success: !`${id}`.startsWith('no'), result: command === LISTED ? [] : {} };
    return answers[`${command} ${id}`] ?? { body };
  });
  const deletion = (index: number) => `deleteMaintenance(id: "${index}:m") { residence { maintenances { id } } }`;
  const batch = `batch: deleteMaintenances(ids: [${times(12, (index) => `"no${index}:m"`)}]) { deletedIds }`;
  const leave = subgraph.askAndDisconnect(
    `mutation { ${aliased(5, deletion)} ${batch} last: deleteMaintenance(id: "last:m") { deletedId } }`,
  );
  await until(() => subgraph.upstream.received.at(-1)?.param.residence_id === 'last');
  if (caller.startsWith('leaves')) {
    await leave();
    await untilMetric(subgraph.url, 'http_server_active_requests', 0);
  }
  fail?.();
  await until(() => subgraph.logs().length === 1);
  const letterOf = ({ name, outcome, code, flaws }: Record<string, unknown>) => {
    if (outcome) return outcome === 'UNKNOWN' ? 'U' : 'R';
    if (name !== LISTED) return 'W';
    return code ? 'F' : flaws ? 'L' : 'O';
  };
  const [{ commands, commandsLeftOut } = {}] = subgraph.logs();
  expect([(commands as Record<string, unknown>[]).map(letterOf).join(''), commandsLeftOut]).toEqual([shown, 3]);
});

it.each([
  ['客户端', '客户端'],
  ['é', 'é'],
  [Buffer.from('\xe9\x85', 'latin1'), 'é'],
  ['a\u0085\u200b\u202eb', 'ab'],
  [`${'客'.repeat(99)}😀`, '客'.repeat(99)],
])('logs the name %s of a client as text without control characters, cut off after 100', async (name, clientName) => {
  const headers = { 'apollographql-client-name': Buffer.from(name).toString('latin1') };
  await subgraph.ask('{ __typename }', { headers });
  expect(subgraph.logs()).toMatchObject([{ clientName }]);
});

it('drops the message of an error, and every member that is not on its list', async () => {
  await subgraph.post(JSON.stringify({ query: 'query Careless { __typename }', operationName: 'Careless' }));
  const service = { hostname: hostname(), service: 'maintenance-subgraph', version: manifest.version };
  const line = { time: expect.any(Number), ...service, err: { type: 'Error', stack: expect.any(String) } };
  const bare = { ...line, level: 50, msg: 'unexpected' };
  const [first, second, third] = subgraph.logs();
  expect([first, second, third]).toEqual([bare, bare, { ...line, level: 40, msg: 'something', durationMs: 1 }]);
  expect(subgraph.logText()).not.toContain('canary');
});
