/**
 * Runs projections over events inside a transaction: one call locks and reads all their documents, another writes them.
 * The two steps are separate functions because an append must lock the documents before its events get positions.
 */
import type { RecordedEvent } from '../event.ts'
import type { Caller, CallerOf } from '../storage/caller.ts'
import type { DocumentChange, StorageTransaction } from '../storage/projections.ts'
import { addressesOf, DocumentStates, keyedEvents } from './fold-documents.ts'
import { type AnyDocumentProjection, type Projection, selects } from './projection.ts'

/** A projection, and the generation of documents that it writes into. */
export interface ProjectionTarget {
  readonly projection: Projection
  readonly generation: number
}

interface Fold {
  readonly projection: AnyDocumentProjection
  readonly generation: number
  readonly states: DocumentStates
}

/** The locked documents that a list of events changes. */
export class LockedProjections {
  readonly #folds: readonly Fold[]
  readonly #raw: readonly Projection[]

  constructor(folds: readonly Fold[], raw: readonly Projection[]) {
    this.#folds = folds
    this.#raw = raw
  }

  /**
   * Folds the events in and writes the documents. Returns 'unlocked' if an event has a key that was not locked. With
   * `callerOf`, the function of a raw projection gets the events of each caller by themselves, in the caller's context.
   * @throws the error of a projection's own functions
   */
  async apply(
    events: readonly RecordedEvent[],
    transaction: StorageTransaction,
    callerOf?: CallerOf,
  ): Promise<'done' | 'unlocked'> {
    const changes: DocumentChange[] = []
    for (const { projection, generation, states } of this.#folds) {
      for (const event of keyedEvents(projection, events)) {
        if (!event.keys.every((key) => states.has(key))) return 'unlocked'
        states.fold(event)
      }
      changes.push(...states.takeChanges(generation))
    }
    if (changes.length > 0) await transaction.writeDocuments(changes)
    for (const projection of this.#raw) {
      if (projection.kind !== 'raw') continue
      const selected = events.filter((event) => selects(projection, event))
      for (const { caller, own } of byCaller(selected, callerOf)) {
        const handle = () => projection.handle(own, transaction.user)
        const inside = () => (transaction.enter === undefined ? handle() : transaction.enter(handle))
        await (caller === undefined ? handle() : caller(inside))
      }
    }
    return 'done'
  }
}

/** Divides events into runs of the same caller. */
function byCaller(events: readonly RecordedEvent[], callerOf: CallerOf = () => undefined) {
  const runs: { readonly caller: Caller | undefined; readonly own: RecordedEvent[] }[] = []
  for (const event of events) {
    const caller = callerOf(event)
    const last = runs.at(-1)
    if (last !== undefined && last.caller === caller) last.own.push(event)
    else runs.push({ caller, own: [event] })
  }
  return runs
}

/** Locks and reads the documents that the events change. Returns 'stale' if a generation is no longer read. */
export async function lockProjections(
  targets: readonly ProjectionTarget[],
  events: readonly RecordedEvent[],
  transaction: StorageTransaction,
): Promise<LockedProjections | 'stale'> {
  const folds: Fold[] = []
  const addresses = []
  /** The states that each address belongs to. */
  const statesOfAddress: DocumentStates[] = []
  for (const { projection, generation } of targets) {
    if (projection.kind === 'raw') continue
    const states = new DocumentStates(projection)
    folds.push({ projection, generation, states })
    for (const address of addressesOf(projection, generation, keyedEvents(projection, events))) {
      addresses.push(address)
      statesOfAddress.push(states)
    }
  }
  if (addresses.length > 0) {
    const documents = await transaction.lockDocuments(addresses)
    if (documents === 'stale') return 'stale'
    for (const [index, { key }] of addresses.entries()) statesOfAddress[index]?.set(key, documents[index])
  }
  return new LockedProjections(
    folds,
    targets.map(({ projection }) => projection),
  )
}

/** Does both steps, for events that are already recorded. */
export async function project(
  targets: readonly ProjectionTarget[],
  events: readonly RecordedEvent[],
  transaction: StorageTransaction,
  callerOf?: CallerOf,
): Promise<'done' | 'stale'> {
  const locked = await lockProjections(targets, events, transaction)
  if (locked === 'stale') return 'stale'
  await locked.apply(events, transaction, callerOf)
  return 'done'
}
