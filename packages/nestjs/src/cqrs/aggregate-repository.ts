/** Loads aggregates of `@nestjs/cqrs` from their streams, and saves their new events. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type AppendResult,
  CommandOvertakenError,
  type EventStore,
  hasCode,
  type Metadata,
  uuidOf,
  uuidv7,
} from '@eventsourced/core'
import type { IAggregateRoot } from '@nestjs/cqrs'
import { EventsourcedSetUpError } from '../set-up-error.ts'
import type { EventClasses } from './event-classes.ts'

/** How a repository makes and names its aggregates. */
export interface AggregateOptions<A> {
  /** Returns the aggregate before its first event. @default `new Type(id)` */
  readonly create?: ((id: string) => A) | undefined
  /** Returns the stream id of an aggregate. @default the id itself */
  readonly streamId?: ((id: string) => string) | undefined
}

/** The options of `save`. */
export interface SaveOptions {
  /** Added to the metadata of every event. @default none */
  readonly metadata?: Metadata | undefined
  /** Rejects the call as soon as the signal is aborted. The events may still be recorded. @default none */
  readonly signal?: AbortSignal | undefined
}

/** The options of `update`. */
export interface UpdateOptions extends SaveOptions {
  /**
   * Identifies the change (any text). If an earlier call with the same id has recorded events, this call does not change
   * the aggregate. @default a new id for each call
   */
  readonly commandId?: string | undefined
  /** Maximum number of retries after another save came first. @default 20 */
  readonly retries?: number | undefined
}

/** The result of `update`. */
export interface Updated<A> {
  readonly aggregate: A
  /** The version of the stream: the number of its events. */
  readonly version: number
  /** The position of the last event of the stream (0: none), for reading your own writes in a view. */
  readonly position: number
  /** True if an earlier call with this `commandId` had recorded its events. */
  readonly deduplicated: boolean
}

interface Place {
  readonly streamId: string
  readonly version: number
}

interface Pending {
  readonly event: object
  readonly id: string
}

interface Loaded<A> extends Place {
  readonly aggregate: A
  readonly position: number
  readonly eventIds: ReadonlySet<string>
}

/** The repository of one class of aggregates. `aggregateRepositoryProvider` makes it. */
export class AggregateRepository<A extends IAggregateRoot> {
  readonly #store: EventStore
  readonly #classes: EventClasses
  readonly #name: string
  readonly #create: (id: string) => A
  readonly #streamId: (id: string) => string
  /** The stream and version of each aggregate that this repository has made. */
  readonly #places = new WeakMap<object, Place>()
  /** The ids of the uncommitted events, so that a repeated save after a lost answer records nothing twice. */
  readonly #pending = new WeakMap<object, readonly Pending[]>()

  constructor(
    store: EventStore,
    classes: EventClasses,
    name: string,
    options: Required<{ [Key in keyof AggregateOptions<A>]: NonNullable<AggregateOptions<A>[Key]> }>,
  ) {
    this.#store = store
    this.#classes = classes
    this.#name = name
    this.#create = options.create
    this.#streamId = options.streamId
  }

  /** Returns an aggregate without events, and does not ask the store. `save` refuses it if the stream has events. */
  create(id: string): A {
    return this.#made(id, 0)
  }

  /** Returns the aggregate with all its events applied. If its stream has none, returns it as `create` does. */
  async load(id: string): Promise<A> {
    return (await this.#load(id)).aggregate
  }

  /** Returns the aggregate with all its events applied; `undefined` if its stream has none. */
  async find(id: string): Promise<A | undefined> {
    const { aggregate, version } = await this.#load(id)
    return version === 0 ? undefined : aggregate
  }

  /**
   * Appends the uncommitted events of an aggregate to its stream, at the version at which it was loaded, and marks them
   * as committed. Returns `undefined` if there are none. It does not publish them: handlers with `@Durable` and the
   * event bus get them from the log. If it throws, the events stay uncommitted; after a `StoreUnavailableError`, repeat
   * the call.
   * @throws WrongExpectedVersionError if another save came first. Load the aggregate again and repeat the change, or use
   * `update`
   */
  async save(aggregate: A, options: SaveOptions = {}): Promise<AppendResult | undefined> {
    return this.#save(aggregate, options, () => uuidv7())
  }

  /**
   * Loads an aggregate, changes it and saves it. If another save came first, loads it again and repeats the change, so
   * `change` must only change the aggregate. If `change` throws, nothing is saved and the caller gets the error.
   * @throws CommandOvertakenError if another save came first each time
   */
  async update(
    id: string,
    change: (aggregate: A) => Promise<unknown> | unknown,
    options: UpdateOptions = {},
  ): Promise<Updated<A>> {
    const { commandId, retries = 20, signal } = options
    const metadata = commandId === undefined ? {} : { correlationId: commandId, causationId: commandId }
    const save = { signal, metadata: { ...metadata, ...options.metadata } }
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      const { aggregate, streamId, version, position, eventIds } = await this.#load(id, signal)
      const idOf = (index: number) =>
        commandId === undefined ? uuidv7() : uuidOf('aggregate', streamId, commandId, index)
      if (commandId !== undefined && eventIds.has(idOf(0)))
        return { aggregate, version, position, deduplicated: true }
      await change(aggregate)
      let actual = version
      try {
        const saved = await this.#save(aggregate, save, idOf)
        if (saved === undefined) return { aggregate, version, position, deduplicated: false }
        // Otherwise another call with this command id came first, and this aggregate was changed on an older state.
        if (!saved.deduplicated || commandId === undefined)
          return { aggregate, version: saved.version, position: saved.position, deduplicated: false }
      } catch (error) {
        if (hasCode(error, 'wrong-expected-version')) actual = error.actual
        else if (commandId === undefined || !hasCode(error, 'duplicate-event-id')) throw error
      }
      if (attempt > retries) throw new CommandOvertakenError(streamId, attempt, actual)
      await sleep(Math.random() * Math.min(1_000, 10 * 2 ** Math.min(attempt, 10)), undefined, { signal })
    }
  }

  async #save(
    aggregate: A,
    { metadata, signal }: SaveOptions,
    newId: (index: number) => string,
  ): Promise<AppendResult | undefined> {
    const place = this.#places.get(aggregate)
    if (place === undefined)
      throw new EventsourcedSetUpError(
        `This ${this.#name} comes from no call of create, load or find of its repository, so its stream and version are not known. Get it from the repository`,
      )
    this.#checkAutoCommit(aggregate)
    const uncommitted = [...aggregate.getUncommittedEvents()]
    if (uncommitted.length === 0) return undefined
    const former = this.#pending.get(aggregate) ?? []
    const pending = uncommitted.map((event, index): Pending => {
      const known = former[index]
      return known?.event === event ? known : { event, id: newId(index) }
    })
    this.#pending.set(aggregate, pending)
    const events = pending.map(({ event, id }) => ({ ...this.#classes.toStored(event, this.#name), id }))
    const { streamId, version } = place
    const saved = await this.#store.append(streamId, events, { expectedVersion: version, metadata, signal })
    this.#places.set(aggregate, { streamId, version: saved.version })
    this.#pending.delete(aggregate)
    aggregate.uncommit()
    return saved
  }

  async #load(id: string, signal?: AbortSignal): Promise<Loaded<A>> {
    const streamId = this.#streamId(id)
    const { events, version } = await this.#store.readStream(streamId, { signal })
    const aggregate = this.#made(id, version)
    aggregate.loadFromHistory(events.map((event) => this.#classes.fromStored(event, this.#name)))
    const eventIds = new Set(events.map((event) => event.id))
    return { aggregate, streamId, version, position: events.at(-1)?.position ?? 0, eventIds }
  }

  #made(id: string, version: number): A {
    const aggregate = this.#create(id)
    this.#checkAutoCommit(aggregate)
    this.#places.set(aggregate, { streamId: this.#streamId(id), version })
    return aggregate
  }

  // With it, `apply` publishes an event and does not keep it: there would be nothing to save.
  #checkAutoCommit(aggregate: A): void {
    if (!aggregate.autoCommit) return
    throw new EventsourcedSetUpError(
      `${this.#name} has autoCommit, so its events would be published and never recorded. Remove autoCommit`,
    )
  }
}
