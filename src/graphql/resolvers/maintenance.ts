import { parseRepresentedKey } from '../arguments.ts';
import type { Context } from '../context.ts';

// No resolver for the fields: graphql reads them from the record, see `readMember` in guard.ts.
export const Maintenance = {
  __resolveReference: (representation: unknown, { authenticated }: Context) =>
    authenticated().loaders.maintenanceByKey.load(parseRepresentedKey(representation)),
};
