/** Reads the documents of a projection: at once, or once they contain the events up to a position. */

import { checkInteger, checkMilliseconds, checkName, checkReadName } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import type { LiveViews } from '../live/live-views.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Operations } from '../runtime/operations.ts'
import { itemsOf } from '../runtime/paged-reader.ts'
import type { StoredDocument } from '../storage/projections.ts'
import type { AnyDocumentProjection, DocumentProjection } from './projection.ts'
import { checkDocumentProjection } from './projection.ts'
import type { ListDocumentsOptions, View, ViewOptions, WatchOptions } from './view.ts'
import type { ViewDocument } from './view-document.ts'

const documentsPerPage = 500

export function readView<State>(
  environment: EngineEnvironment,
  operations: Operations,
  liveViews: LiveViews,
  // biome-ignore lint/suspicious/noExplicitAny: a view does not depend on the projection's events
  projection: DocumentProjection<State, any> | string,
): View<State> {
  const name = checkedName(projection)
  const { storage } = environment

  /**
   * An inline projection always contains every appended event. An async one follows the log; its checkpoint is that of
   * the subscription of its name.
   */
  async function waitUntil({ atLeast, timeout = 5_000, signal }: ViewOptions): Promise<void> {
    if (atLeast === undefined || atLeast === 0) return
    const registered = await storage.registeredProjection(name, signal)
    if (registered?.mode === 'inline') return
    await environment.checkpointWaits.wait(name, { position: atLeast, timeout, signal })
  }

  function checkedWait(options: ViewOptions | undefined): ViewOptions {
    const { atLeast, timeout, signal } = optionsOf(options, ['atLeast', 'timeout', 'signal'])
    if (atLeast !== undefined) checkInteger(atLeast, 'atLeast', 0)
    if (timeout !== undefined) checkMilliseconds(timeout, 'timeout', 0)
    return { atLeast, timeout, signal }
  }

  return {
    async get(key, options) {
      checkReadName(key, 'key')
      const waiting = checkedWait(options)
      const { signal } = waiting
      const found = await operations.perform(signal, async () => {
        await waitUntil(waiting)
        return storage.readDocument(name, key, signal)
      })
      return found && toViewDocument<State>(found)
    },

    list(options?: ListDocumentsOptions) {
      const waiting = checkedWait(options)
      const { signal } = waiting
      const {
        prefix,
        after,
        limit = Number.MAX_SAFE_INTEGER,
      } = optionsOf(options, ['prefix', 'after', 'limit'])
      if (prefix !== undefined) checkReadName(prefix, 'prefix')
      if (after !== undefined) checkReadName(after, 'after')
      checkInteger(limit, 'limit', 1)
      return itemsOf(signal, async function* (signal) {
        await operations.perform(signal, () => waitUntil({ ...waiting, signal }))
        let last = after ?? ''
        for (let left = limit; left > 0; ) {
          const most = Math.min(left, documentsPerPage)
          const page = await operations.perform(signal, () =>
            storage.listDocuments(name, prefix ?? '', last, most, signal),
          )
          yield page.map(toViewDocument<State>)
          if (page.length < most) return
          last = (page.at(-1) as StoredDocument).key
          left -= page.length
        }
      })
    },

    // The type of what it yields depends on `keys`.
    watch: ((keys: unknown, options?: WatchOptions) =>
      liveViews.watch(projection, keys, options)) as View<State>['watch'],
  }
}

/** Returns the name of the projection or the collection. */
function checkedName(projection: AnyDocumentProjection | string): string {
  if (typeof projection !== 'object' || projection === null) {
    checkName(projection, 'projection')
    return projection
  }
  checkDocumentProjection(projection)
  return projection.name
}

function toViewDocument<State>({ key, state, revision, position }: StoredDocument): ViewDocument<State> {
  return { key, state: JSON.parse(state), revision, position }
}
