/** Readers that return items one by one, and fetch them page by page. */
import { onAbort } from './abort.ts'

/**
 * Returns the items of pages, one after the other. `pagesOf` fetches the pages; its signal is aborted when the caller
 * aborts `signal`, and when the caller ends the reader. So `return()` ends a reader at once, also while `next()` waits:
 * that call then resolves as done. (`return()` of a native async generator waits until `next()` has its result.)
 *
 * A reader that is dropped between two items leaves nothing on `signal`.
 */
export function itemsOf<T>(
  signal: AbortSignal | undefined,
  pagesOf: (signal: AbortSignal) => AsyncGenerator<Iterable<T>, void, undefined>,
): AsyncIterableIterator<T> {
  const stop = new AbortController()
  const ended = new Error('the reader has ended')
  const items = readItems()

  async function* readItems(): AsyncGenerator<T, undefined, undefined> {
    const pages = pagesOf(stop.signal)
    try {
      for (;;) {
        const unlink = signal && onAbort(signal, () => stop.abort(signal.reason))
        const page = await pages.next().finally(unlink)
        if (page.done) return
        for (const item of page.value) {
          signal?.throwIfAborted()
          yield item
        }
      }
    } catch (error) {
      if (error !== ended) throw error
    } finally {
      await pages.return()
    }
  }

  return {
    next: () => items.next(),
    async return(value?: unknown) {
      stop.abort(ended)
      return items.return(value as undefined)
    },
    async throw(error: unknown) {
      stop.abort(ended)
      return items.throw(error)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
