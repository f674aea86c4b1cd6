/** What Relay needs to show lists of repair requests. Copy this file into your app: it imports nothing. */

/**
 * Returns a list to show. Select `deletedId @deleteRecord` or `deletedIds @deleteRecord` in a mutation that deletes: each list then
 * has null in place of the deleted request.
 */
export function withoutDeleted<T>(maintenances: readonly (T | null | undefined)[] | null | undefined) {
  return maintenances?.filter((maintenance) => maintenance !== null && maintenance !== undefined);
}
