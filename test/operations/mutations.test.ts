import { describe, expect, it, jest } from '@jest/globals';
import { exampleTicket } from '../../dev/maintenance/seed.ts';
import { M, R } from '../support/maintenance/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const INPUT = {
  residenceId: R,
  startTime: '2026-12-01T09:00:00.999+08:00',
  finishTime: '2026-12-01T12:00:00+08:00',
  description: '厨房水龙头漏水',
  contact: '王女士 13800138000',
  pictureFilenames: ['tap.jpg'],
};

const subgraph = useSubgraph();

describe('createMaintenance', () => {
  const CREATE = `mutation ($input: CreateMaintenanceInput!) {
    createMaintenance(input: $input) { createdId maintenance { id startTime finishTime description contact pictureUrls state } }
  }`;
  const create = (input: object = INPUT) => subgraph.ask(CREATE, { variables: { input } });

  it('files a request with UTC times without fractions, and reads it back', async () => {
    const { data, errors } = await create();
    expect(errors).toEqual([]);
    const { createdId: id } = data.createMaintenance;
    const times = { startTime: '2026-12-01T01:00:00Z', finishTime: '2026-12-01T04:00:00Z' };
    const others = { pictureUrls: ['https://pictures.example/tap.jpg'], state: 'WAIT_FOR_CONFIRMATION' };
    const { description, contact } = INPUT;
    expect(data.createMaintenance.maintenance).toEqual({ id, ...times, description, contact, ...others });
    const read = `get_maintenance_info ${id.replace(':', ' ')}`;
    expect(subgraph.upstream.commands()).toEqual([`create_maintenance_info ${R}`, read]);
  });

  it('forwards texts as well-formed Unicode', async () => {
    await create({ ...INPUT, description: 'half \ud83d', contact: '\udc27', pictureFilenames: ['x\ud83d', '🔧'] });
    const param = { description: 'half \ufffd', contact: '\ufffd', filename: ['x\ufffd', '🔧'] };
    expect(subgraph.upstream.received).toMatchObject([{ param }, {}]);
  });

  it.each([[[]], [null], [undefined]])(
    'forwards an empty list of pictures, and no list as none: %j',
    async (pictures) => {
      await create({ ...INPUT, pictureFilenames: pictures });
      expect(subgraph.upstream.received[0]?.param.filename).toEqual(pictures ?? undefined);
    },
  );

  it('returns the id to a client that accepts another type', async () => {
    const headers = { accept: 'text/event-stream' };
    const { status, data } = await subgraph.ask(CREATE, { variables: { input: INPUT }, headers });
    expect([status, data.createMaintenance.createdId]).toEqual([200, expect.stringMatching(`^${R}:m`)]);
  });
});

describe('deleteMaintenances', () => {
  const DELETE = `mutation ($ids: [ID!]!) {
    deleteMaintenances(ids: $ids) { deletedIds failures { failedId code message outcome } }
  }`;
  const deleteAll = (ids: string[]) => subgraph.ask(DELETE, { variables: { ids } });

  it('sends one batch command per residence, with each id once in whichever spelling', async () => {
    const { store } = subgraph.upstream;
    const tickets = ['a', 'b', 'c'].map((maintenance_id) => ({ ...exampleTicket(), maintenance_id }));
    store.residences.set('r:2', tickets);
    const { data, errors } = await deleteAll(['r%3a2:a', `${R}:${M}`, 'r%3A2:b', 'r%3A2:a']);
    expect(errors).toEqual([]);
    expect(data.deleteMaintenances).toEqual({ deletedIds: ['r%3A2:a', `${R}:${M}`, 'r%3A2:b'], failures: [] });
    const commands = [`batch_delete_maintenance_info ${R} ${M}`, 'batch_delete_maintenance_info r:2 a,b'];
    expect(subgraph.upstream.commands().sort()).toEqual(commands.sort());
    expect([store.list(R), store.list('r:2')]).toEqual([[], tickets.slice(2)]);
  });

  it('returns the failure of a residence as data and deletes the other requests', async () => {
    const no = { body: { success: false, message: 'secret reason' } };
    const faults: Record<string, object> = { down: { status: 503 }, no, who: { status: 401 } };
    subgraph.upstream.fail(({ param }) => faults[String(param.residence_id)]);
    const { data, errors } = await deleteAll(['down:1', `${R}:${M}`, 'no:1', 'who:1', 'down:2']);
    expect(errors).toEqual([]);
    const message = expect.stringMatching(/^The command API .+\.$/);
    expect(data.deleteMaintenances).toEqual({
      deletedIds: [`${R}:${M}`],
      failures: [
        { failedId: 'down:1', code: 'UPSTREAM_UNAVAILABLE', message, outcome: 'UNKNOWN' },
        { failedId: 'no:1', code: 'COMMAND_REJECTED', message, outcome: 'REJECTED' },
        { failedId: 'who:1', code: 'UNAUTHENTICATED', message, outcome: 'REJECTED' },
        { failedId: 'down:2', code: 'UPSTREAM_UNAVAILABLE', message, outcome: 'UNKNOWN' },
      ],
    });
    expect(JSON.stringify(data)).not.toContain('secret reason');
  });

  it('is an error only if every residence refuses the token', async () => {
    subgraph.upstream.fail(({ param }) => ({ status: param.residence_id === 'down' ? 500 : 401 }));
    const failures = ['a:1', 'down:1'].map((failedId) => expect.objectContaining({ failedId }));
    const partly = await deleteAll(['a:1', 'down:1']);
    expect(partly).toMatchObject({ data: { deleteMaintenances: { deletedIds: [], failures } }, errors: [] });
    const { data, errors } = await deleteAll(['a:1', 'b:1']);
    const extensions = { code: 'UNAUTHENTICATED', outcome: 'REJECTED' };
    expect(errors).toMatchObject([{ path: ['deleteMaintenances'], extensions }]);
    expect(data).toEqual({ deleteMaintenances: null });
  });

  it('returns an unforeseen error as data, as UNKNOWN after the write was sent, with the errorId of the log', async () => {
    const { parse } = JSON;
    const unreadable = {
      get success() {
        throw new TypeError('unforeseen');
      },
    };
    using _ = jest.spyOn(JSON, 'parse').mockImplementation((text) => (text === '"odd"' ? unreadable : parse(text)));
    subgraph.upstream.fail(() => ({ body: '"odd"' }));
    const ids = ['r1:1', 'r2:1', 'r2:2'];
    const { data, errors } = await deleteAll(ids);
    expect(errors).toEqual([]);
    const [{ errorId } = {}, operation] = subgraph.logs();
    expect([errorId]).toEqual(operation?.errorIds);
    const message = `Internal server error, errorId ${errorId}`;
    const failure = { code: 'INTERNAL_SERVER_ERROR', message, outcome: 'UNKNOWN' };
    const failures = ids.map((failedId) => ({ failedId, ...failure }));
    expect(data.deleteMaintenances).toEqual({ deletedIds: [], failures });
    expect(subgraph.upstream.received).toHaveLength(2);
  });
});

describe('a read after a write in the same operation', () => {
  const list = 'residence { maintenances { maintenanceId } }';
  const variables = { input: INPUT };
  const ask = (fields: string) =>
    subgraph.ask(`mutation ($input: CreateMaintenanceInput!) { ${fields} }`, { variables });

  it('sees the write, also of a residence that was read before', async () => {
    const { data } = await ask(
      `a: deleteMaintenance(id: "${R}:gone") { ${list} }
      b: deleteMaintenances(ids: ["${R}:gone"]) { deletedIds }
      c: createMaintenance(input: $input) { maintenance { ${list} } }
      d: deleteMaintenance(id: "${R}:${M}") { deletedId ${list} }`,
    );
    expect(data.c.maintenance.residence.maintenances).toHaveLength(2);
    expect(data.d).toMatchObject({ deletedId: `${R}:${M}`, residence: { maintenances: [{}] } });
    expect(subgraph.upstream.commands().filter((command) => command === `get_maintenance_list ${R}`)).toHaveLength(3);
  });

  it('sees the new state of a request whose id the command API returned twice', async () => {
    let reads = 0;
    subgraph.upstream.fail(({ command }) => {
      const isCreate = command === 'create_maintenance_info';
      return { body: { success: true, result: isCreate ? { maintenance_id: 'same' } : { description: `${++reads}` } } };
    });
    const create = 'createMaintenance(input: $input) { maintenance { description } }';
    const { data } = await ask(`a: ${create} b: ${create}`);
    expect([data.a, data.b]).toEqual(['1', '2'].map((description) => ({ maintenance: { description } })));
  });
});
