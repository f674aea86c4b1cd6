/**
 * A repair request, its identity and its order in a list.
 */
import { type Id, type Moment, parseId } from '../values.ts';

/** The two ids by which the command API finds a repair request. */
export interface MaintenanceKey {
  readonly residenceId: Id;
  readonly maintenanceId: Id;
}

/** A field of a ticket: null if absent, an error if it could not be decoded. */
type Decoded<T> = T | null | Error;

/** A repair request. */
export interface Maintenance {
  readonly __typename: 'Maintenance';
  readonly id: string;
  readonly maintenanceId: Id;
  readonly residence: { readonly id: Id };
  readonly startTime: Decoded<Moment>;
  readonly finishTime: Decoded<Moment>;
  readonly createdTime: Decoded<Moment>;
  readonly description: Decoded<string>;
  readonly contact: Decoded<string>;
  readonly feedback: Decoded<string>;
  readonly pictureUrls: Decoded<readonly string[]>;
  readonly state: Decoded<MaintenanceState>;
}

export type MaintenanceState = 'WAIT_FOR_CONFIRMATION' | 'IN_PROGRESS' | 'COMPLETED' | 'CLOSED';

/** The input of a new repair request. */
export interface NewMaintenance {
  readonly residenceId: Id;
  readonly startTime: Moment;
  readonly finishTime: Moment;
  readonly description: string;
  readonly contact: string;
  readonly pictureFilenames?: readonly string[];
}

type MaintenanceOrder = `${'CREATED' | 'START'}_TIME_${'ASC' | 'DESC'}`;

/** Filter, order and page of a residence's list. */
export interface ListArguments {
  readonly states?: readonly MaintenanceState[] | null;
  readonly orderBy?: MaintenanceOrder | null;
  readonly first?: number | null;
  readonly offset?: number | null;
}

/** In UTF-16 units: two ids of 256, with every character escaped as `%3A`, take 1,537. */
const MAX_MAINTENANCE_ID_LENGTH = 1600;

/** Returns the `Maintenance.id` of a key: `<residence id>:<maintenance id>`, with `%` and `:` escaped in both parts. */
export function formatMaintenanceId({ residenceId, maintenanceId }: MaintenanceKey): string {
  const escapePart = (part: Id) => part.replace(/[%:]/g, encodeURIComponent);
  return `${escapePart(residenceId)}:${escapePart(maintenanceId)}`;
}

/** Returns the key of a `Maintenance.id`, or undefined if the id is malformed or longer than 1,600 characters. */
export function parseMaintenanceId(id: unknown): MaintenanceKey | undefined {
  if (typeof id !== 'string' || id.length > MAX_MAINTENANCE_ID_LENGTH || /%(?!25|3a)/i.test(id)) return undefined;
  const parts = id.split(':');
  const [residenceId, maintenanceId] = parts.map((part) => parseId(decodeURIComponent(part)));
  return residenceId && maintenanceId && parts.length === 2 ? { residenceId, maintenanceId } : undefined;
}

/**
 * Orders, filters and slices a list. Repair requests without the time to order by come last; equal times keep their
 * order. One whose state could not be decoded may have any state, so it passes every filter by states that is not
 * empty.
 */
export function selectMaintenances(all: readonly Maintenance[], { states, orderBy, first, offset }: ListArguments) {
  const ordered = orderBy ? order(all, orderBy) : all;
  const wanted = states && new Set<unknown>(states);
  const isWanted = ({ state }: Maintenance) => wanted?.has(state) || (state instanceof Error && wanted?.size !== 0);
  const matching = wanted ? ordered.filter(isWanted) : ordered;
  return matching.slice(offset ?? 0).slice(0, first ?? undefined);
}

// One operation may ask for thousands of selections from the same list. Ordering is the slow part.
const orders = new WeakMap<readonly Maintenance[], Map<MaintenanceOrder, readonly Maintenance[]>>();

function order(all: readonly Maintenance[], by: MaintenanceOrder): readonly Maintenance[] {
  const known = orders.get(all) ?? new Map();
  orders.set(all, known);
  if (!known.has(by)) known.set(by, all.toSorted(comparator(by)));
  return known.get(by);
}

function comparator(by: MaintenanceOrder): (a: Maintenance, b: Maintenance) => number {
  const member = by.startsWith('CREATED') ? 'createdTime' : 'startTime';
  // Times compare as texts. A missing time sorts last in both directions.
  const [sign, missing] = by.endsWith('ASC') ? [1, '~'] : [-1, ''];
  const time = ({ [member]: value }: Maintenance) => (typeof value === 'string' ? value : missing);
  return (a, b) => sign * (Number(time(a) > time(b)) - Number(time(a) < time(b)));
}
