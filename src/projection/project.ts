/** Running projections over events within a transaction: all their documents are read at once, and written at once. */
import type { RecordedEvent } from '../event.ts'
import { addressesOf, type Concern, concernsOf, DocumentStates } from './fold-documents.ts'
import { type AnyDocumentProjection, concerns, type Projection } from './projection.ts'
import type { DocumentChange, StorageTransaction } from './storage.ts'

/** A projection, and the generation that its documents are in. */
export interface ProjectionTarget {
  readonly projection: Projection
  readonly generation: number
}

/** Whatever a projection throws is thrown on. 'stale': see `lockDocuments`. */
export async function project(
  targets: readonly ProjectionTarget[],
  events: readonly RecordedEvent[],
  transaction: StorageTransaction,
): Promise<'done' | 'stale'> {
  const folds: {
    readonly states: DocumentStates
    readonly concerned: readonly Concern[]
    generation: number
  }[] = []
  const addresses = []
  const owners: DocumentStates[] = []
  for (const { projection, generation } of targets) {
    if (projection.kind === 'raw') continue
    const concerned = concernsOf(projection as AnyDocumentProjection, events)
    const states = new DocumentStates(projection as AnyDocumentProjection)
    folds.push({ states, concerned, generation })
    for (const address of addressesOf(projection as AnyDocumentProjection, generation, concerned)) {
      addresses.push(address)
      owners.push(states)
    }
  }
  if (addresses.length > 0) {
    const documents = await transaction.lockDocuments(addresses)
    if (documents === 'stale') return 'stale'
    for (const [index, { key }] of addresses.entries()) owners[index]?.set(key, documents[index])
    const changes: DocumentChange[] = []
    for (const { states, concerned, generation } of folds) {
      for (const concern of concerned) states.fold(concern)
      changes.push(...states.takeChanges(generation))
    }
    await transaction.writeDocuments(changes)
  }
  for (const { projection } of targets) {
    if (projection.kind !== 'raw') continue
    const own = events.filter((event) => concerns(projection, event))
    if (own.length > 0) await projection.handle(own, transaction.user)
  }
  return 'done'
}
