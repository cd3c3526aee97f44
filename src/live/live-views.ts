/** The live views of a store: one feed for each projection that is watched now. */
import { checkRequiredEvents, requiredEventsOf } from '../catalogue/required-events.ts'
import { StoreClosedError } from '../errors/index.ts'
import { checkInteger, checkReadName } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { AnyDocumentProjection } from '../projection/projection.ts'
import type { WatchOptions } from '../projection/view.ts'
import type { DocumentChange, PrefixChange, ViewDocument } from '../projection/view-document.ts'
import { abortable } from '../runtime/abort.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Operations } from '../runtime/operations.ts'
import { itemsOf } from '../runtime/paged-reader.ts'
import { presentCaller } from '../storage/caller.ts'
import type { StoredDocument } from '../storage/projections.ts'
import { ViewFeed } from './view-feed.ts'
import { type Scope, type Taken, Watcher } from './watcher.ts'

type AnyChange = DocumentChange<unknown> | PrefixChange<unknown>

export class LiveViews {
  readonly #environment: EngineEnvironment
  readonly #operations: Operations
  readonly #feeds = new Map<AnyDocumentProjection, ViewFeed>()
  // A feed serves many callers. It must not run in the async context of one of them, such as its transaction.
  readonly #own = presentCaller()
  #isClosed = false

  constructor(environment: EngineEnvironment, operations: Operations) {
    this.#environment = environment
    this.#operations = operations
  }

  /**
   * Checks the arguments in this call, and watches once the caller iterates.
   * @throws InvalidInputError
   */
  watch(projection: unknown, keys: unknown, options: WatchOptions | undefined): AsyncIterable<AnyChange> {
    const definition = checkedDefinition(projection)
    const { known } = this.#environment
    checkRequiredEvents(requiredEventsOf(definition), known, 'projection')
    const scope = checkedScope(keys)
    const { after, generation, signal } = optionsOf(options, ['after', 'generation', 'signal'])
    if (after !== undefined) checkInteger(after, 'after', 0)
    if (generation !== undefined) checkInteger(generation, 'generation', 0)
    const join = () => this.#join(definition, scope)
    // Refuses the caller as any other call is refused, for example inside a transaction.
    const checkCaller = (signal: AbortSignal) => this.#operations.perform(signal, async () => {})
    return itemsOf(signal, async function* (signal) {
      await checkCaller(signal)
      const { feed, watcher } = join()
      try {
        await abortable(feed.begin(watcher, after, generation), signal)
        for (;;) {
          yield [changeOf(scope, await watcher.take(signal))]
          // The caller may ask for the next change in another async context.
          await checkCaller(signal)
        }
      } finally {
        feed.remove(watcher)
      }
    })
  }

  /** Ends all watches with a StoreClosedError. */
  close(): void {
    this.#isClosed = true
    for (const feed of [...this.#feeds.values()]) feed.fail(new StoreClosedError())
  }

  #join(projection: AnyDocumentProjection, scope: Scope) {
    if (this.#isClosed) throw new StoreClosedError()
    const feed = this.#feeds.get(projection) ?? this.#open(projection)
    const watcher = new Watcher(scope, feed)
    feed.add(watcher)
    return { feed, watcher }
  }

  #open(projection: AnyDocumentProjection): ViewFeed {
    const onEnd = () => {
      if (this.#feeds.get(projection) === feed) this.#feeds.delete(projection)
    }
    const feed = this.#own(() => new ViewFeed(this.#environment, this.#operations, projection, onEnd))
    this.#feeds.set(projection, feed)
    this.#own(() => void feed.run())
    return feed
  }
}

/** Collections and raw projections have no function that names the documents of an event. */
function checkedDefinition(projection: unknown): AnyDocumentProjection {
  if (typeof projection === 'object') return projection as AnyDocumentProjection
  const problem =
    'must be a projection into documents to be watched: make the view of the projection itself, not of its name. Nothing says which documents of a collection an event changes'
  return refuse('projection', problem, projection)
}

function checkedScope(keys: unknown): Scope {
  if (typeof keys === 'string') {
    checkReadName(keys, 'keys')
    return { kind: 'key', text: keys }
  }
  const hasPrefix = readSafely(
    'keys',
    keys,
    () => typeof keys === 'object' && keys !== null && 'prefix' in keys,
  )
  if (!hasPrefix) refuse('keys', 'must be a key, or an object with a prefix', keys)
  const prefix = readSafely('keys', keys, () => (keys as { readonly prefix: unknown }).prefix)
  // An empty text stands for all documents.
  if (prefix !== '') checkReadName(prefix, 'keys.prefix')
  return { kind: 'prefix', text: prefix }
}

function changeOf(scope: Scope, taken: Taken): AnyChange {
  if (taken.kind === 'change') {
    const { key, position, read } = taken
    return changeOfDocument(key, read.document, { position, generation: read.generation, reset: false })
  }
  const { documents, position, generation } = taken.snapshot
  if (scope.kind === 'key') {
    return changeOfDocument(scope.text, documents[0], { position, generation, reset: true })
  }
  return { reset: true, documents: documents.map(viewDocument), position, generation }
}

function changeOfDocument<Reset extends boolean>(
  key: string,
  document: StoredDocument | undefined,
  facts: { readonly position: number; readonly generation: number; readonly reset: Reset },
) {
  const { state, revision } =
    document === undefined ? { state: undefined, revision: 0 } : viewDocument(document)
  return { key, state, revision, ...facts }
}

function viewDocument({ key, state, revision, position }: StoredDocument): ViewDocument<unknown> {
  return { key, state: JSON.parse(state), revision, position }
}
