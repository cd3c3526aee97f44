/** Inline projections: the store writes their documents in the transaction that appends the events. */
import type { EventDefinitions } from '../catalogue/definitions.ts'
import { type KnownEvents, knownEventsOf } from '../catalogue/known-events.ts'
import { checkRequiredEvents, requiredEventsOf } from '../catalogue/required-events.ts'
import { checkTypes } from '../catalogue/unknown-type.ts'
import { upcastAll } from '../catalogue/upcast.ts'
import { MissingInlineProjectionError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import type { CallerOf } from '../storage/caller.ts'
import { InlineFailure } from '../storage/inline-failure.ts'
import { compareNames } from '../storage/names.ts'
import type { ProjectionStorage, StorageTransaction } from '../storage/projections.ts'
import { type LockedProjections, lockProjections, type ProjectionTarget, project } from './project.ts'
import { checkProjection, type Projection, selects } from './projection.ts'
import { Registration } from './registration.ts'

/** The name and version with which an append names an inline projection. */
export type NamedProjection = Pick<Projection, 'name' | 'version'>

export class InlineProjections {
  readonly isEmpty: boolean
  /** The inline projections of this store. Every append names them. */
  readonly named: readonly NamedProjection[]
  readonly #registration: Registration
  readonly #known: KnownEvents | undefined

  /** `events`: the catalogue of the store, through which the projections get the events. */
  constructor(projections: readonly Projection[] = [], events?: EventDefinitions) {
    this.#known = knownEventsOf(events)
    const checked = readSafely('inline', projections, () => checkedInline(projections, this.#known))
    this.isEmpty = checked.length === 0
    this.named = checked.map(({ name, version }) => ({ name, version }))
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
   * Writes the documents for events, as they are stored, that were appended in this transaction. Returns 'stale' if a
   * projection was rebuilt since `targets`: then the caller must roll back and retry the transaction.
   * @throws InlineFailure with the error of a projection as its cause
   */
  async apply(
    targets: readonly ProjectionTarget[],
    events: readonly RecordedEvent[],
    transaction: StorageTransaction,
    callerOf?: CallerOf,
  ): Promise<'done' | 'stale'> {
    try {
      const today = this.#today(events, callerOf)
      const result = await project(targets, today.events, transaction, today.callerOf)
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
   * @throws UnreadableEventError if the catalogue of the store cannot read an event
   */
  async lock(
    targets: readonly ProjectionTarget[],
    stored: readonly RecordedEvent[],
    transaction: StorageTransaction,
  ): Promise<Pick<LockedProjections, 'apply'> | 'stale'> {
    const { events } = this.#today(stored, undefined)
    const raw = targets.filter(
      ({ projection }) => projection.kind === 'raw' && events.some((event) => selects(projection, event)),
    )
    // In the order of names, so that two appends cannot deadlock.
    for (const name of raw.map(({ projection }) => projection.name).sort())
      await transaction.lockProjection(name)
    const locked = await lockProjections(targets, events, transaction)
    if (locked === 'stale' || this.#known === undefined) return locked
    return {
      apply: (stored, transaction, callerOf) => {
        const today = this.#today(stored, callerOf)
        return locked.apply(today.events, transaction, today.callerOf)
      },
    }
  }

  /** The parts of a split event have the caller of the stored event. */
  #today(stored: readonly RecordedEvent[], callerOf: CallerOf | undefined): TodaysEvents {
    if (this.#known === undefined) return { events: stored, callerOf }
    const events = upcastAll(this.#known, stored)
    if (events === stored || callerOf === undefined) return { events, callerOf }
    const placeOf = ({ streamId, version }: RecordedEvent) => `${version} ${streamId}`
    const callers = new Map(stored.map((event) => [placeOf(event), callerOf(event)] as const))
    const callersById = new Map(events.map((event) => [event.id, callers.get(placeOf(event))] as const))
    return { events, callerOf: ({ id }) => callersById.get(id) }
  }

  /**
   * Compares the projections of this store with `present`, the inline projections of the database. Every append needs
   * this check, also if no projection selects its events: another version may select them. Returns 'stale' if one of
   * this store's projections is no longer inline in its version. The caller must then roll back and retry the
   * transaction, which looks the projections up again.
   * @throws MissingInlineProjectionError if `present` has a projection that this store lacks
   */
  check(present: readonly NamedProjection[]): 'same' | 'stale' {
    const isIn = (list: readonly NamedProjection[], one: NamedProjection) =>
      list.some(({ name, version }) => name === one.name && version === one.version)
    if (!this.named.every((own) => isIn(present, own))) {
      this.forget()
      return 'stale'
    }
    const missing = present.filter((one) => !isIn(this.named, one)).map(({ name }) => name)
    if (missing.length > 0) throw new MissingInlineProjectionError(missing.sort(compareNames))
    return 'same'
  }

  /** Makes the next call of `targets` ask the storage again. */
  forget(): void {
    this.#registration.forget()
  }
}

interface TodaysEvents {
  readonly events: readonly RecordedEvent[]
  readonly callerOf: CallerOf | undefined
}

/** Returns a copy, because the caller's array may change later. */
function checkedInline(
  projections: readonly Projection[],
  known: KnownEvents | undefined,
): readonly Projection[] {
  if (!Array.isArray(projections)) refuse('inline', 'must be an array of projections', projections)
  const checked = Array.from(projections, (projection, index) => {
    checkProjection(projection, `inline[${index}]`)
    checkRequiredEvents(requiredEventsOf(projection), known, `inline[${index}]`)
    checkTypes(known, projection.events, `inline[${index}].events`)
    return projection
  })
  const names = checked.map(({ name }) => name)
  const duplicate = names.find((name, index) => names.indexOf(name) < index)
  if (duplicate !== undefined) refuse('inline', 'must not name a projection twice', duplicate)
  return checked
}
