import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const RESIDENCE = EXAMPLE.residenceId;

describe('what goes to the command API', () => {
  const subgraph = useSubgraph();

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
