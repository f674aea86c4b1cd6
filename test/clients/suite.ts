/** An app with a screen of two lists, by a real client, against the gateway of `npm run supergraph`. */
import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { startGateway } from '../../dev/supergraph/gateway.ts';
import { NEW_MAINTENANCE } from '../support/ask.ts';
import { useSupergraph } from '../support/use-supergraph.ts';
import { idOf } from '../support/visits.ts';
import { until } from '../support/wait.ts';

const R = idOf('1-101');
const OTHER = idOf('2-201');
export const VARIABLES = { residenceId: R };
export const HEADERS = { authorization: `Bearer ${EXAMPLE.token}` };
export const INPUT = { ...NEW_MAINTENANCE, residenceId: R };

/** The lists of our field and of a residence that another subgraph owns. Relay requires such names. */
export const LISTS = `query ScreenListsQuery($residenceId: ID!) {
  maintenances(residenceId: $residenceId, orderBy: CREATED_TIME_DESC) { id description state }
  residence(id: $residenceId) { id name maintenances { id state } }
}`;
export const MUTATIONS = {
  ScreenCreateMutation: `mutation ScreenCreateMutation($input: CreateMaintenanceInput!) {
    createMaintenance(input: $input) { createdId maintenance { id state } }
  }`,
  ScreenDeleteMutation: 'mutation ScreenDeleteMutation($id: ID!) { deleteMaintenance(id: $id) { deletedId } }',
  ScreenDeleteAllMutation: `mutation ScreenDeleteAllMutation($ids: [ID!]!) {
    deleteMaintenances(ids: $ids) { deletedIds failures { failedId code outcome } }
  }`,
} as const;
export type Mutation = keyof typeof MUTATIONS;

export type List = readonly { readonly id: string }[] | null | undefined;
export interface Lists {
  readonly maintenances?: List;
  readonly residence?: { readonly maintenances?: List } | null;
}
export interface Answer {
  readonly data?: unknown;
  /** As the client returns them beside data, or in an error that it throws. */
  readonly errors?: readonly { readonly path?: unknown; readonly extensions?: object }[] | null | undefined;
}

/** An app in which the lists are on the screen. */
export interface App {
  /** Returns the lists on the screen. */
  show(): Lists;
  reload(): Promise<unknown>;
  mutate(mutation: Mutation, variables: Record<string, unknown>): Promise<Answer>;
  /** Returns the type of a record in the client's store. */
  typeOf(id: string): unknown;
  close?(): void;
}

/** Starts an app, with or without the code of docs/errors.md that removes deleted requests from lists. */
export type Open = (url: string, hasUpdates: boolean) => Promise<App>;

/** Tests of what each client does alike. Returns the supergraph. */
export function describeClient(client: string, open: Open, whileUpdating: readonly string[] = []) {
  const supergraph = useSupergraph(startGateway);
  const stored = (residence: string) =>
    supergraph.upstream.store.list(residence).map(({ maintenance_id }) => `${residence}:${maintenance_id}`);

  async function use(hasUpdates: boolean, run: (app: App) => Promise<void>): Promise<void> {
    const app = await open(supergraph.url, hasUpdates);
    await run(app);
    app.close?.();
  }
  const idsOf = (list: List) => list?.map(({ id }) => id).sort();
  const idsOn = (app: App) => [idsOf(app.show().maintenances), idsOf(app.show().residence?.maintenances)];
  const both = (ids: readonly string[]) => [ids.toSorted(), ids.toSorted()];

  describe(client, () => {
    it('creates a request, keeps it as a Maintenance, and lists it once the lists are read again', () =>
      use(true, async (app) => {
        const before = stored(R);
        const { data, errors } = await app.mutate('ScreenCreateMutation', { input: INPUT });
        const id = stored(R).find((one) => !before.includes(one)) ?? '';
        const maintenance = { id, state: 'WAIT_FOR_CONFIRMATION' };
        expect([data, errors ?? []]).toMatchObject([{ createMaintenance: { createdId: id, maintenance } }, []]);
        expect(app.typeOf(id)).toBe('Maintenance');
        expect(idsOn(app)).toEqual(both(before));
        await app.reload();
        expect(idsOn(app)).toEqual(both(stored(R)));
      }));

    describe.each<[mutation: Mutation, count: number]>([
      ['ScreenDeleteMutation', 1],
      ['ScreenDeleteAllMutation', 2],
    ])('by %s', (mutation, count) => {
      /** Deletes the first requests of the lists and, in a batch, a request of a residence that is refused. */
      async function remove(app: App) {
        supergraph.upstream.fail(({ param }) => (param.residence_id === OTHER ? { status: 403 } : undefined));
        supergraph.upstream.received.length = 0;
        const deleted = stored(R).slice(0, count);
        const [failed = ''] = stored(OTHER);
        const isOne = mutation === 'ScreenDeleteMutation';
        const { data, errors } = await app.mutate(mutation, isOne ? { id: deleted[0] } : { ids: [...deleted, failed] });
        const failures = [{ failedId: failed, code: 'FORBIDDEN', outcome: 'REJECTED' }];
        const expected = isOne
          ? { deleteMaintenance: { deletedId: deleted[0] } }
          : { deleteMaintenances: { deletedIds: deleted, failures } };
        expect([data, errors ?? []]).toMatchObject([expected, []]);
        expect(stored(R)).not.toEqual(expect.arrayContaining(deleted));
      }
      /** Returns the commands of the residence without its ids. */
      const commands = () => {
        const sent = supergraph.upstream.received.filter(({ param }) => param.residence_id === R);
        return [...new Set(sent.map(({ command }) => command))];
      };

      it('takes deleted requests out of both lists with the code of docs/errors.md', () =>
        use(true, async (app) => {
          await remove(app);
          await until(() => idsOn(app)[0]?.length === stored(R).length);
          expect(idsOn(app)).toEqual(both(stored(R)));
          expect(commands()).toEqual([expect.stringMatching(/^(batch_)?delete_/), ...whileUpdating]);
        }));

      it('leaves deleted requests in both lists without that code', () =>
        use(false, async (app) => {
          const before = stored(R);
          await remove(app);
          expect(idsOn(app)).toEqual(both(before));
          expect(commands()).toEqual([expect.stringMatching(/^(batch_)?delete_/)]);
        }));
    });

    it('shows all faults of a form', () =>
      use(true, async (app) => {
        const input = { ...INPUT, finishTime: INPUT.startTime, contact: '' };
        const { errors } = await app.mutate('ScreenCreateMutation', { input });
        const faults = [
          { argument: 'input.finishTime', message: 'must be later than input.startTime' },
          { argument: 'input.contact', message: 'must not be blank' },
        ];
        expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', arguments: faults } }]);
      }));

    it('shows the error of a wrong type, which has no data', () =>
      use(true, async (app) => {
        const { data, errors } = await app.mutate('ScreenCreateMutation', { input: { ...INPUT, contact: 5 } });
        expect(data ?? null).toBeNull();
        expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
      }));

    it('shows both the id of a created request that cannot be read back and the error', () =>
      use(true, async (app) => {
        supergraph.upstream.fail(({ command }) => (command.startsWith('get_') ? { status: 403 } : undefined));
        const { data, errors } = await app.mutate('ScreenCreateMutation', { input: INPUT });
        const createMaintenance = { createdId: stored(R).at(-1), maintenance: null };
        expect([data, errors]).toMatchObject([{ createMaintenance }, [{ extensions: { code: 'FORBIDDEN' } }]]);
      }));
  });
  return supergraph;
}
