/** Inline projections: the store writes their documents in the transaction that appends the events. */
import type { RecordedEvent } from '../event.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { CallerOf } from '../storage/caller.ts'
import { InlineFailure } from '../storage/inline-failure.ts'
import type { ProjectionStorage, StorageTransaction } from '../storage/projections.ts'
import { type LockedProjections, lockProjections, type ProjectionTarget, project } from './project.ts'
import { checkProjection, type Projection, selects } from './projection.ts'
import { Registration } from './registration.ts'

export class InlineProjections {
  readonly isEmpty: boolean
  readonly #registration: Registration

  constructor(projections: readonly Projection[] = []) {
    const checked = readSafely('inline', projections, () => checkedInline(projections))
    this.isEmpty = checked.length === 0
    this.#registration = new Registration(checked, 'inline')
  }

  /**
   * Returns the generations to write into. Must be called before the transaction begins: an embedded database has only
   * one connection. @throws ProjectionVersionError if the stored documents have another version or mode
   */
  targets(storage: Pick<ProjectionStorage, 'registerProjections'>): Promise<readonly ProjectionTarget[]> {
    return this.#registration.targets(storage)
  }

  /**
   * Writes the documents for events that were appended in this transaction. Returns 'stale' if a projection was rebuilt
   * since `targets`: then the caller must roll back and retry the transaction.
   * @throws InlineFailure with the error of a projection as its cause
   */
  async apply(
    targets: readonly ProjectionTarget[],
    events: readonly RecordedEvent[],
    transaction: StorageTransaction,
    callerOf?: CallerOf,
  ): Promise<'done' | 'stale'> {
    try {
      const result = await project(targets, events, transaction, callerOf)
      if (result === 'stale') this.forget()
      return result
    } catch (thrown) {
      throw new InlineFailure(thrown)
    }
  }

  /**
   * Locks the documents that the events will change, before the events get their positions. Another append that changes
   * the same documents gets its positions later, so that documents are folded in the order of the log. What a raw
   * projection will write is unknown, so its name is locked instead: such appends run one after the other.
   */
  async lock(
    targets: readonly ProjectionTarget[],
    events: readonly RecordedEvent[],
    transaction: StorageTransaction,
  ): Promise<LockedProjections | 'stale'> {
    const raw = targets.filter(
      ({ projection }) => projection.kind === 'raw' && events.some((event) => selects(projection, event)),
    )
    // In the order of names, so that two appends cannot deadlock.
    for (const name of raw.map(({ projection }) => projection.name).sort())
      await transaction.lockProjection(name)
    return lockProjections(targets, events, transaction)
  }

  /** Makes the next call of `targets` ask the storage again. */
  forget(): void {
    this.#registration.forget()
  }
}

/** Returns a copy, because the caller's array may change later. */
function checkedInline(projections: readonly Projection[]): readonly Projection[] {
  if (!Array.isArray(projections)) refuse('inline', 'must be an array of projections', projections)
  const checked = Array.from(projections, (projection, index) => {
    checkProjection(projection, `inline[${index}]`)
    return projection
  })
  const names = checked.map(({ name }) => name)
  const duplicate = names.find((name, index) => names.indexOf(name) < index)
  if (duplicate !== undefined) refuse('inline', 'must not name a projection twice', duplicate)
  return checked
}
