/** Folds events into the documents of one projection. */
import { applyChange, changeOf, initialStateFor } from '../command/in-place.ts'
import { InvalidInputError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import { checkName } from '../input/checks.ts'
import { stateJson } from '../input/json.ts'
import { beginning } from '../input/refusal.ts'
import type { DocumentAddress, DocumentChange, StoredDocument } from '../storage/projections.ts'
import { type AnyDocumentProjection, selects } from './projection.ts'

/** An event that a projection selects, with the keys of the documents that it changes. */
export interface KeyedEvent {
  readonly event: RecordedEvent
  readonly keys: readonly string[]
}

/** Returns the events that change a document of the projection, with the keys of those documents. */
export function keyedEvents(
  projection: AnyDocumentProjection,
  events: readonly RecordedEvent[],
): KeyedEvent[] {
  const keyed: KeyedEvent[] = []
  for (const event of events) {
    if (!selects(projection, event)) continue
    const keys = keysOf(projection, event)
    if (keys.length > 0) keyed.push({ event, keys })
  }
  return keyed
}

function keysOf(projection: AnyDocumentProjection, event: RecordedEvent): readonly string[] {
  const keys: unknown = projection.key(event)
  if (keys === undefined) return []
  const field = `the key of a document of projection '${projection.name}'`
  if (!Array.isArray(keys)) {
    checkName(keys, field)
    return [keys]
  }
  for (const key of keys) checkName(key, field)
  return [...new Set(keys)]
}

/** The states of documents in memory, which folding changes. A state of null means that there is no such document. */
export class DocumentStates {
  readonly #projection: AnyDocumentProjection
  readonly #states = new Map<string, unknown>()
  /** For each document, the position up to which events are already folded in. */
  readonly #folded = new Map<string, number>()
  /** For each document that was changed since the last `takeChanges`, the position of the last event that did. */
  readonly #changed = new Map<string, number>()

  constructor(projection: AnyDocumentProjection) {
    this.#projection = projection
  }

  get size(): number {
    return this.#states.size
  }

  has(key: string): boolean {
    return this.#states.has(key)
  }

  /** Loads a document; `undefined` means that the storage has none. */
  set(key: string, document: StoredDocument | undefined): void {
    this.#states.set(key, document === undefined ? null : JSON.parse(document.state))
    if (document !== undefined) this.#folded.set(key, document.position)
  }

  /** Folds an event into its documents, which must all be loaded. */
  fold({ event, keys }: KeyedEvent): void {
    for (const key of keys) {
      // An interrupted storage may have written a part of a large batch. When the build repeats that batch, it must not
      // fold the events of this part in a second time.
      if (event.position <= (this.#folded.get(key) ?? 0)) continue
      this.#states.set(key, this.#after(event, key))
      this.#changed.set(key, event.position)
    }
  }

  /**
   * Returns the state of a document after an event. No other object has the states, so a change in place needs no copy.
   * @throws FoldInPlaceError, InvalidInputError
   */
  #after(event: RecordedEvent, key: string): unknown {
    const projection = this.#projection
    const { evolve, initialState, name } = projection
    const before: unknown =
      this.#states.get(key) ?? initialStateFor(evolve, () => initialState.call(projection, key))
    const change = changeOf(evolve)
    if (change !== undefined) {
      applyChange(change, projection, before, [event, key])
      return before
    }
    const after: unknown = evolve.call(projection, before, event, key)
    if (after !== undefined) return after
    throw new InvalidInputError(
      `the state of document '${key}' of projection '${name}'`,
      'must be returned by evolve; return null to delete the document',
      beginning(after),
    )
  }

  /** Returns the documents that were changed since the last call. */
  takeChanges(generation: number): DocumentChange[] {
    const { name } = this.#projection
    const changes: DocumentChange[] = []
    for (const [key, position] of this.#changed) {
      const state = this.#states.get(key)
      const json =
        state === null ? null : stateJson(state, `the state of document '${key}' of projection '${name}'`)
      changes.push({ projection: name, generation, key, state: json, position })
    }
    this.#changed.clear()
    return changes
  }

  /** Forgets all states; their changes must have been written. */
  clear(): void {
    this.#states.clear()
    this.#folded.clear()
  }
}

/** The addresses of all documents that the events change, each once. */
export function addressesOf(
  { name }: AnyDocumentProjection,
  generation: number,
  events: readonly KeyedEvent[],
): DocumentAddress[] {
  const keys = new Set(events.flatMap((event) => event.keys))
  return [...keys].map((key) => ({ projection: name, generation, key }))
}
