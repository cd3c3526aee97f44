/**
 * Makes a complete `EventStore` of a storage: checks every input, turns outcomes into results or errors, and reads the
 * log page by page. All stores share this code, so they behave alike.
 */
import { knownEventsOf } from '../catalogue/known-events.ts'
import {
  DuplicateEventIdError,
  StreamAlreadyExistsError,
  WrongExpectedVersionError,
} from '../errors/index.ts'
import type { Event } from '../event.ts'
import { isExpected } from '../expected-version.ts'
import { checkName, checkReadName } from '../input/checks.ts'
import { checkAppends, EventPreparation } from '../input/events.ts'
import { metadataJson } from '../input/json.ts'
import { checkedLimits, type InputLimits } from '../input/limits.ts'
import { optionsOf } from '../input/options.ts'
import { LiveViews } from '../live/live-views.ts'
import { isInjected } from '../observe/injected-calls.ts'
import { observationOf } from '../observe/observation.ts'
import { dropProjection } from '../projection/drop.ts'
import { listProjections } from '../projection/list.ts'
import { readView } from '../projection/read-view.ts'
import { rebuild } from '../projection/rebuild.ts'
import type { HandlerTransaction } from '../projection/transaction.ts'
import { verify } from '../projection/verify.ts'
import { systemClock } from '../runtime/clock.ts'
import { Operations } from '../runtime/operations.ts'
import { Wakeup } from '../runtime/wakeup.ts'
import { InlineFailure } from '../storage/inline-failure.ts'
import type { AppendOutcome, AppendSuccess, PreparedAppend, Storage } from '../storage/storage.ts'
import type { AppendResult, EventStore } from '../store.ts'
import type { StoreOptions } from '../store-options.ts'
import { subscriptionAdministration } from '../subscription/administer.ts'
import { parkedEvents } from '../subscription/parked.ts'
import { runOnce } from '../subscription/run-once.ts'
import { type StartedSubscription, startSubscription } from '../subscription/start.ts'
import { subscriptionStatus } from '../subscription/status.ts'
import { uuidv7 } from '../uuid.ts'
import { auditTrail } from './audit.ts'
import { engineEnvironment } from './environment.ts'
import { readFrontier } from './frontier.ts'
import { importEvents } from './import.ts'
import { listStreams } from './list-streams.ts'
import { observeAppend, observeBuild, observeImport } from './observed.ts'
import { reader, storedEvents } from './reader.ts'
import { storeSnapshots } from './snapshots.ts'

/**
 * Makes a store of a storage. The storage writes the documents of the `inline` projections itself.
 * @throws InvalidInputError if an option is wrong
 */
export function eventStore<E extends Event = Event, Tx extends HandlerTransaction = HandlerTransaction>(
  storage: Storage,
  options: InputLimits & StoreOptions<E> = {},
): EventStore<E, Tx> {
  const limits = checkedLimits(options)
  const { inline = [], worker, events } = optionsOf(options, ['inline', 'worker', 'events'])
  const known = knownEventsOf(events)
  const observation = observationOf(options)
  if (worker !== undefined) checkName(worker, 'worker')
  const wakeup = new Wakeup(storage.notifications)
  const operations = new Operations(() => storage.checkNesting?.())
  const perform = operations.perform.bind(operations)
  const environment = engineEnvironment({
    storage,
    known,
    wakeup,
    clock: systemClock,
    workerName: worker,
    observation,
  })
  const liveViews = new LiveViews(environment, operations)
  const running = new Set<StartedSubscription>()
  /** The subscription that failed last under each name, until the name is subscribed again. */
  const failed = new Map<string, StartedSubscription>()
  const isInline = (name: string) => inline.some((projection) => projection.name === name)

  /** `isInjected`: whether the events already have the metadata that the observer injects. */
  function append(
    appends: readonly PreparedAppend[],
    isInjected: boolean,
    write: (appends: readonly PreparedAppend[]) => Promise<readonly AppendResult[]>,
  ): Promise<readonly AppendResult[]> {
    checkAppends(appends, limits)
    return observation === undefined ? write(appends) : observeAppend(observation, appends, isInjected, write)
  }

  async function write(
    appends: readonly PreparedAppend[],
    signal: AbortSignal | undefined,
  ): Promise<readonly AppendResult[]> {
    let outcomes: readonly AppendOutcome[]
    try {
      outcomes = await perform(signal, () => storage.append(appends, signal))
    } catch (error) {
      throw unwrapped(error)
    }
    for (let index = 0; index < outcomes.length; index++) {
      const outcome = outcomes[index] as AppendOutcome
      const { streamId, expectedVersion } = appends[index] as PreparedAppend
      if (outcome.kind === 'conflict') {
        throw new WrongExpectedVersionError(streamId, expectedVersion, outcome.actual)
      }
      if (outcome.kind === 'duplicate') throw new DuplicateEventIdError(outcome.eventId, outcome.streamId)
    }
    wakeup.appended()
    const results = appends.map((append, index) => toResult(append, outcomes[index] as AppendSuccess))
    for (const { position } of results) environment.log.noteAppended(position)
    return results
  }

  return {
    events,
    observe: observation,
    // The compiler's types of the events are what the catalogue, or without one the caller, says. Nothing checks them here.
    ...(reader(storage, environment.log, operations, known, observation) as Pick<
      EventStore<E, Tx>,
      'readStream' | 'readAll'
    >),
    raw: storedEvents(storage, environment.log, operations, observation),

    async createStream(streamId, options) {
      checkName(streamId, 'streamId')
      const { metadata, signal } = optionsOf(options, ['metadata', 'signal'])
      const json = metadataJson(metadata, 'metadata', limits)
      const outcome = await perform(signal, () => storage.createStream(streamId, json, uuidv7(), signal))
      if (outcome.kind === 'exists') throw new StreamAlreadyExistsError(streamId, outcome.version)
      return outcome.stream
    },

    async append(streamId, events, options) {
      const { expectedVersion, metadata, signal } = optionsOf(options, [
        'expectedVersion',
        'metadata',
        'signal',
      ])
      const prepared = new EventPreparation(metadata, limits, known).append(streamId, events, expectedVersion)
      // No async function here: its promise would cost every append some percent.
      const results = await append([prepared], isInjected(options), (appends) =>
        prepared.events.length > 0
          ? write(appends, signal)
          : perform(signal, async () => [await appendWithoutEvents(storage, prepared, signal)]),
      )
      return results[0] as AppendResult
    },

    async appendAll(appends, options) {
      const { metadata, signal } = optionsOf(options, ['metadata', 'signal'])
      const preparation = new EventPreparation(metadata, limits, known)
      const prepared = preparation.appends(appends)
      return prepared.length === 0
        ? perform(signal, async () => [])
        : append(prepared, false, (appends) => write(appends, signal))
    },

    async frontier(options) {
      const { signal } = optionsOf(options, ['signal'])
      return perform(signal, () => readFrontier(storage, signal))
    },

    async streamInfo(streamId, options) {
      checkReadName(streamId, 'streamId')
      const { signal } = optionsOf(options, ['signal'])
      return perform(signal, () => storage.streamInfo(streamId, signal))
    },

    listStreams: (options) => listStreams(storage, operations, options),

    async import(source, options) {
      operations.checkOpen()
      const importBatch: Storage['importBatch'] = async (events, clampTimes, signal) => {
        try {
          const write = () => perform(signal, () => storage.importBatch(events, clampTimes, signal))
          const outcome = await (observation === undefined
            ? write()
            : observeImport(observation, events, write))
          wakeup.appended()
          return outcome
        } catch (error) {
          throw unwrapped(error)
        }
      }
      return importEvents({ importBatch }, source, options, limits, known)
    },

    snapshots: storeSnapshots(storage, operations),

    audit: auditTrail(storage, operations),

    view: (projection) => readView(environment, operations, liveViews, projection),

    subscribe(options) {
      operations.checkOpen()
      const started = startSubscription(environment, options, () => {
        running.delete(started)
        if (started.report().state === 'failed') failed.set(started.subscription.name, started)
      })
      const { subscription } = started
      failed.delete(subscription.name)
      running.add(started)
      return subscription
    },

    async runOnce(options, limits) {
      const { signal } = optionsOf(limits, ['signal'], 'limits')
      return perform(signal, () => runOnce(environment, options, limits))
    },

    async subscriptionStatus(name, options) {
      checkName(name, 'name')
      const { signal } = optionsOf(options, ['signal'])
      return perform(signal, async () => {
        const stored = await subscriptionStatus(environment, name, signal)
        const own =
          [...running].findLast(({ subscription }) => subscription.name === name) ?? failed.get(name)
        return stored && { ...stored, ...own?.report() }
      })
    },

    workers: () =>
      [...running, ...failed.values()].map(({ subscription: { name, worker }, report }) => ({
        subscription: name,
        worker,
        ...report(),
      })),

    subscriptions: subscriptionAdministration(environment, operations),

    parked(subscription) {
      operations.checkOpen()
      return parkedEvents(environment, operations, subscription)
    },

    listProjections(options) {
      const versionHere = (name: string) =>
        inline.find((projection) => projection.name === name)?.version ??
        environment.liveHandlers.projectionVersion(name)
      return listProjections(environment, operations, versionHere, options)
    },

    async rebuild(projection, options) {
      const { signal } = optionsOf(options, ['signal'])
      const build = () => perform(signal, () => rebuild(environment, projection, isInline, options))
      return observeBuild(observation, 'rebuild', projection, build)
    },

    async verify(projection, options) {
      const { signal } = optionsOf(options, ['signal'])
      const build = () => perform(signal, () => verify(environment, projection, isInline, options))
      return observeBuild(observation, 'verify', projection, build)
    },

    async dropProjection(name, options) {
      const { signal } = optionsOf(options, ['signal'])
      return perform(signal, () => dropProjection(environment, name, options))
    },

    close() {
      liveViews.close()
      const close = () => operations.close(() => wakeup.close().then(() => storage.close()))
      // Running handlers may use the store until they have ended.
      const stops = [...running].map(({ subscription }) => subscription.stop())
      const closed = stops.length === 0 ? close() : Promise.allSettled(stops).then(close)
      wakeup.wake()
      return closed
    },

    [Symbol.asyncDispose]() {
      return this.close()
    },
  }
}

/** Returns the error that an inline projection threw, without its InlineFailure. Returns any other error unchanged. */
function unwrapped(error: unknown): unknown {
  return error instanceof InlineFailure ? error.cause : error
}

/** An append without events: checks the expected version, writes nothing, and returns where the stream is. */
async function appendWithoutEvents(
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

function toResult({ streamId, events }: PreparedAppend, outcome: AppendSuccess): AppendResult {
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
