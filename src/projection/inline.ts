/** Inline projections: what events mean is written in the transaction of their append. */
import type { RecordedEvent } from '../event.ts'
import { reading, refuse } from '../refusal.ts'
import type { AppendOutcome, PreparedAppend, PreparedEvent } from '../storage.ts'
import { type LockedProjections, lockProjections, type ProjectionTarget, project } from './project.ts'
import { checkProjection, concerns, type Projection } from './projection.ts'
import { Registration } from './registration.ts'
import type { ProjectionStorage, StorageTransaction } from './storage.ts'

/** A projection threw: it is told to the caller of the append as what it threw, and never tried again. */
export class InlineFailure extends Error {
  constructor(thrown: unknown) {
    super('an inline projection threw', { cause: thrown })
  }
}

export class InlineProjections {
  readonly isEmpty: boolean
  readonly #registration: Registration

  constructor(projections: readonly Projection[] = []) {
    const own = reading('inline', projections, () => checkedInline(projections))
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

/** An event as it is recorded, or may be. */
export function recordedEvent(
  streamId: string,
  { id, type, data, metadata, tags }: PreparedEvent,
  place: { readonly version: number; readonly position: number; readonly recordedAt: Date },
): RecordedEvent {
  return {
    id,
    type,
    data: JSON.parse(data),
    metadata: JSON.parse(metadata),
    tags: [...tags],
    streamId,
    version: place.version,
    position: place.position,
    recordedAt: new Date(place.recordedAt),
  }
}

/** The events of appends as they are recorded, of those that were made; in the order of the log. */
export function appendedEvents(
  appends: readonly PreparedAppend[],
  outcomes: readonly (AppendOutcome | { readonly kind: string })[],
): RecordedEvent[] {
  const recorded: RecordedEvent[] = []
  for (const [index, { streamId, events }] of appends.entries()) {
    const outcome = outcomes[index] as AppendOutcome
    if (outcome.kind !== 'appended') continue
    for (const [nth, event] of events.entries()) {
      const version = outcome.version - events.length + nth + 1
      const position = outcome.positions[nth] as number
      recorded.push(
        recordedEvent(streamId, event, { version, position, recordedAt: outcome.recordedAt as Date }),
      )
    }
  }
  return recorded.sort((a, b) => a.position - b.position)
}
