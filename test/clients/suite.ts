/** An app with a screen of two lists, by a real client and the files of clients/javascript/. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '../support/wait.ts';
import { describeWrites, INPUT, type Mutation, R, type Send } from './writes.ts';

export const VARIABLES = { residenceId: R };
/** The lists of our field and of a residence that another subgraph owns. Relay requires such names. */
export const LISTS = `query ScreenListsQuery($residenceId: ID!) {
  maintenances(residenceId: $residenceId, orderBy: CREATED_TIME_DESC) { id description state }
  residence(id: $residenceId) { id name maintenances { id state } }
}`;

export type List = readonly { readonly id: string }[] | null | undefined;
export interface Lists {
  readonly maintenances?: List;
  readonly residence?: { readonly maintenances?: List } | null;
}
/** A client, and the screen. */
export interface App {
  show(): Lists;
  reload(): Promise<unknown>;
  send: Send;
  close(): void;
}

/** Tests of what each client does alike. Returns the supergraph. */
export function describeClient<C>(
  title: string,
  create: (url: string) => C,
  sendBy: (client: C) => Send,
  open: (client: C) => Promise<Omit<App, 'send'>>,
  whileUpdating: readonly string[] = [],
) {
  const supergraph = describeWrites(title, (url) => sendBy(create(url)));
  const stored = (residence: string) =>
    supergraph.upstream.store.list(residence).map(({ maintenance_id }) => `${residence}:${maintenance_id}`);

  const idsOf = (list: List) => list?.map(({ id }) => id).sort();
  const idsOn = (app: App) => [idsOf(app.show().maintenances), idsOf(app.show().residence?.maintenances)];
  const both = (ids: readonly string[]) => [ids.toSorted(), ids.toSorted()];

  describe(title, () => {
    let app: App;
    beforeEach(async () => {
      const client = create(supergraph.url);
      app = { ...(await open(client)), send: sendBy(client) };
    });
    afterEach(() => app.close());

    it('creates a request, and lists it once the lists are read again', async () => {
      const before = stored(R);
      const created = await app.send('create', { input: INPUT });
      const id = stored(R).find((one) => !before.includes(one)) ?? '';
      const maintenance = { id, state: 'WAIT_FOR_CONFIRMATION' };
      expect(created?.data).toMatchObject({ createMaintenance: { createdId: id, maintenance } });
      expect(idsOn(app)).toEqual(both(before));
      await app.reload();
      expect(idsOn(app)).toEqual(both(stored(R)));
    });

    it.each<[mutation: Mutation, count: number]>([
      ['delete', 1],
      ['deleteAll', 2],
    ])('takes deleted requests out of both lists, by %s', async (mutation, count) => {
      supergraph.upstream.received.length = 0;
      const ids = stored(R).slice(0, count);
      await app.send(mutation, mutation === 'delete' ? { id: ids[0] } : { ids });
      expect(stored(R)).not.toEqual(expect.arrayContaining(ids));
      await until(() => idsOn(app)[0]?.length === stored(R).length);
      expect(idsOn(app)).toEqual(both(stored(R)));
      const commands = [...new Set(supergraph.upstream.received.map(({ command }) => command))];
      expect(commands).toEqual([expect.stringMatching(/^(batch_)?delete_/), ...whileUpdating]);
    });
  });
  return supergraph;
}
