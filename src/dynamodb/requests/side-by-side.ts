/** Runs work for many items side by side, but not for all of them at once. */

/**
 * Calls `work` for each item, for at most `limit` of them at once. Returns the results in the order of the items. After
 * an error it starts no further item; it waits for the ones under way, and rejects with the first error.
 */
export async function sideBySide<T, R>(
  limit: number,
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  let next = 0
  let failure: { readonly error: unknown } | undefined
  const run = async () => {
    while (next < items.length && failure === undefined) {
      const index = next++
      try {
        results[index] = await work(items[index] as T, index)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, run))
  if (failure !== undefined) throw failure.error
  return results
}
