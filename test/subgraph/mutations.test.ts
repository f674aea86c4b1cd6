import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { codes } from '../support/subgraph.ts';
import { failCommands } from '../support/unforeseen.ts';
import { TOKENS } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { WIRE } from '../support/wire.ts';

const R = EXAMPLE.residenceId;
const M = EXAMPLE.maintenanceId;
const CREATE = `mutation ($input: CreateMaintenanceInput!) {
  createMaintenance(input: $input) { id maintenance { id startTime finishTime description contact pictureUrls state } }
}`;
const INPUT = {
  residenceId: R,
  startTime: '2026-12-01T09:00:00.999+08:00',
  finishTime: '2026-12-01T12:00:00+08:00',
  description: '厨房水龙头漏水',
  contact: '王女士 13800138000',
  pictureFilenames: ['tap.jpg'],
};
const DELETE_MANY = `mutation ($ids: [ID!]!) {
  deleteMaintenances(ids: $ids) { deletedIds failures { id code message outcome } }
}`;

const subgraph = useSubgraph({}, [failCommands()]);

describe('createMaintenance', () => {
  it('files a request, in UTC without fractions, and reads it back', async () => {
    const { data, errors } = await subgraph.ask(CREATE, { variables: { input: INPUT } });
    expect(errors).toEqual([]);
    const { id, maintenance } = data.createMaintenance;
    const maintenanceId = id.slice(R.length + 1);
    expect(id).toBe(`${R}:${maintenanceId}`);
    expect(maintenance).toEqual({
      id,
      startTime: '2026-12-01T01:00:00Z',
      finishTime: '2026-12-01T04:00:00Z',
      description: INPUT.description,
      contact: INPUT.contact,
      pictureUrls: ['https://pictures.example/tap.jpg'],
      state: 'WAIT_FOR_CONFIRMATION',
    });
    expect(subgraph.upstream.commands()).toEqual([
      `create_maintenance_info ${R}`,
      `get_maintenance_info ${R} ${maintenanceId}`,
    ]);
  });

  it('reads nothing back that was not asked for', async () => {
    await subgraph.ask(`mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }`, {
      variables: { input: INPUT },
    });
    expect(subgraph.upstream.commands()).toEqual([`create_maintenance_info ${R}`]);
  });

  it('answers the id where reading back fails', async () => {
    subgraph.upstream.fail(({ command }) => (command === 'create_maintenance_info' ? undefined : { status: 503 }));
    const answer = await subgraph.ask(CREATE, { variables: { input: INPUT } });
    expect(codes(answer)).toEqual([['UPSTREAM_UNAVAILABLE', 'createMaintenance.maintenance']]);
    expect(answer.errors[0]?.extensions).not.toHaveProperty('outcome');
    expect(answer.data.createMaintenance).toEqual({ id: expect.stringMatching(`^${R}:m`), maintenance: null });
  });

  it('answers a null maintenance where the command API does not show it yet', async () => {
    subgraph.upstream.fail(({ command }) =>
      command === 'create_maintenance_info'
        ? { body: { success: true, result: { maintenance_id: 'late' } } }
        : undefined,
    );
    const { data, errors } = await subgraph.ask(CREATE, { variables: { input: INPUT } });
    expect(errors).toEqual([]);
    expect(data.createMaintenance).toEqual({ id: `${R}:late`, maintenance: null });
  });

  it.each([
    ['no id', {}],
    ['an empty id', { maintenance_id: '' }],
    ['a number for an id', { maintenance_id: 7 }],
    ['a list', []],
    ['null', null],
  ])('does not know what happened where the answer is %s', async (_, result) => {
    subgraph.upstream.fail(() => ({ body: { success: true, result } }));
    const answer = await subgraph.ask(CREATE, { variables: { input: INPUT } });
    expect(codes(answer)).toEqual([['UPSTREAM_INVALID_RESPONSE', 'createMaintenance']]);
    expect(answer.errors[0]?.extensions.outcome).toBe('UNKNOWN');
    expect(subgraph.upstream.commands()).toEqual([`create_maintenance_info ${R}`]);
  });
});

describe('deleteMaintenance', () => {
  it('deletes, and what is read after it is true', async () => {
    const { data, errors } = await subgraph.ask(
      `mutation { deleteMaintenance(id: "${R}:${M}") { id residence { id maintenances { id } } } }`,
    );
    expect(errors).toEqual([]);
    expect(data.deleteMaintenance).toEqual({ id: `${R}:${M}`, residence: { id: R, maintenances: [] } });
    expect(subgraph.upstream.commands()).toEqual([`delete_maintenance_info ${R} ${M}`, `get_maintenance_list ${R}`]);
  });

  it('says that one which does not exist was rejected', async () => {
    const answer = await subgraph.ask(`mutation { deleteMaintenance(id: "${R}:gone") { id } }`);
    expect(codes(answer)).toEqual([['COMMAND_REJECTED', 'deleteMaintenance']]);
    expect(answer.errors[0]?.extensions).toMatchObject({ outcome: 'REJECTED' });
  });
});

describe('deleteMaintenances', () => {
  it('sends one batch command for each residence, ids once each', async () => {
    const [other] =
      [...subgraph.upstream.store.residences].find(([id, tickets]) => id !== R && tickets.length > 2) ?? [];
    const [a, b, c] = subgraph.upstream.store.list(String(other)).map(({ maintenance_id }) => maintenance_id);
    const ids = [`${other}:${a}`, `${R}:${M}`, `${other}:${b}`, `${other}:${a}`];
    const { data, errors } = await subgraph.ask(DELETE_MANY, { variables: { ids } });
    expect(errors).toEqual([]);
    expect(data.deleteMaintenances).toEqual({ deletedIds: ids.slice(0, 3), failures: [] });
    expect(subgraph.upstream.commands().sort()).toEqual(
      [`batch_delete_maintenance_info ${R} ${M}`, `batch_delete_maintenance_info ${other} ${a},${b}`].sort(),
    );
    expect(subgraph.upstream.store.list(R)).toEqual([]);
    expect(subgraph.upstream.store.list(String(other))[0]?.maintenance_id).toBe(c);
  });

  it('counts ids once that decode to the same', async () => {
    const { data } = await subgraph.ask(DELETE_MANY, { variables: { ids: ['a%3ab:1', 'a%3Ab:1'] } });
    expect(data.deleteMaintenances.failures).toMatchObject([{ id: 'a%3Ab:1' }]);
    expect(subgraph.upstream.commands()).toEqual(['batch_delete_maintenance_info a:b 1']);
  });

  it('turns a group’s failure into data, at no cost to the others', async () => {
    subgraph.upstream.fail(({ param: { residence_id } }, response) => {
      if (residence_id === 'down') return { status: 503 };
      if (residence_id === 'no') return { body: { success: false, message: 'secret reason' } };
      if (residence_id === 'who') return { status: 401 };
      if (residence_id !== 'cut') return undefined;
      response.destroy();
      return 'taken';
    });
    const ids = ['down:1', `${R}:${M}`, 'no:1', 'cut:1', 'who:1', 'down:2'];
    const { data, errors } = await subgraph.ask(DELETE_MANY, { variables: { ids } });
    expect(errors).toEqual([]);
    const { deletedIds, failures } = data.deleteMaintenances;
    expect(deletedIds).toEqual([`${R}:${M}`]);
    expect(failures.map(({ id, code, outcome }: Record<string, string>) => [id, code, outcome])).toEqual([
      ['down:1', 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
      ['no:1', 'COMMAND_REJECTED', 'REJECTED'],
      ['cut:1', 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
      ['who:1', 'UNAUTHENTICATED', 'REJECTED'],
      ['down:2', 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
    ]);
    for (const { message } of failures) expect(message).toMatch(/^The command API .+\.$/);
  });

  it('is data also where every group fails', async () => {
    subgraph.upstream.fail(() => ({ status: 500 }));
    const { data, errors } = await subgraph.ask(DELETE_MANY, { variables: { ids: ['a:1', 'b:1'] } });
    expect(errors).toEqual([]);
    expect(data.deleteMaintenances).toMatchObject({ deletedIds: [], failures: [{ id: 'a:1' }, { id: 'b:1' }] });
  });

  it('is data for a fault of ours too, with one errorId in the messages and the log', async () => {
    const ids = ['faulty1:1', `${R}:${M}`, 'faulty2:1', 'faulty2:2'];
    const query = DELETE_MANY.replace('deleteMaintenances', 'a: deleteMaintenances').replace(
      /}$/,
      'b: deleteMaintenance(id: "faulty:3") { id } }',
    );
    const { data, errors } = await subgraph.ask(query, { variables: { ids } });
    const errorId = errors[0]?.extensions.errorId;
    expect(codes({ errors } as never)).toEqual([['INTERNAL_SERVER_ERROR', 'b']]);
    expect(data.a).toEqual({
      deletedIds: [`${R}:${M}`],
      failures: ['faulty1:1', 'faulty2:1', 'faulty2:2'].map((id) => ({
        id,
        code: 'INTERNAL_SERVER_ERROR',
        message: `Internal server error, errorId ${errorId}`,
        outcome: 'UNKNOWN',
      })),
    });
    expect(subgraph.upstream.commands()).toEqual([`batch_delete_maintenance_info ${R} ${M}`]);
    expect(subgraph.logs()).toMatchObject([
      { msg: 'unforeseen error', count: 3, errorId },
      { msg: 'operation', level: 50, codes: ['INTERNAL_SERVER_ERROR'], errorIds: [errorId] },
    ]);
  });

  it('is in the log as a fault of ours also where all that failed is data', async () => {
    const { errors } = await subgraph.ask(DELETE_MANY, { variables: { ids: ['faulty:1'] } });
    expect(errors).toEqual([]);
    expect(subgraph.logs()).toMatchObject([
      { msg: 'unforeseen error', count: 1 },
      { msg: 'operation', level: 50, codes: ['INTERNAL_SERVER_ERROR'], errorIds: [expect.any(String)] },
    ]);
  });

  it('is an error where the token is accepted for no group', async () => {
    subgraph.upstream.fail(() => ({ status: 401 }));
    const answer = await subgraph.ask(DELETE_MANY, { variables: { ids: ['a:1', 'b:1'] } });
    expect(codes(answer)).toEqual([['UNAUTHENTICATED', 'deleteMaintenances']]);
    expect(answer.errors[0]?.extensions.outcome).toBe('REJECTED');
    expect(answer.data).toEqual({ deleteMaintenances: null });
  });

  it('is data where the token is accepted for some of the groups', async () => {
    subgraph.upstream.fail(({ param }) => (param.residence_id === R ? undefined : { status: 401 }));
    const { data, errors } = await subgraph.ask(DELETE_MANY, { variables: { ids: ['a:1', `${R}:${M}`] } });
    expect(errors).toEqual([]);
    expect(data.deleteMaintenances).toMatchObject({
      deletedIds: [`${R}:${M}`],
      failures: [{ id: 'a:1', code: 'UNAUTHENTICATED', outcome: 'REJECTED' }],
    });
  });

  it('refuses the whole call for one malformed id, before any command', async () => {
    const answer = await subgraph.ask(DELETE_MANY, { variables: { ids: [`${R}:${M}`, 'malformed'] } });
    expect(codes(answer)).toEqual([['BAD_USER_INPUT', 'deleteMaintenances']]);
    expect(answer.errors[0]).toMatchObject({
      message: expect.stringContaining('ids[1]'),
      extensions: { outcome: 'NOT_SENT' },
    });
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('takes 500 ids', async () => {
    const ids = Array.from({ length: 500 }, (_, i) => `${R}:m${i}`);
    const { data } = await subgraph.ask(DELETE_MANY, { variables: { ids } });
    expect(data.deleteMaintenances.deletedIds).toEqual(ids);
  });
});

describe('reads after a write in the same operation', () => {
  // Each mutation field reads the residence's list and one detail after its own write.
  const reading = 'residence { maintenances { maintenanceId } }';

  it('are true, also of what was read before', async () => {
    const { data } = await subgraph.ask(
      `mutation {
        a: deleteMaintenance(id: "${R}:gone") { ${reading} }
        b: deleteMaintenances(ids: ["${R}:gone"]) { deletedIds }
        c: createMaintenance(input: { residenceId: "${R}", startTime: "2024-01-16T13:32:45Z",
          finishTime: "2024-01-17T13:32:45Z", description: "x", contact: "x" })
          { maintenance { ${reading} } }
        d: deleteMaintenance(id: "${R}:${M}") { ${reading} }
      }`,
    );
    expect(data.c.maintenance.residence.maintenances).toHaveLength(2);
    expect(data.d.residence.maintenances).toHaveLength(1);
    expect(subgraph.upstream.commands().filter((command) => command === `get_maintenance_list ${R}`)).toHaveLength(2);
  });

  it('are true of one request too, where the command API files two under one id', async () => {
    let files = 0;
    subgraph.upstream.fail(({ command }) => ({
      body: {
        success: true,
        result:
          command === 'create_maintenance_info' ? { maintenance_id: 'same' } : { description: `filing ${++files}` },
      },
    }));
    const { data } = await subgraph.ask(
      `mutation ($input: CreateMaintenanceInput!) {
        a: createMaintenance(input: $input) { maintenance { description } }
        b: createMaintenance(input: $input) { maintenance { description } }
      }`,
      { variables: { input: INPUT } },
    );
    expect(data.a.maintenance.description).toBe('filing 1');
    expect(data.b.maintenance.description).toBe('filing 2');
  });

  it('leave another residence’s reads alone', async () => {
    const [ticket] = subgraph.upstream.store.list(R);
    if (ticket) subgraph.upstream.store.residences.set('other', [ticket, { ...ticket, maintenance_id: 'second' }]);
    await subgraph.ask(
      `mutation {
        a: deleteMaintenance(id: "other:second") { residence { maintenances { id } } }
        new: createMaintenance(input: { residenceId: "other", startTime: "2024-01-16T13:32:45Z",
          finishTime: "2024-01-17T13:32:45Z", description: "x", contact: "x" }) { maintenance { id } }
        b: deleteMaintenance(id: "${R}:${M}") { id }
        c: deleteMaintenance(id: "${R}:gone") { id }
      }`,
    );
    expect(subgraph.upstream.commands()).toEqual([
      'delete_maintenance_info other second',
      'get_maintenance_list other',
      'create_maintenance_info other',
      expect.stringMatching(/^get_maintenance_info other m/),
      `delete_maintenance_info ${R} ${M}`,
      `delete_maintenance_info ${R} gone`,
    ]);
  });
});

describe('the outcome of a write', () => {
  /** Every mutation of one command, whose failure is an error: that of a batch is data. */
  const WRITES = Object.values(WIRE)
    .filter(({ operation, field }) => operation === 'mutation' && !field.includes('(ids:'))
    .map(({ field }): [string, string] => [field.split('(')[0] ?? '', field]);
  const ANSWERS: [string, object | 'cut', string, string][] = [
    ['401', { status: 401 }, 'UNAUTHENTICATED', 'REJECTED'],
    ['403', { status: 403 }, 'FORBIDDEN', 'REJECTED'],
    ['success: false', { body: { success: false } }, 'COMMAND_REJECTED', 'REJECTED'],
    ['success: false with 409', { status: 409, body: { success: false } }, 'COMMAND_REJECTED', 'REJECTED'],
    ['429', { status: 429 }, 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
    ['500 with success: false', { status: 500, body: { success: false } }, 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
    ['HTML', { body: '<html>' }, 'UPSTREAM_INVALID_RESPONSE', 'UNKNOWN'],
    ['a redirect', { status: 307, headers: { location: '/' } }, 'UPSTREAM_INVALID_RESPONSE', 'UNKNOWN'],
    ['a cut connection', 'cut', 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
  ];

  it.each(
    WRITES.flatMap(([name, field]) => ANSWERS.map((answer) => [name, answer[0], field, ...answer.slice(1)] as const)),
  )('of %s after %s', async (name, _, field, answer, code, outcome) => {
    subgraph.upstream.fail((__, response) => {
      if (answer !== 'cut') return answer as object;
      response.destroy();
      return 'taken';
    });
    const { data, errors } = await subgraph.ask(`mutation { ${field} }`);
    expect(errors).toMatchObject([{ path: [name], extensions: { code, outcome } }]);
    expect(data).toEqual({ [name]: null });
    expect(subgraph.upstream.received).toHaveLength(1);
  });

  it.each(WRITES)('of %s without a token is NOT_SENT', async (name, field) => {
    const { errors } = await subgraph.ask(`mutation { ${field} }`, { token: null });
    expect(errors).toMatchObject([{ path: [name], extensions: { code: 'UNAUTHENTICATED', outcome: 'NOT_SENT' } }]);
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('is nobody else’s: a token that is not known is rejected', async () => {
    const { errors } = await subgraph.ask(`mutation { ${WRITES[1]?.[1]} }`, { token: 'unknown' });
    expect(errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED', outcome: 'REJECTED' } }]);
    expect(subgraph.upstream.received[0]?.headers.authorization).toBe('Bearer unknown');
    await subgraph.ask(`mutation { ${WRITES[1]?.[1]} }`, { token: TOKENS.second });
    expect(subgraph.upstream.received[1]?.headers.authorization).toBe(`Bearer ${TOKENS.second}`);
  });
});
