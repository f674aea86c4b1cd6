/**
 * A maintenance, its identity and its order in a list.
 */
import { type Id, type Moment, parseId } from '../values.ts';

/** The two ids by which the command API finds a maintenance. */
export interface MaintenanceKey {
  readonly residenceId: Id;
  readonly maintenanceId: Id;
}

/** A field of a ticket: null if absent, an error if it could not be decoded. */
type Decoded<T> = T | null | Error;

/** A maintenance: a resident's request for a repair. */
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

/** The input of a new maintenance. */
export interface NewMaintenance {
  readonly residenceId: Id;
  readonly startTime: Moment;
  readonly finishTime: Moment;
  readonly description: string;
  readonly contact: string;
  readonly pictureFilenames?: readonly string[];
}

export type MaintenanceOrder = `${'CREATED' | 'START'}_TIME_${'ASC' | 'DESC'}`;

/** Filter and page of a residence's list. */
interface ListOptions {
  readonly states?: readonly MaintenanceState[] | null;
  readonly first?: number | null;
  readonly offset?: number | null;
}

/** In UTF-16 units: two ids of 256, with every character escaped as `%3A`, take 1,537. */
export const MAX_MAINTENANCE_ID_LENGTH = 1600;

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
 * Filters and slices a list. A maintenance whose state could not be decoded may have any state, so it passes every
 * filter by states that is not empty.
 */
export function selectMaintenances(all: readonly Maintenance[], { states, first, offset }: ListOptions) {
  const wanted = states && new Set<unknown>(states);
  const isWanted = ({ state }: Maintenance) => wanted?.has(state) || (state instanceof Error && wanted?.size !== 0);
  const matching = wanted ? all.filter(isWanted) : all;
  return matching.slice(offset ?? 0).slice(0, first ?? undefined);
}

/** Orders a list. Maintenances without the time to order by come last; equal times keep their order. */
export function orderMaintenances(all: readonly Maintenance[], by: MaintenanceOrder): readonly Maintenance[] {
  return all.toSorted(comparator(by));
}

function comparator(by: MaintenanceOrder): (a: Maintenance, b: Maintenance) => number {
  const field = by.startsWith('CREATED') ? 'createdTime' : 'startTime';
  // Times compare as texts. A missing time sorts last in both directions.
  const [sign, missing] = by.endsWith('ASC') ? [1, '~'] : [-1, ''];
  const time = ({ [field]: value }: Maintenance) => (typeof value === 'string' ? value : missing);
  return (a, b) => sign * (Number(time(a) > time(b)) - Number(time(a) < time(b)));
}
