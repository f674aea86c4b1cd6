import { describe, expect, it } from '@jest/globals';
import { EXAMPLE, FLATS } from '../../dev/seed.ts';
import { formatMaintenanceId } from '../../src/maintenance.ts';
import { codes } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const M = EXAMPLE.maintenanceId;
const ENTITIES =
  'query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Maintenance { id description } ... on Residence { id maintenances { id } } } }';

const subgraph = useSubgraph();

/** Ids of tickets, `each` of every residence that has as many. */
function idsOf(residences: string[], each: number): string[] {
  return residences.flatMap((residenceId) =>
    (subgraph.upstream.store.residences.get(residenceId) ?? [])
      .slice(0, each)
      .map(({ maintenance_id }) => formatMaintenanceId({ residenceId, maintenanceId: maintenance_id })),
  );
}

const toRepresentations = (ids: string[]) => ids.map((id) => ({ __typename: 'Maintenance', id }));

/** Fills the store with residences `r0`… of `each` tickets `m0`…, and names their ids. */
function fill(residences: number, each: number): string[] {
  const [ticket] = subgraph.upstream.store.list(R);
  if (!ticket) throw new Error('the seed has no example ticket');
  for (let r = 0; r < residences; r++) {
    subgraph.upstream.store.residences.set(
      `r${r}`,
      Array.from({ length: each }, (_, m) => ({ ...ticket, maintenance_id: `m${m}`, description: `r${r} m${m}` })),
    );
  }
  return idsOf(
    Array.from({ length: residences }, (_, r) => `r${r}`),
    each,
  );
}

describe('commands sent', () => {
  it('one info for one detail', async () => {
    const { data } = await subgraph.ask(`{ maintenance(id: "${R}:${M}") { description } }`);
    expect(data).toEqual({ maintenance: { description: 'test' } });
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_info ${R} ${M}`]);
  });

  it('3 lists for 30 aliased details over 3 residences, each detail its own', async () => {
    const ids = fill(3, 10);
    const fields = ids.map((id, i) => `d${i}: maintenance(id: "${id}") { id description }`);
    const { data, errors } = await subgraph.ask(`{ ${fields.join(' ')} }`);
    expect(errors).toEqual([]);
    expect(Object.values(data)).toEqual(ids.map((id) => ({ id, description: id.replace(':', ' ') })));
    expect(subgraph.upstream.commands().sort()).toEqual([0, 1, 2].map((r) => `get_maintenance_list r${r}`));
  });

  it('10 lists for 100 representations over 10 residences, in the order asked', async () => {
    const ids = fill(10, 10).toSorted((a, b) =>
      a.split(':').reverse().join().localeCompare(b.split(':').reverse().join()),
    );
    const { data, errors } = await subgraph.ask(ENTITIES, { variables: { representations: toRepresentations(ids) } });
    expect(errors).toEqual([]);
    expect(data._entities).toEqual(ids.map((id) => ({ id, description: id.replace(':', ' ') })));
    expect(subgraph.upstream.commands().sort()).toEqual(
      Array.from({ length: 10 }, (_, r) => `get_maintenance_list r${r}`),
    );
  });

  it('100 infos for 100 representations over 100 residences', async () => {
    const ids = fill(100, 1);
    const { data } = await subgraph.ask(ENTITIES, { variables: { representations: toRepresentations(ids) } });
    expect(data._entities.map(({ id }: { id: string }) => id)).toEqual(ids);
    expect(subgraph.upstream.commands().sort()).toEqual(
      ids.map((id) => `get_maintenance_info ${id.replace(':', ' ')}`).sort(),
    );
  });

  it('one list for a list and a detail of the same residence, in whichever order', async () => {
    const list = `maintenances(residenceId: "${R}") { id }`;
    const detail = `maintenance(id: "${R}:${M}") { description }`;
    for (const operation of [`{ ${list} ${detail} }`, `{ ${detail} ${list} }`]) {
      const { data } = await subgraph.ask(operation);
      expect(data).toEqual({ maintenances: [{ id: `${R}:${M}` }], maintenance: { description: 'test' } });
    }
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`, `get_maintenance_list ${R}`]);
  });

  it('one list for a Residence and a Maintenance of it among the representations', async () => {
    const representations = [
      { __typename: 'Maintenance', id: `${R}:${M}` },
      { __typename: 'Residence', id: R },
    ];
    const { data } = await subgraph.ask(ENTITIES, { variables: { representations } });
    expect(data._entities).toEqual([
      { id: `${R}:${M}`, description: 'test' },
      { id: R, maintenances: [{ id: `${R}:${M}` }] },
    ]);
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });

  it('one list for a residence that is listed several times with other arguments', async () => {
    await subgraph.ask(
      `{ a: maintenances(residenceId: "${R}") { id } b: maintenances(residenceId: "${R}", first: 1) { residence { maintenances(states: [CLOSED]) { id } } } }`,
    );
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });

  it('one info and one list for details of two residences, one of them asked for twice', async () => {
    const [a = '', b = ''] = fill(1, 2);
    await subgraph.ask(
      `{ a: maintenance(id: "${a}") { id } b: maintenance(id: "${b}") { id } c: maintenance(id: "${R}:${M}") { id } d: maintenance(id: "${R}:${M}") { id } }`,
    );
    expect(subgraph.upstream.commands().sort()).toEqual([`get_maintenance_info ${R} ${M}`, 'get_maintenance_list r0']);
  });

  it('no more for ids that the list lacks, which are null without an error', async () => {
    const [known = ''] = fill(1, 1);
    const representations = toRepresentations([known, 'r0:gone', 'r0:never']);
    const { data, errors } = await subgraph.ask(ENTITIES, { variables: { representations } });
    expect(errors).toEqual([]);
    expect(data._entities).toEqual([{ id: known, description: 'r0 m0' }, null, null]);
    expect(subgraph.upstream.commands()).toEqual(['get_maintenance_list r0']);
  });

  it('one list for the largest residence, whatever part of it is wanted', async () => {
    const residenceId = FLATS.at(-1)?.id;
    const { data } = await subgraph.ask(`{ maintenances(residenceId: "${residenceId}", first: 3) { id } }`);
    expect(data.maintenances).toHaveLength(3);
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${residenceId}`]);
  });

  it('again in the next operation: nothing is kept between two', async () => {
    for (let i = 0; i < 2; i++) await subgraph.ask(`{ maintenance(id: "${R}:${M}") { id } }`);
    expect(subgraph.upstream.commands()).toHaveLength(2);
  });

  it('also where only key fields are selected: the answer says that the thing exists', async () => {
    await subgraph.ask(`{ maintenance(id: "${R}:${M}") { id maintenanceId } }`);
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_info ${R} ${M}`]);
  });

  it('all at once: k details over r residences take one round trip', async () => {
    const ids = fill(5, 2);
    const held: (() => void)[] = [];
    subgraph.upstream.fail((_, response) => {
      held.push(() => response.end('{"success":true,"result":[]}'));
      // Nobody is answered until all five have arrived; a second round trip would wait for ever.
      if (held.length === 5) for (const release of held) release();
      return 'taken';
    });
    const { errors } = await subgraph.ask(ENTITIES, { variables: { representations: toRepresentations(ids) } });
    expect(errors).toEqual([]);
    expect(held).toHaveLength(5);
  });
});

describe('a failed info', () => {
  const detail = `{ maintenance(id: "${R}:${M}") { description } }`;
  const info = `get_maintenance_info ${R} ${M}`;
  const list = `get_maintenance_list ${R}`;
  const saysNo = { body: { success: false, code: 'E1' } };

  it.each([
    ['success: false', saysNo],
    ['success: false with 400', { ...saysNo, status: 400 }],
    ['success: false with 404', { ...saysNo, status: 404 }],
    ['a null result', { body: { success: true, result: null } }],
    ['no result', { body: { success: true } }],
    ['an empty object', { body: { success: true, result: {} } }],
    ['an empty array', { body: { success: true, result: [] } }],
    ['an empty string', { body: { success: true, result: '' } }],
  ])('is settled by the list: %s', async (_, answer) => {
    subgraph.upstream.fail(({ command }) => (command === 'get_maintenance_info' ? answer : undefined));
    const found = await subgraph.ask(detail);
    expect(found).toMatchObject({ data: { maintenance: { description: 'test' } }, errors: [] });
    const absent = await subgraph.ask(`{ maintenance(id: "${R}:gone") { description } }`);
    expect(absent).toMatchObject({ data: { maintenance: null }, errors: [] });
    expect(subgraph.upstream.commands()).toEqual([info, list, `get_maintenance_info ${R} gone`, list]);
  });

  it.each([
    ['401', { status: 401 }, 'UNAUTHENTICATED'],
    ['403', { status: 403 }, 'FORBIDDEN'],
    ['503', { status: 503 }, 'UPSTREAM_UNAVAILABLE'],
    ['HTML', { body: '<html>' }, 'UPSTREAM_INVALID_RESPONSE'],
    ['Dapr’s own 404', { status: 404, body: { errorCode: 'ERR_DIRECT_INVOKE' } }, 'UPSTREAM_INVALID_RESPONSE'],
    ['a result of another kind', { body: { success: true, result: 'ticket' } }, 'UPSTREAM_INVALID_RESPONSE'],
  ])('stands: %s', async (_, answer, code) => {
    subgraph.upstream.fail(() => answer);
    expect(codes(await subgraph.ask(detail))).toEqual([[code, 'maintenance']]);
    expect(subgraph.upstream.commands().filter((command) => command === list)).toEqual([]);
  });

  it('stands where the list fails too', async () => {
    subgraph.upstream.fail(({ command }) => (command === 'get_maintenance_info' ? saysNo : { body: '<html>' }));
    const answer = await subgraph.ask(detail);
    expect(codes(answer)).toEqual([['COMMAND_REJECTED', 'maintenance']]);
    expect(answer.errors[0]?.extensions).toMatchObject({ command: 'get_maintenance_info', upstreamCode: 'E1' });
    expect(subgraph.upstream.commands()).toEqual([info, list]);
  });
});
