/**
 * The teaching implementation of `Storage`: it shows everything that a storage must do, without a database. It combines
 * three parts in memory: the log, the documents of projections, and the subscriptions. Read this file first.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  commitTimer,
  documentSnapshots,
  type Event,
  type EventStore,
  eventStore,
  InlineProjections,
  type InputLimits,
  observationOf,
  optionsOf,
  type ProjectionStorage,
  type Storage,
  type StoreOptions,
} from '../storage/index.ts'
import { MemoryDocuments } from './documents.ts'
import { MemoryLog, type StoredEvent, toRecorded } from './log.ts'
import { MemorySubscriptions } from './subscriptions.ts'
import { type MemoryTransaction, Turnstile, transact } from './transaction.ts'

/**
 * Creates an event store in the memory of this process. It behaves exactly as the stores on a database do, which makes
 * it the store for tests. Every call creates a store with its own, empty data.
 */
export function memoryStore<E extends Event = Event>(options?: InputLimits & StoreOptions<E>): EventStore<E> {
  const { inline, events } = optionsOf(options, ['inline', 'events'])
  const storage = memoryStorage(new InlineProjections(inline, events))
  const timer = commitTimer(observationOf(options)?.measure)
  if (timer === undefined) return eventStore(storage, options)
  const append: Storage['append'] = (appends, signal) =>
    timer(appends.length, () => storage.append(appends, signal))
  return eventStore({ ...storage, append }, options)
}

/** The storage in memory. `inline`: the projections whose documents change together with each append and import. */
export function memoryStorage(inline: InlineProjections): Storage {
  const log = new MemoryLog()
  const documents = new MemoryDocuments()
  const subscriptions = new MemorySubscriptions()
  const inside = new AsyncLocalStorage<MemoryTransaction>()
  const turnstile = new Turnstile()
  const data = { log, documents, subscriptions, turnstile, inside }

  /**
   * Records events and the documents that the inline projections fold from them, in one step. `plan` reads the streams
   * and returns the events to record. No other write may come between `plan` and the recording: without inline
   * projections nothing is awaited in between, and with them the transaction holds the lock. It also takes the lock
   * while a rebuild makes a projection inline.
   */
  async function record<T>(
    plan: () => { readonly events: readonly StoredEvent[]; readonly result: T },
    signal: AbortSignal | undefined,
  ): Promise<T> {
    if (inline.isEmpty && !turnstile.blocksAppends) {
      const { events, result } = plan()
      if (events.length > 0) inline.check(documents.inline())
      log.record(events)
      return result
    }
    // A rebuild may replace the documents of a projection between `targets` and `lock`. `apply` then returns 'stale'.
    for (;;) {
      const targets = await inline.targets(storage)
      const work = async (transaction: MemoryTransaction) => {
        await transaction.lock()
        const { events, result } = plan()
        if (events.length === 0) return { result }
        if (inline.check(documents.inline()) === 'stale') return undefined
        const applied = await inline.apply(targets, events.map(toRecorded), transaction)
        if (applied === 'stale') return undefined
        transaction.onCommit(() => log.record(events))
        return { result }
      }
      const done = await transact(data, work, signal)
      if (done !== undefined) return done.result
    }
  }

  /**
   * Creates a stream. While inline projections handle the events of an append, that append has already checked the
   * versions of its streams. It holds the lock, so that no stream is created before the append ends.
   */
  async function createStream(streamId: string, metadata: string, signal: AbortSignal | undefined) {
    if (inline.isEmpty) return log.createStream(streamId, metadata)
    const create = async (transaction: MemoryTransaction) => {
      await transaction.lock()
      return log.createStream(streamId, metadata)
    }
    return transact(data, create, signal)
  }

  const projections: ProjectionStorage = {
    transaction: (_what, work, signal) => transact(data, work, signal),
    async registerProjections(projections) {
      const isNew = (await log.lastPosition()) === 0
      return projections.map((projection) => documents.register(projection, isNew))
    },
    registeredProjection: async (name) => documents.registered(name),
    listProjections: async (after, limit) => documents.listRegistered(after, limit),
    countDocuments: async (projection) => documents.count(projection),
    beginBuild: async (projection) => documents.beginBuild(projection),
    readDocument: async (projection, key) =>
      documents.at({ projection, generation: documents.current(projection), key }),
    listDocuments: async (projection, prefix, after, limit) =>
      documents.list(projection, prefix, after, limit),
    dropDocuments: async (projection, keep) => documents.drop(projection, keep),
  }
  const storage: Storage = {
    createStream: (streamId, metadata, _creationId, signal) => createStream(streamId, metadata, signal),
    append: (appends, signal) =>
      record(() => {
        const refused = log.refuse(appends)
        if (refused !== undefined) return { events: [], result: refused }
        const events = log.planAppends(appends)
        return { events, result: log.outcomesOf(appends, events) }
      }, signal),
    importBatch: (batch, clampTimes, signal) =>
      record(() => {
        const planned = log.planImport(batch, clampTimes)
        if ('kind' in planned) return { events: [], result: planned }
        return { events: planned, result: { kind: 'imported', imported: planned.length } as const }
      }, signal),
    readStream: (streamId, window) => log.readStream(streamId, window),
    findEvent: (id) => log.findEvent(id),
    readLogPage: (query) => log.readLogPage(query),
    streamInfo: (streamId) => log.streamInfo(streamId),
    listStreams: (prefix, after, limit) => log.listStreams(prefix, after, limit),
    largestStreams: (prefix, limit) => log.largestStreams(prefix, limit),
    lastPosition: () => log.lastPosition(),
    positionBefore: (time) => log.positionBefore(time),

    ...projections,
    ...documentSnapshots(projections),

    readSubscription: (name) => subscriptions.readSubscription(name),
    createSubscription: (name, definition, position) =>
      subscriptions.createSubscription(name, definition, position),
    changeSubscription: (current, change) => subscriptions.changeSubscription(current, change),
    takeOverSubscription: (current, successor, definition) =>
      subscriptions.takeOverSubscription(current, successor, definition),
    pauseSubscription: (name, isPaused) => subscriptions.pauseSubscription(name, isPaused),
    removeSubscription: (current) => subscriptions.removeSubscription(current),
    listSubscriptions: (after, limit) => subscriptions.listSubscriptions(after, limit),
    keepLeases: (beats) => subscriptions.keepLeases(beats),
    releaseLeases: (leases) => subscriptions.releaseLeases(leases),
    leave: (place, worker) => subscriptions.leave(place, worker),
    advance: (moves) => subscriptions.advance(moves),
    park: (lease, events, position) => subscriptions.park(lease, events, position),
    parkedToHandle: (lease, limit) => subscriptions.parkedToHandle(lease, limit),
    parkAgain: (lease, event) => subscriptions.parkAgain(lease, event),
    parkedStreams: (lease) => subscriptions.parkedStreams(lease),
    listParked: (name, after, limit) => subscriptions.listParked(name, after, limit),
    retryParked: (name, positions) => subscriptions.retryParked(name, positions),
    skipParked: (name, positions) => subscriptions.skipParked(name, positions),
    checkpoints: (name) => subscriptions.checkpoints(name),
    readProgress: (name) => subscriptions.readProgress(name),
    countParked: (name) => subscriptions.countParked(name),
    async close() {},
  }
  return storage
}
