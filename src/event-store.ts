/**
 * The edge: makes a full `EventStore` of a storage. It checks every input, turns outcomes into results or
 * errors, and pages through the log, so that all stores do these alike.
 */
import { systemClock } from './clock.ts'
import { DuplicateEventIdError, StreamAlreadyExistsError, WrongExpectedVersionError } from './errors.ts'
import type { Event, RecordedEvent } from './event.ts'
import { isExpected } from './expected-version.ts'
import { importEvents } from './import.ts'
import {
  checkCall,
  checkDate,
  checkInteger,
  checkName,
  checkOneOf,
  checkReadName,
  EventPreparation,
  type InputLimits,
  metadataJson,
} from './input.ts'
import { Operations } from './operations.ts'
import type { StoreOptions } from './projecting.ts'
import { InlineFailure } from './projection/inline.ts'
import { readView } from './projection/read-view.ts'
import { rebuild } from './projection/rebuild.ts'
import type { StoreTransaction } from './projection/transaction.ts'
import { verify } from './projection/verify.ts'
import { readLog } from './read-log.ts'
import type { PreparedAppend, Storage, Written } from './storage.ts'
import type {
  AppendResult,
  EventStore,
  ListStreamsOptions,
  ReadStreamOptions,
  StreamInfo,
  StreamSlice,
} from './store.ts'
import type { SubscriptionEnvironment } from './subscription/environment.ts'
import { parkedEvents } from './subscription/parked.ts'
import { runOnce } from './subscription/run-once.ts'
import { startSubscription } from './subscription/start.ts'
import { subscriptionStatus } from './subscription/status.ts'
import type { Subscription } from './subscription/subscription.ts'
import { uuidv7 } from './uuid.ts'
import { Wakeup } from './wakeup.ts'

const streamsPerPage = 500

export function eventStore<Tx extends StoreTransaction = StoreTransaction>(
  storage: Storage,
  limits: InputLimits & StoreOptions = {},
): EventStore<Tx> {
  const wakeup = new Wakeup(storage.notifications)
  const operations = new Operations()
  const perform = operations.perform.bind(operations)
  const environment: SubscriptionEnvironment = { storage, wakeup, clock: systemClock }
  const subscriptions = new Set<Subscription>()
  const isInline = (name: string) => limits.inline?.some((projection) => projection.name === name) ?? false

  async function write(appends: readonly PreparedAppend[], signal: AbortSignal | undefined) {
    checkCall(appends, limits)
    const outcomes = await perform(signal, () => storage.append(appends, signal).catch(throwCause))
    for (const [index, outcome] of outcomes.entries()) {
      const { streamId, expectedVersion } = appends[index] as PreparedAppend
      if (outcome.kind === 'conflict') {
        throw new WrongExpectedVersionError(streamId, expectedVersion, outcome.actual)
      }
      if (outcome.kind === 'duplicate') throw new DuplicateEventIdError(outcome.eventId, outcome.streamId)
    }
    wakeup.appended()
    return appends.map((append, index) => toResult(append, outcomes[index] as Written))
  }

  return {
    async createStream(streamId, { metadata, signal } = {}) {
      checkName(streamId, 'streamId')
      const json = metadataJson(metadata, 'metadata', limits)
      const outcome = await perform(signal, () => storage.createStream(streamId, json, uuidv7(), signal))
      if (outcome.kind === 'exists') throw new StreamAlreadyExistsError(streamId, outcome.version)
      return outcome.stream
    },

    async append(streamId, events, { expectedVersion, metadata, signal } = {}) {
      const append = new EventPreparation(metadata, limits).append(streamId, events, expectedVersion)
      if (append.events.length > 0) return (await write([append], signal))[0] as AppendResult
      return perform(signal, () => appendNothing(storage, append, signal))
    },

    async appendAll(appends, { metadata, signal } = {}) {
      const preparation = new EventPreparation(metadata, limits)
      const prepared = preparation.appends(appends)
      return prepared.length === 0 ? perform(signal, async () => []) : write(prepared, signal)
    },

    async readStream<E extends Event>(streamId: string, options: ReadStreamOptions = {}) {
      const window = streamWindow(streamId, options)
      const slice = await perform(options.signal, () => storage.readStream(streamId, window, options.signal))
      // The payloads are what the caller says they are: the one place where stored JSON becomes typed.
      return slice as StreamSlice<E>
    },

    readAll<E extends Event>(options = {}) {
      return readLog(storage, options, wakeup, operations) as AsyncIterable<RecordedEvent<E>>
    },

    async streamInfo(streamId, { signal } = {}) {
      checkReadName(streamId, 'streamId')
      return perform(signal, () => storage.streamInfo(streamId, signal))
    },

    streams({ prefix, after, limit = Number.MAX_SAFE_INTEGER, signal }: ListStreamsOptions = {}) {
      if (prefix !== undefined) checkReadName(prefix, 'prefix')
      if (after !== undefined) checkReadName(after, 'after')
      checkInteger(limit, 'limit', 1)
      return (async function* (): AsyncGenerator<StreamInfo> {
        let last = after ?? ''
        for (let left = limit; left > 0; ) {
          const most = Math.min(left, streamsPerPage)
          const page = await perform(signal, () => storage.listStreams(prefix ?? '', last, most, signal))
          for (const stream of page) {
            signal?.throwIfAborted()
            yield stream
          }
          if (page.length < most) return
          last = (page.at(-1) as StreamInfo).streamId
          left -= page.length
        }
      })()
    },

    async import(source, options = {}) {
      operations.checkOpen()
      const importBatch: Storage['importBatch'] = async (events, clampTimes, signal) => {
        const outcome = await perform(signal, () =>
          storage.importBatch(events, clampTimes, signal).catch(throwCause),
        )
        wakeup.appended()
        return outcome
      }
      return importEvents({ importBatch }, source, options, limits)
    },

    view: (projection) => readView(environment, operations, projection),

    subscribe(options) {
      operations.checkOpen()
      const subscription = startSubscription(environment, options, () => subscriptions.delete(subscription))
      subscriptions.add(subscription)
      return subscription
    },

    runOnce: (options, limits) => perform(limits?.signal, () => runOnce(environment, options, limits)),

    subscriptionStatus: (name, { signal } = {}) =>
      perform(signal, () => subscriptionStatus(environment, name, signal)),

    parked(subscription) {
      operations.checkOpen()
      return parkedEvents(environment, subscription)
    },

    rebuild: (projection, options = {}) =>
      perform(options.signal, () => rebuild(environment, projection, isInline, options)),

    verify: (projection, options = {}) =>
      perform(options.signal, () => verify(environment, projection, options)),

    close() {
      const close = () => operations.close(() => wakeup.close().then(() => storage.close()))
      // Handlers that are at work may still use the store.
      const stops = [...subscriptions].map((subscription) => subscription.stop())
      const closed = stops.length === 0 ? close() : Promise.allSettled(stops).then(close)
      wakeup.wake()
      return closed
    },

    [Symbol.asyncDispose]() {
      return this.close()
    },
  }
}

/** What an inline projection threw is the caller's own: it comes out as it was thrown. */
function throwCause(error: unknown): never {
  throw error instanceof InlineFailure ? error.cause : error
}

function streamWindow(streamId: string, options: ReadStreamOptions) {
  checkReadName(streamId, 'streamId')
  const { fromVersion = 1, toVersion = Number.MAX_SAFE_INTEGER, asOf, direction = 'forward' } = options
  const { limit = Number.MAX_SAFE_INTEGER } = options
  checkInteger(fromVersion, 'fromVersion', 1)
  checkInteger(toVersion, 'toVersion', 0)
  if (asOf !== undefined) checkDate(asOf, 'asOf')
  checkOneOf(direction, 'direction', ['forward', 'backward'])
  checkInteger(limit, 'limit', 1)
  // The caller's Date may change before the read is sent.
  return { fromVersion, toVersion, asOf: asOf && new Date(asOf), direction, limit }
}

/** An append without events writes nothing, and tells where the stream is. */
async function appendNothing(
  storage: Storage,
  { streamId, expectedVersion }: PreparedAppend,
  signal: AbortSignal | undefined,
): Promise<AppendResult> {
  const last = { fromVersion: 1, toVersion: Number.MAX_SAFE_INTEGER, asOf: undefined, limit: 1 } as const
  const slice = await storage.readStream(streamId, { ...last, direction: 'backward' }, signal)
  if (!isExpected(expectedVersion, slice.exists, slice.version)) {
    throw new WrongExpectedVersionError(streamId, expectedVersion, slice.version)
  }
  return {
    streamId,
    version: slice.version,
    firstVersion: slice.version + 1,
    position: slice.events[0]?.position ?? 0,
    positions: [],
    recordedAt: undefined,
    deduplicated: false,
  }
}

function toResult({ streamId, events }: PreparedAppend, outcome: Written): AppendResult {
  const { kind, version, positions, recordedAt, emptyAt = 0 } = outcome
  return {
    streamId,
    version,
    firstVersion: version - events.length + 1,
    position: positions.at(-1) ?? emptyAt,
    positions,
    recordedAt,
    deduplicated: kind === 'repeated',
  }
}
