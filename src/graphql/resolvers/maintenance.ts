import { toRepresentedKey } from '../arguments.ts';
import type { Context } from '../context.ts';

// graphql reads all fields from the record. An undecodable member is an Error there and fails only its own field.
export const Maintenance = {
  __resolveReference: (representation: unknown, { caller }: Context) =>
    caller().maintenanceByKey.load(toRepresentedKey(representation)),
};
