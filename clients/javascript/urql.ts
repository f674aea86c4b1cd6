/** What urql needs to show lists of repair requests. Copy this file into your app: it imports nothing. */

interface Cache {
  invalidate(entity: { __typename: string; id: string }): void;
}
interface Deletions {
  readonly deleteMaintenance?: { readonly deletedId: string } | null;
  readonly deleteMaintenances?: { readonly deletedIds: readonly string[] } | null;
}

function invalidateDeleted(data: unknown, _: unknown, cache: Cache): void {
  const { deleteMaintenance, deleteMaintenances } = data as Deletions;
  const ids = [deleteMaintenance?.deletedId ?? [], deleteMaintenances?.deletedIds ?? []].flat();
  for (const id of ids) cache.invalidate({ __typename: 'Maintenance', id });
}

/**
 * An option of `cacheExchange` of @urql/exchange-graphcache, which then reads each list again that had a deleted request.
 * Select `deletedId` or `deletedIds`.
 */
export const updates = { Mutation: { deleteMaintenance: invalidateDeleted, deleteMaintenances: invalidateDeleted } };
