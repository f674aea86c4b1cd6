/** The files in supergraph/ against the subgraph. routers/ runs each router whose executable is there. */
import { afterAll, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { readSettings } from '../../dev/supergraph/routers.ts';
import { gatewayConfig } from '../../supergraph/hive-gateway/gateway.config.ts';
import { EXTENSIONS as ALL_EXTENSIONS, readDocument } from '../support/documents.ts';
import { answerWith, times } from '../support/maintenance/requests.ts';
import { throwInRequest } from '../support/unforeseen.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const OPERATION_SECONDS = 10;
const EXTENSIONS = Object.keys(ALL_EXTENSIONS);
const read = (file: string) => readDocument(`supergraph/${file}`);
const apollo = parse(read('apollo/router.yaml'));
const hive = parse(read('hive/router.config.yaml'));
const cosmo = parse(read('cosmo/config.yaml'));

const UNFORESEEN = 'token-of-an-unforeseen-error';
afterAll(throwInRequest(UNFORESEEN));
const subgraph = useSubgraph();

const shapeOf = (router: typeof apollo) => router.traffic_shaping.subgraphs.maintenance;
const seconds = (duration: string) => Number(/^(\d+)s$/.exec(duration)?.[1]);
const { timeout } = gatewayConfig.transportEntries['*'].options;

// Hive Gateway follows the `Keep-Alive` header of the subgraph. Grafbase keeps connections for 5 s and has no setting.
it.each([
  ['Apollo Router', shapeOf(apollo).timeout, shapeOf(apollo).pool_idle_timeout],
  ['Hive Router', shapeOf(hive).request_timeout, shapeOf(hive).pool_idle_timeout],
  ['Cosmo Router', shapeOf(cosmo).request_timeout, shapeOf(cosmo).keep_alive_idle_timeout],
  ['Hive Gateway', `${timeout / 1000}s`, '0s'],
  ['Grafbase', /^timeout = "(.+)"$/m.exec(read('grafbase/grafbase.toml'))?.[1], '0s'],
])('%s waits longer than an operation, and closes idle connections first', async (_, wait, idle) => {
  const { headers } = await fetch(`${subgraph.url}/health/live`);
  const keepAlive = Number(/^timeout=(\d+)$/.exec(headers.get('keep-alive') ?? '')?.[1]);
  expect(seconds(wait)).toBeGreaterThan(OPERATION_SECONDS);
  expect(seconds(idle)).toBeLessThan(keepAlive);
});

// Cosmo Router's executable is not in CI. routers.test.ts shows all of this behind each other router.
it('cosmo/config.yaml forwards the TOKEN_HEADER by its commented line, renames keys of idempotency, and passes all extensions', () => {
  const forwarded = (text: string) => text.toLowerCase().match(/(?<=^ +named: )[\w-]+/gm)?.[0];
  expect(forwarded(read('cosmo/config.yaml'))).toBe('authorization');
  expect(forwarded(readSettings('cosmo/config.yaml', 'x-token'))).toBe('x-token');
  const renamed = { op: 'propagate', rename: 'X-Client-Idempotency-Key', default: 'none' };
  for (const named of ['Idempotency-Key', 'X-Idempotency-Key'])
    expect(cosmo.headers.subgraphs.maintenance.request).toContainEqual({ ...renamed, named });
  expect(cosmo.subgraph_error_propagation.allowed_extension_fields).toEqual(EXTENSIONS);
});

it('errors have all documented extensions, and no others', async () => {
  subgraph.upstream.fail(() => ({ body: { success: false, code: 'E5' } }));
  const read = '{ maintenance(id: "r:m") { id } }';
  const write = 'mutation { deleteMaintenance(id: "r:m") { deletedId } }';
  const answers = [];
  for (const query of ['{', '{ nope }', '{ maintenance(id: "no id") { id } }', read, write])
    answers.push(await subgraph.ask(query));
  answers.push(await subgraph.ask(read, { token: UNFORESEEN }));
  answerWith(
    subgraph.upstream,
    times(1000, (index) => ({ maintenance_id: `${index}`, state: 'lost' })),
  );
  answers.push(await subgraph.ask('{ maintenances(residenceId: "r") { state } }'));
  const keys = answers.flatMap(({ errors }) => errors.flatMap(({ extensions }) => Object.keys(extensions)));
  expect([...new Set(keys)].sort()).toEqual(EXTENSIONS.toSorted());
});
