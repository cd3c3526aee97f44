/** Reading the documents of a view: now, or once it holds what the caller knows of. */
import { checkInteger, checkMilliseconds, checkName, checkReadName } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Operations } from '../runtime/operations.ts'
import type { StoredDocument } from '../storage/projections.ts'
import { waitForCheckpoint } from '../subscription/checkpoint-wait.ts'
import type { AnyDocumentProjection, DocumentProjection } from './projection.ts'
import { checkDocumentProjection } from './projection.ts'
import type { ListDocumentsOptions, View, ViewDocument, ViewOptions } from './view.ts'

const documentsPerPage = 500

export function readView<State>(
  environment: EngineEnvironment,
  operations: Operations,
  // biome-ignore lint/suspicious/noExplicitAny: whatever its events are
  projection: DocumentProjection<State, any> | string,
): View<State> {
  const name = checkedView(projection)
  const { storage } = environment

  /** An inline projection holds whatever is appended; an async one follows, as the subscription of its name. */
  async function waitUntil({ atLeast, timeout = 5_000, signal }: ViewOptions): Promise<void> {
    if (atLeast === undefined || atLeast === 0) return
    const registered = await storage.registeredProjection(name, signal)
    if (registered?.mode === 'inline') return
    await waitForCheckpoint(environment, name, { position: atLeast, timeout, signal })
  }

  function optionsToWait(options: ViewOptions | undefined): ViewOptions {
    const { atLeast, timeout, signal } = optionsOf(options, ['atLeast', 'timeout', 'signal'])
    if (atLeast !== undefined) checkInteger(atLeast, 'atLeast', 0)
    if (timeout !== undefined) checkMilliseconds(timeout, 'timeout', 0)
    return { atLeast, timeout, signal }
  }

  return {
    async get(key, options) {
      checkReadName(key, 'key')
      const waiting = optionsToWait(options)
      const { signal } = waiting
      const found = await operations.perform(signal, async () => {
        await waitUntil(waiting)
        return storage.readDocument(name, key, signal)
      })
      return found && reveal<State>(found)
    },

    list(options?: ListDocumentsOptions) {
      const waiting = optionsToWait(options)
      const { signal } = waiting
      const {
        prefix,
        after,
        limit = Number.MAX_SAFE_INTEGER,
      } = optionsOf(options, ['prefix', 'after', 'limit'])
      if (prefix !== undefined) checkReadName(prefix, 'prefix')
      if (after !== undefined) checkReadName(after, 'after')
      checkInteger(limit, 'limit', 1)
      return (async function* (): AsyncGenerator<ViewDocument<State>> {
        await operations.perform(signal, () => waitUntil(waiting))
        let last = after ?? ''
        for (let left = limit; left > 0; ) {
          const most = Math.min(left, documentsPerPage)
          const page = await operations.perform(signal, () =>
            storage.listDocuments(name, prefix ?? '', last, most, signal),
          )
          for (const document of page) {
            signal?.throwIfAborted()
            yield reveal<State>(document)
          }
          if (page.length < most) return
          last = (page.at(-1) as StoredDocument).key
          left -= page.length
        }
      })()
    },
  }
}

/** The name of what is to be read. */
function checkedView(projection: AnyDocumentProjection | string): string {
  if (typeof projection !== 'object' || projection === null) {
    checkName(projection, 'projection')
    return projection
  }
  checkDocumentProjection(projection)
  return projection.name
}

function reveal<State>({ key, state, revision, position }: StoredDocument): ViewDocument<State> {
  return { key, state: JSON.parse(state), revision, position }
}
