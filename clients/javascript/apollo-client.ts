/** What Apollo Client needs to show lists of repair requests. Copy this file into your app: it imports nothing. */

/** If a list cannot be read again, Apollo Client would replace the list on the screen by none. */
const maintenances = { merge: <T>(shown: T, read: T): T => read ?? shown };

/** An option of `InMemoryCache`: a list that cannot be read again stays on the screen. */
export const typePolicies = { Query: { fields: { maintenances } }, Residence: { fields: { maintenances } } };

/**
 * An option of `ApolloClient`. With `errorPolicy: 'none'`, the default, one undecodable member of a list fails the whole screen,
 * and a write whose result cannot be read skips `update`. Without `refetchWritePolicy: 'merge'`, `merge` above gets no last list.
 * In TypeScript, declare both error policies in `ApolloClient.DeclareDefaultOptions`, as the error message of Apollo Client says.
 */
export const defaultOptions = {
  watchQuery: { errorPolicy: 'all', refetchWritePolicy: 'merge' },
  mutate: { errorPolicy: 'all' },
} as const;

interface Cache {
  identify(object: { __typename: string; id: string }): string | undefined;
  evict(options: { id: string }): unknown;
  gc(): unknown;
}
interface Deletions {
  readonly deleteMaintenance?: { readonly deletedId: string } | null;
  readonly deleteMaintenances?: { readonly deletedIds: readonly string[] } | null;
}

/** An option for a `mutate()` that deletes. It takes the deleted requests out of all lists. Select `deletedId` or `deletedIds`. */
export function update(cache: Cache, { data }: { readonly data?: unknown }): void {
  const { deleteMaintenance, deleteMaintenances } = (data ?? {}) as Deletions;
  const ids = [deleteMaintenance?.deletedId ?? [], deleteMaintenances?.deletedIds ?? []].flat();
  for (const deleted of ids) {
    const id = cache.identify({ __typename: 'Maintenance', id: deleted });
    if (id !== undefined) cache.evict({ id });
  }
  cache.gc();
}
