/**
 * Running projections over events within a transaction: all their documents are locked and read at once, and written at
 * once. The two steps are apart for those who have to lock before the events get their positions.
 */
import type { RecordedEvent } from '../event.ts'
import type { DocumentChange, StorageTransaction } from '../storage/projections.ts'
import { addressesOf, concernsOf, DocumentStates } from './fold-documents.ts'
import { type AnyDocumentProjection, concerns, type Projection } from './projection.ts'

/** A projection, and the generation that its documents are in. */
export interface ProjectionTarget {
  readonly projection: Projection
  readonly generation: number
}

interface Fold {
  readonly projection: AnyDocumentProjection
  readonly generation: number
  readonly states: DocumentStates
}

/** The documents that events concern, locked. */
export class LockedProjections {
  readonly #folds: readonly Fold[]
  readonly #raw: readonly Projection[]

  constructor(folds: readonly Fold[], raw: readonly Projection[]) {
    this.#folds = folds
    this.#raw = raw
  }

  /** Whatever a projection throws is thrown on. 'unlocked': an event has a key that was not asked for. */
  async apply(
    events: readonly RecordedEvent[],
    transaction: StorageTransaction,
  ): Promise<'done' | 'unlocked'> {
    const changes: DocumentChange[] = []
    for (const { projection, generation, states } of this.#folds) {
      for (const concern of concernsOf(projection, events)) {
        if (!concern.keys.every((key) => states.has(key))) return 'unlocked'
        states.fold(concern)
      }
      changes.push(...states.takeChanges(generation))
    }
    if (changes.length > 0) await transaction.writeDocuments(changes)
    for (const projection of this.#raw) {
      if (projection.kind !== 'raw') continue
      const own = events.filter((event) => concerns(projection, event))
      if (own.length > 0) await projection.handle(own, transaction.user)
    }
    return 'done'
  }
}

/** Locks the documents that the events concern. 'stale': see `lockDocuments` of the transaction. */
export async function lockProjections(
  targets: readonly ProjectionTarget[],
  events: readonly RecordedEvent[],
  transaction: StorageTransaction,
): Promise<LockedProjections | 'stale'> {
  const folds: Fold[] = []
  const addresses = []
  const owners: DocumentStates[] = []
  for (const { projection, generation } of targets) {
    if (projection.kind === 'raw') continue
    const states = new DocumentStates(projection)
    folds.push({ projection, generation, states })
    for (const address of addressesOf(projection, generation, concernsOf(projection, events))) {
      addresses.push(address)
      owners.push(states)
    }
  }
  if (addresses.length > 0) {
    const documents = await transaction.lockDocuments(addresses)
    if (documents === 'stale') return 'stale'
    for (const [index, { key }] of addresses.entries()) owners[index]?.set(key, documents[index])
  }
  return new LockedProjections(
    folds,
    targets.map(({ projection }) => projection),
  )
}

/** Both steps, for events that are recorded already. */
export async function project(
  targets: readonly ProjectionTarget[],
  events: readonly RecordedEvent[],
  transaction: StorageTransaction,
): Promise<'done' | 'stale'> {
  const locked = await lockProjections(targets, events, transaction)
  if (locked === 'stale') return 'stale'
  await locked.apply(events, transaction)
  return 'done'
}
