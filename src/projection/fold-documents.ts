/** Folding events into the documents of one projection. */
import { InvalidInputError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import { checkName } from '../input/checks.ts'
import { stateJson } from '../input/json.ts'
import { beginning } from '../input/refusal.ts'
import type { DocumentAddress, DocumentChange, StoredDocument } from '../storage/projections.ts'
import { type AnyDocumentProjection, concerns } from './projection.ts'

/** What concerns a projection of some events: each with the keys of its documents. */
export interface Concern {
  readonly event: RecordedEvent
  readonly keys: readonly string[]
}

export function concernsOf(projection: AnyDocumentProjection, events: readonly RecordedEvent[]): Concern[] {
  const concerned: Concern[] = []
  for (const event of events) {
    if (!concerns(projection, event)) continue
    const keys = keysOf(projection, event)
    if (keys.length > 0) concerned.push({ event, keys })
  }
  return concerned
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

/** The present state of documents, changed by folding; null: there is no such document. */
export class DocumentStates {
  readonly #projection: AnyDocumentProjection
  readonly #states = new Map<string, unknown>()
  /** Up to which position events are folded into a document already. */
  readonly #folded = new Map<string, number>()
  /** The position of the last event that changed each document since `takeChanges`. */
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

  set(key: string, document: StoredDocument | undefined): void {
    this.#states.set(key, document === undefined ? null : JSON.parse(document.state))
    if (document !== undefined) this.#folded.set(key, document.position)
  }

  /** Folds in an event whose documents are all here. */
  fold({ event, keys }: Concern): void {
    const { evolve, initialState, name } = this.#projection
    for (const key of keys) {
      // A storage may have written a large batch in part when it was interrupted, and is given it again.
      if (event.position <= (this.#folded.get(key) ?? 0)) continue
      const before = this.#states.get(key) ?? initialState.call(this.#projection, key)
      const after: unknown = evolve.call(this.#projection, before, event, key)
      if (after === undefined) {
        throw new InvalidInputError(
          `the state of document '${key}' of projection '${name}'`,
          'must be given back by evolve; give back null to delete the document',
          beginning(after),
        )
      }
      this.#states.set(key, after)
      this.#changed.set(key, event.position)
    }
  }

  /** The documents that were changed since this was last called. */
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

  /** Forgets the states, which must have been written. */
  clear(): void {
    this.#states.clear()
    this.#folded.clear()
  }
}

/** The addresses of all documents that are concerned, each once. */
export function addressesOf(
  { name }: AnyDocumentProjection,
  generation: number,
  concerned: readonly Concern[],
): DocumentAddress[] {
  const keys = new Set(concerned.flatMap((concern) => concern.keys))
  return [...keys].map((key) => ({ projection: name, generation, key }))
}
