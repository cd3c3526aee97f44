/** Inline projections: what events mean is written in the transaction of their append. */
import type { RecordedEvent } from '../event.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import { InlineFailure } from '../storage/inline-failure.ts'
import type { ProjectionStorage, StorageTransaction } from '../storage/projections.ts'
import { type LockedProjections, lockProjections, type ProjectionTarget, project } from './project.ts'
import { checkProjection, concerns, type Projection } from './projection.ts'
import { Registration } from './registration.ts'

export class InlineProjections {
  readonly isEmpty: boolean
  readonly #registration: Registration

  constructor(projections: readonly Projection[] = []) {
    const own = readSafely('inline', projections, () => checkedInline(projections))
    this.isEmpty = own.length === 0
    this.#registration = new Registration(own, 'inline')
  }

  /** Where to write; to be asked for before a transaction is begun. @throws ProjectionVersionError */
  targets(storage: Pick<ProjectionStorage, 'registerProjections'>): Promise<readonly ProjectionTarget[]> {
    return this.#registration.targets(storage)
  }

  /**
   * Writes what events mean that were appended in the transaction. 'stale': a projection was rebuilt meanwhile; the
   * transaction is to be rolled back and done again. What a projection throws is the cause of an InlineFailure.
   */
  async apply(
    targets: readonly ProjectionTarget[],
    events: readonly RecordedEvent[],
    transaction: StorageTransaction,
  ): Promise<'done' | 'stale'> {
    try {
      const result = await project(targets, events, transaction)
      if (result === 'stale') this.forget()
      return result
    } catch (thrown) {
      throw new InlineFailure(thrown)
    }
  }

  /**
   * Locks what events will change, before they are appended: whoever appends next gets its positions afterwards, so that
   * documents are folded in the order of the log. Of a raw projection, which documents it will change is not known: it
   * is run by one transaction after the other.
   */
  async lock(
    targets: readonly ProjectionTarget[],
    events: readonly RecordedEvent[],
    transaction: StorageTransaction,
  ): Promise<LockedProjections | 'stale'> {
    const raw = targets.filter(
      ({ projection }) => projection.kind === 'raw' && events.some((event) => concerns(projection, event)),
    )
    for (const name of raw.map(({ projection }) => projection.name).sort())
      await transaction.lockProjection(name)
    return lockProjections(targets, events, transaction)
  }

  /** The targets that were given are not the present ones any more. */
  forget(): void {
    this.#registration.forget()
  }
}

/** A copy, as the caller's array may change later. */
function checkedInline(projections: readonly Projection[]): readonly Projection[] {
  if (!Array.isArray(projections)) refuse('inline', 'must be an array of projections', projections)
  const own = Array.from(projections, (projection, index) => {
    checkProjection(projection, `inline[${index}]`)
    return projection
  })
  const names = own.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) < index)
  if (twice !== undefined) refuse('inline', 'must not name a projection twice', twice)
  return own
}
