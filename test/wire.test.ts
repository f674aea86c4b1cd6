import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../dev/seed.ts';
import { useSubgraph } from './support/use-subgraph.ts';

// The request examples of the vendor's page, but for the command id, which is fresh each time.
const RESIDENCE = 'r31adc223cc4b3bedb6bd4742dedcfa52';
const NEW_ID = 'm8b5a73f8dd84abaa94dcs248be49b0d1';
const EXAMPLES = [
  {
    operation: `{ maintenances(residenceId: "${RESIDENCE}") { id } }`,
    body: { command: 'get_maintenance_list', param: { residence_id: RESIDENCE } },
    result: [],
  },
  {
    operation: `{ maintenance(id: "${RESIDENCE}:m31adc223cc4b3bedb6bd4742dedcfa52") { id } }`,
    body: {
      command: 'get_maintenance_info',
      param: { residence_id: RESIDENCE, maintenance_id: 'm31adc223cc4b3bedb6bd4742dedcfa52' },
    },
    result: { state: 'closed' },
  },
  {
    operation: `mutation {
      createMaintenance(input: {
        residenceId: "${RESIDENCE}", startTime: "2024-01-16T13:32:45Z", finishTime: "2024-01-17T13:32:45Z"
        description: "test", contact: "10086", pictureFilenames: ["f8b5a73f8dd84abaa94dcs248be49b0db"]
      }) { id }
    }`,
    body: {
      command: 'create_maintenance_info',
      param: {
        residence_id: RESIDENCE,
        start_time: '2024-01-16 13:32:45',
        finish_time: '2024-01-17 13:32:45',
        description: 'test',
        contact: '10086',
        filename: ['f8b5a73f8dd84abaa94dcs248be49b0db'],
      },
    },
    result: { maintenance_id: NEW_ID },
  },
  {
    operation: `mutation { deleteMaintenance(id: "${RESIDENCE}:${NEW_ID}") { id } }`,
    body: { command: 'delete_maintenance_info', param: { residence_id: RESIDENCE, maintenance_id: NEW_ID } },
    result: {},
  },
  {
    operation: `mutation { deleteMaintenances(ids: ["${RESIDENCE}:${NEW_ID}"]) { deletedIds } }`,
    body: {
      command: 'batch_delete_maintenance_info',
      param: { residence_id: RESIDENCE, maintenances: [{ maintenance_id: NEW_ID }] },
    },
    result: {},
  },
];

describe('what goes to the command API', () => {
  const subgraph = useSubgraph();

  it.each(EXAMPLES)('is the whole request of the vendor page: $body.command', async ({ operation, body, result }) => {
    subgraph.upstream.fail(() => ({ body: { success: true, timestamp: 1540869200562, result } }));
    const { errors } = await subgraph.ask(operation);
    expect(errors).toEqual([]);
    expect(subgraph.upstream.received).toHaveLength(1);
    const [sent] = subgraph.upstream.received;
    expect(sent).toMatchObject({ method: 'POST', url: '/api/v1.0/invoke/open-ability/method/user-commands' });
    expect(sent?.id).toMatch(/^c[0-9a-f]{32}$/);
    expect(sent?.body).toBe(JSON.stringify({ command: body.command, id: sent?.id, param: body.param }));
  });

  it('leaves filename out where no pictures are named', async () => {
    await subgraph.ask(
      `mutation { createMaintenance(input: { residenceId: "${RESIDENCE}", startTime: "2024-01-16T13:32:45Z",
        finishTime: "2024-01-17T13:32:45Z", description: "test", contact: "10086" }) { id } }`,
    );
    expect(Object.keys(subgraph.upstream.received[0]?.param ?? {})).toEqual([
      'residence_id',
      'start_time',
      'finish_time',
      'description',
      'contact',
    ]);
  });

  it('carries the caller’s Authorization as it came, traceparent, our own headers, and nothing else', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await subgraph.ask(`{ maintenances(residenceId: "${RESIDENCE}") { id } }`, {
      headers: {
        authorization: `bearer  ${EXAMPLE.token}`,
        traceparent,
        tracestate: 'ours=1',
        baggage: 'user=1',
        cookie: 'session=1',
        'x-forwarded-for': '10.0.0.1',
        'apollographql-client-name': 'app',
      },
    });
    const [sent] = subgraph.upstream.received;
    expect(Object.keys(sent?.headers ?? {}).sort()).toEqual([
      'accept',
      'accept-encoding',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'traceparent',
      'user-agent',
    ]);
    expect(sent?.headers).toMatchObject({
      accept: 'application/json',
      'content-type': 'application/json',
      authorization: `bearer  ${EXAMPLE.token}`,
      traceparent,
    });
  });

  it('has no traceparent where the caller’s is malformed', async () => {
    await subgraph.ask(`{ maintenances(residenceId: "${RESIDENCE}") { id } }`, { headers: { traceparent: 'x' } });
    expect(subgraph.upstream.received[0]?.headers).not.toHaveProperty('traceparent');
  });

  it('has a fresh command id each time', async () => {
    for (let i = 0; i < 3; i++) await subgraph.ask(`{ maintenances(residenceId: "${RESIDENCE}") { id } }`);
    expect(new Set(subgraph.upstream.received.map(({ id }) => id)).size).toBe(3);
  });

  it('goes out on a kept connection for reads and on a fresh one for each write', async () => {
    const read = `{ maintenances(residenceId: "${RESIDENCE}") { id } }`;
    const write = `mutation { deleteMaintenances(ids: ["${RESIDENCE}:m1"]) { deletedIds } }`;
    for (const operation of [read, read, write, write, read]) await subgraph.ask(operation);
    const [r1, r2, w1, w2, r3] = subgraph.upstream.received.map(({ connection }) => connection);
    expect([r2, r3]).toEqual([r1, r1]);
    expect(new Set([r1, w1, w2]).size).toBe(3);
  });
});
