/** An app with a screen of two lists, by a real client, against the gateway of `npm run supergraph`. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { startGateway } from '../../dev/supergraph/gateway.ts';
import { NEW_MAINTENANCE } from '../support/ask.ts';
import type { Fault } from '../support/upstream.ts';
import { useSupergraph } from '../support/use-supergraph.ts';
import { idOf } from '../support/visits.ts';
import { until } from '../support/wait.ts';

const R = idOf('1-101');
const OTHER = idOf('2-201');
export const VARIABLES = { residenceId: R };
export const HEADERS = { authorization: `Bearer ${EXAMPLE.token}` };
/** A fault: reads get 403, and writes take effect. */
export const REFUSE_READS: Fault = ({ command }) => (command.startsWith('get_') ? { status: 403 } : undefined);
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

/** An app in which the lists are on the screen, with the code of docs/errors.md that removes deleted requests from them. */
export interface App {
  show(): Lists;
  reload(): Promise<unknown>;
  mutate(mutation: Mutation, variables: Record<string, unknown>): Promise<Answer>;
  /** Returns the type of a record in the client's store. */
  typeOf(id: string): unknown;
  close(): void;
}

/** Tests of what each client does alike. Returns the supergraph. */
export function describeClient(
  client: string,
  open: (url: string) => Promise<App>,
  whileUpdating: readonly string[] = [],
) {
  const supergraph = useSupergraph(startGateway);
  const stored = (residence: string) =>
    supergraph.upstream.store.list(residence).map(({ maintenance_id }) => `${residence}:${maintenance_id}`);

  const idsOf = (list: List) => list?.map(({ id }) => id).sort();
  const idsOn = (app: App) => [idsOf(app.show().maintenances), idsOf(app.show().residence?.maintenances)];
  const both = (ids: readonly string[]) => [ids.toSorted(), ids.toSorted()];

  describe(client, () => {
    let app: App;
    beforeEach(async () => {
      app = await open(supergraph.url);
    });
    afterEach(() => app.close());

    it('creates a request, keeps it as a Maintenance, and lists it once the lists are read again', async () => {
      const before = stored(R);
      const { data, errors } = await app.mutate('ScreenCreateMutation', { input: INPUT });
      const id = stored(R).find((one) => !before.includes(one)) ?? '';
      const maintenance = { id, state: 'WAIT_FOR_CONFIRMATION' };
      expect([data, errors ?? []]).toMatchObject([{ createMaintenance: { createdId: id, maintenance } }, []]);
      expect(app.typeOf(id)).toBe('Maintenance');
      expect(idsOn(app)).toEqual(both(before));
      await app.reload();
      expect(idsOn(app)).toEqual(both(stored(R)));
    });

    it.each<[mutation: Mutation, count: number]>([
      ['ScreenDeleteMutation', 1],
      ['ScreenDeleteAllMutation', 2],
    ])('takes deleted requests out of both lists, by %s', async (mutation, count) => {
      // In a batch, one residence is refused.
      supergraph.upstream.fail(({ param }) => (param.residence_id === OTHER ? { status: 403 } : undefined));
      supergraph.upstream.received.length = 0;
      const deleted = stored(R).slice(0, count);
      const [failed = ''] = stored(OTHER);
      const failures = [{ failedId: failed, code: 'FORBIDDEN', outcome: 'REJECTED' }];
      const [variables, expected] =
        mutation === 'ScreenDeleteMutation'
          ? [{ id: deleted[0] }, { deleteMaintenance: { deletedId: deleted[0] } }]
          : [{ ids: [...deleted, failed] }, { deleteMaintenances: { deletedIds: deleted, failures } }];
      const { data, errors } = await app.mutate(mutation, variables);
      expect([data, errors ?? []]).toMatchObject([expected, []]);
      expect(stored(R)).not.toEqual(expect.arrayContaining(deleted));
      await until(() => idsOn(app)[0]?.length === stored(R).length);
      expect(idsOn(app)).toEqual(both(stored(R)));
      const sent = supergraph.upstream.received.filter(({ param }) => param.residence_id === R);
      const commands = [...new Set(sent.map(({ command }) => command))];
      expect(commands).toEqual([expect.stringMatching(/^(batch_)?delete_/), ...whileUpdating]);
    });

    it('shows all faults of a form', async () => {
      const input = { ...INPUT, finishTime: INPUT.startTime, contact: '' };
      const { errors } = await app.mutate('ScreenCreateMutation', { input });
      const faults = [
        { argument: 'input.finishTime', code: 'NOT_LATER', message: 'must be later than input.startTime' },
        { argument: 'input.contact', code: 'BLANK', message: 'must not be blank' },
      ];
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', arguments: faults } }]);
    });

    it('shows the error of a wrong type, which has no data', async () => {
      const { data, errors } = await app.mutate('ScreenCreateMutation', { input: { ...INPUT, contact: 5 } });
      expect(data ?? null).toBeNull();
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    });

    it('shows both the id of a created request that cannot be read back and the error', async () => {
      supergraph.upstream.fail(REFUSE_READS);
      const { data, errors } = await app.mutate('ScreenCreateMutation', { input: INPUT });
      const createMaintenance = { createdId: stored(R).at(-1), maintenance: null };
      expect([data, errors]).toMatchObject([{ createMaintenance }, [{ extensions: { code: 'FORBIDDEN' } }]]);
    });
  });
  return supergraph;
}
