/** The table of all public calls: which arguments they take, and how to make them. */
import * as core from '@eventsourced/core'
import { type EventStore, memoryStore, type StandardSchema } from '@eventsourced/core'
import fc from 'fast-check'
import { catalogueCalls } from './catalogue-calls.ts'
import { byTag, callKinds } from './kinds.ts'
import type { Calls, PublicCall } from './public-call.ts'
import { either, type Fault, type Kind, type Mix } from './samples.ts'
import { isText } from './texts.ts'

/** Passes arguments that TypeScript would not accept. */
const as = (given: readonly unknown[]) => given as never[]

/** Returns all public calls by the name of their function, with a note after a comma where a function has several entries. */
export function publicCalls(mix: Mix, names: fc.Arbitrary<string>): Calls {
  const kinds = callKinds(mix, names)
  const { leaf, optional, list, record, options, name, readName, text, whole, number, milliseconds, oneOf } =
    kinds
  const {
    boolean,
    callback,
    date,
    pastDate,
    aborted,
    metadata,
    storedMetadata,
    eventShape,
    event,
    events,
    filter,
  } = kinds
  const { id, start, from, parkedPosition } = kinds
  const prefixed: Kind = (field) =>
    kinds.prefix(`${field}.prefix`).map(({ value, faults }) => ({ value: { prefix: value }, faults }))
  const { expectedVersion, documents, anyProjection, viewed } = kinds

  const direction = optional(oneOf('forward', 'backward'))
  const limit = number(1, [1, 2, 1000, 2 ** 53 - 1])
  const position = number(0, [0, 2 ** 53 - 1])
  const run = {
    onError: optional(
      record({
        retries: number(0, [0, 5, 2 ** 53 - 1]),
        backoff: milliseconds(0, [0, 2 ** 31 - 1]),
        action: optional(oneOf('stop', 'park', 'block-stream')),
        retryIf: optional(callback),
      }),
    ),
    handlerTimeout: milliseconds(1, [60_000, 2 ** 31 - 1]),
    batchSize: number(1, [1, 7, 2 ** 53 - 1]),
    leaseTime: milliseconds(1, [15_000, 2 ** 31 - 1]),
    pollInterval: milliseconds(1, [1, 250, 2 ** 31 - 1]),
    onStateChange: optional(callback),
  }
  const handling = record(
    {
      ...run,
      ...filter,
      name,
      version: number(1, [1], 2 ** 31 - 1),
      from,
      partitions: number(1, [1, 3], 1000),
      transactional: optional(boolean),
      handle: callback,
    },
    { nested: false },
  )
  const projecting = record({ ...run, projection: anyProjection }, { nested: false })
  const subscribing = either(handling, projecting)
  const parkedFilter = record(
    { type: optional(readName), streamId: optional(readName), error: optional(text) },
    { nested: false, isStrict: true },
  )
  const shortText = leaf(
    fc.oneof(names, fc.constant('')),
    (value) => typeof value === 'string' && isText(value) && new TextEncoder().encode(value).length <= 4_096,
  )
  const isSchema = (value: unknown) => typeof (value as StandardSchema)['~standard'].validate === 'function'
  const snapshot = record({
    name,
    version: whole(1, [1, 2 ** 53 - 1]),
    every: number(1, [1, 100, 2 ** 53 - 1]),
    schema: optional(leaf(fc.constant(anySchema), isSchema)),
    wait: optional(boolean),
  })
  const auditEntry = record(
    {
      ...{ actor: readName, action: readName, target: readName },
      outcome: oneOf('started', 'done', 'failed'),
      startId: kinds.optionalId,
      reason: optional(shortText),
      details: kinds.details,
      error: optional(shortText),
    },
    { isStrict: true },
  )
  const waiting = { atLeast: number(0, [0]), timeout: milliseconds(0, [0, 2 ** 31 - 1]) }
  const listing = { prefix: optional(readName), after: optional(readName), limit }

  const window = {
    fromVersion: number(1, [1, 2, 2 ** 53 - 1]),
    toVersion: number(0, [0, 1, 2 ** 53 - 1]),
    asOf: optional(date),
    direction,
    limit,
  }
  const readStreamPlaces: PublicCall['places'] = [
    ['streamId', readName],
    ['options', options(window)],
  ]
  const stretch = { ...filter, after: position, until: position, direction, limit }
  const readAllPlaces: PublicCall['places'] = [['options', options(stretch)]]

  return {
    createStream: {
      places: [
        ['streamId', name],
        ['options', options({ metadata })],
      ],
      call: (store, given) => store.createStream(...(as(given) as [never])),
    },
    append: {
      places: [
        ['streamId', name],
        ['events', events],
        ['options', options({ expectedVersion, metadata })],
      ],
      together: ([, given]) => repeatedIds([{ events: given }]),
      call: (store, [streamId, given, more]) =>
        store.append(...(as([streamId, given, more]) as [never, never])),
    },
    appendAll: {
      places: [
        ['appends', list(record({ streamId: name, events, expectedVersion }, { nested: false }))],
        ['options', options({ metadata })],
      ],
      together: ([appends]) => [...repeatedIds(appends), ...repeatedStreams(appends)],
      call: (store, given) => store.appendAll(...(as(given) as [never])),
    },
    readStream: {
      places: readStreamPlaces,
      call: (store, given) => store.readStream(...(as(given) as [never])),
    },
    readAll: {
      places: readAllPlaces,
      call: (store, given) => collect(store.readAll(...as(given))),
    },
    'readAll, following': {
      places: [
        [
          'options',
          record(
            { ...filter, after: position, follow: optional(boolean), limit, signal: aborted },
            { nested: false },
          ),
        ],
      ],
      call: (store, given) => collect(store.readAll(...as(given))),
    },
    'raw.readStream': {
      places: readStreamPlaces,
      call: (store, given) => store.raw.readStream(...(as(given) as [never])),
    },
    'raw.readAll': {
      places: readAllPlaces,
      call: (store, given) => collect(store.raw.readAll(...as(given))),
    },
    'raw.findEvent': {
      places: [
        ['id', id],
        ['options', options({})],
      ],
      call: (store, given) => store.raw.findEvent(...(as(given) as [never])),
    },
    streamInfo: {
      places: [
        ['streamId', readName],
        ['options', options({})],
      ],
      call: (store, given) => store.streamInfo(...(as(given) as [never])),
    },
    listStreams: {
      places: [['options', options({ ...listing, order: optional(oneOf('id', 'largest')) })]],
      together: ([given]) => (propertyOf(given, 'order') === 'largest' ? misfitsOfLargest(given) : []),
      call: (store, given) => collect(store.listStreams(...as(given))),
    },
    frontier: {
      places: [['options', options({})]],
      call: async (store, given) => {
        const { position, head, writers } = await store.frontier(...as(given))
        return { isSettled: position === head, writers }
      },
    },
    workers: { places: [], call: (store) => store.workers() },
    import: {
      places: [
        [
          'source',
          unlessIterable(
            list(
              record({
                ...{ ...eventShape, metadata: storedMetadata },
                ...{ streamId: name, recordedAt: optional(pastDate) },
              }),
            ),
          ),
        ],
        [
          'options',
          options({
            name: optional(readName),
            batchSize: number(1, [1, 2, 2 ** 53 - 1]),
            clampTimes: optional(boolean),
            onProgress: optional(callback),
          }),
        ],
      ],
      together: ([source, more]) => (propertyOf(more, 'name') === undefined ? withoutIds(source) : []),
      isPiecewise: true,
      call: (store, given) => store.import(...(as(given) as [never])),
    },
    view: {
      places: [['projection', viewed]],
      call: (store, given) => Object.keys(store.view(...(as(given) as [never]))),
    },
    'view.get': {
      places: [
        ['key', readName],
        ['options', options(waiting)],
      ],
      call: (store, given) => store.view(byTag).get(...(as(given) as [never])),
    },
    'view.list': {
      places: [['options', options({ ...waiting, ...listing })]],
      call: (store, given) => collect(store.view(byTag).list(...as(given))),
    },
    'view.watch': {
      places: [
        ['keys', either(readName, prefixed)],
        ['options', options({ after: position, generation: position })],
      ],
      // A watch ends only when its caller does: this one ends at its first change, or at once.
      async call(store, given) {
        const reader = store
          .view(byTag)
          .watch(...(as(given) as [never]))
          [Symbol.asyncIterator]()
        await reader.return?.()
      },
    },
    subscribe: {
      places: [['options', handling]],
      hasWorker: true,
      call: (store, given) => runUntilCaughtUp(store.subscribe(...(as(given) as [never]))),
    },
    runOnce: {
      places: [
        ['options', subscribing],
        ['limits', options({ timeout: milliseconds(1, [60_000, 2 ** 31 - 1]) })],
      ],
      call: (store, given) => store.runOnce(...(as(given) as [never])),
    },
    'subscription.caughtUp': {
      places: [
        ['options', options({ position: number(0, [0]), timeout: milliseconds(0, [60_000, 2 ** 31 - 1]) })],
      ],
      hasWorker: true,
      call: (store, given) => withWorker(store, (subscription) => subscription.caughtUp(...as(given))),
    },
    'subscription.status': {
      places: [],
      hasWorker: true,
      call: (store) => withWorker(store, async (subscription) => (await subscription.status()).name),
    },
    'subscription.stop': {
      places: [['options', optional(record({ timeout: milliseconds(0, [60_000]) }, { nested: false }))]],
      hasWorker: true,
      call: (store, given) => withWorker(store, (subscription) => subscription.stop(...as(given))),
    },
    subscriptionStatus: {
      places: [
        ['name', name],
        ['options', options({})],
      ],
      call: (store, given) => store.subscriptionStatus(...(as(given) as [never])),
    },
    parked: {
      places: [['subscription', name]],
      call: (store, given) => Object.keys(store.parked(...(as(given) as [never]))),
    },
    'parked.list': {
      places: [['options', options({ after: position, limit })]],
      call: (store, given) => collect(store.parked('a').list(...as(given))),
    },
    ...Object.fromEntries(
      (['retry', 'skip'] as const).map((method): [string, PublicCall] => [
        `parked.${method}`,
        {
          places: [
            ['position', either(parkedPosition, parkedFilter)],
            ['options', options({ onProgress: optional(callback) })],
          ],
          call: (store, given) => store.parked('a')[method](...(as(given) as [never])),
        },
      ]),
    ),
    'parked.show': {
      places: [
        ['position', whole(1, [1, 2 ** 53 - 1])],
        ['options', options({})],
      ],
      call: (store, given) => store.parked('a').show(...(as(given) as [never])),
    },
    'subscriptions.list': {
      places: [['options', options({})]],
      call: (store, given) => collect(store.subscriptions.list(...as(given))),
    },
    'subscriptions.get': {
      places: [
        ['name', name],
        ['options', options({})],
      ],
      call: (store, given) => store.subscriptions.get(...(as(given) as [never])),
    },
    ...Object.fromEntries(
      (['pause', 'resume', 'remove'] as const).map((method): [string, PublicCall] => [
        `subscriptions.${method}`,
        {
          places: [
            ['name', name],
            ['options', options({})],
          ],
          call: (store, given) => store.subscriptions[method](...(as(given) as [never])),
        },
      ]),
    ),
    'subscriptions.move': {
      places: [
        ['name', name],
        ['to', start],
        ['options', options({ again: optional(boolean) })],
      ],
      call: (store, given) => store.subscriptions.move(...(as(given) as [never, never])),
    },
    'subscriptions.repartition': {
      places: [
        ['name', name],
        ['partitions', whole(1, [1, 3], 1000)],
        ['options', options({})],
      ],
      call: (store, given) => store.subscriptions.repartition(...(as(given) as [never, never])),
    },
    'snapshots.read': {
      places: [
        ['name', name],
        ['streamId', readName],
        ['options', options({})],
      ],
      call: (store, given) => store.snapshots.read(...(as(given) as [never, never])),
    },
    'snapshots.write': {
      places: [
        ['name', name],
        ['streamId', name],
        [
          'snapshot',
          record(
            {
              version: whole(1, [1, 2, 2 ** 53 - 1]),
              json: leaf(fc.constantFrom('1', '{"a":[]}'), isJsonText),
            },
            { nested: true },
          ),
        ],
        ['options', options({ replaces: number(1, [1, 2, 2 ** 53 - 1]) })],
      ],
      call: (store, given) => store.snapshots.write(...(as(given) as [never, never, never])),
    },
    'snapshots.delete': {
      places: [
        ['name', name],
        ['options', options({ streamId: optional(readName) })],
      ],
      call: (store, given) => store.snapshots.delete(...(as(given) as [never])),
    },
    'audit.record': {
      places: [
        ['entry', auditEntry],
        ['options', options({})],
      ],
      together: ([entry]) => misplacedFacts(entry),
      call: (store, given) => store.audit.record(...(as(given) as [never])),
    },
    'audit.list': {
      places: [['options', options({ limit, before: kinds.optionalId })]],
      call: (store, given) => collect(store.audit.list(...as(given))),
    },
    listProjections: {
      places: [['options', options({ counts: optional(boolean) })]],
      call: (store, given) => collect(store.listProjections(...as(given))),
    },
    rebuild: {
      places: [
        ['projection', documents],
        [
          'options',
          options({
            batchSize: number(1, [1, 2, 2 ** 53 - 1]),
            mode: optional(oneOf('inline')),
            onProgress: optional(callback),
          }),
        ],
      ],
      call: (store, given) => store.rebuild(...(as(given) as [never])),
    },
    verify: {
      places: [
        ['projection', documents],
        ['options', options({ limit, onProgress: optional(callback) })],
      ],
      call: (store, given) => store.verify(...(as(given) as [never])),
    },
    dropProjection: {
      places: [
        ['name', name],
        ['options', options({})],
      ],
      call: (store, given) => store.dropProjection(...(as(given) as [never])),
    },

    commandHandler: {
      places: [
        [
          'options',
          record(
            {
              store: leaf(fc.constant(memoryStore()), isStore),
              decider: leaf(fc.constant(recorder), (value) => value === recorder),
              streamId: optional(callback),
              retries: number(0, [0, 3, 2 ** 53 - 1]),
              cacheSize: number(0, [0, 1, 2 ** 53 - 1]),
              snapshot: optional(snapshot),
            },
            { nested: false },
          ),
        ],
      ],
      call: (_store, given) => typeof core.commandHandler(...(as(given) as [never])),
    },
    'commandHandler, handling': {
      places: [
        ['streamId', name],
        ['events', awaitable(optional(either(events, single(event))))],
        ['options', options({ expectedVersion, commandId: optional(text), metadata })],
      ],
      together: ([, given, more]) =>
        propertyOf(more, 'commandId') === undefined ? repeatedIds([{ events: given }]) : [],
      readsFirst: true,
      call: (store, given) =>
        core.commandHandler({ store, decider: recorder })(...(as(given) as [never, never])),
    },
    foldStream: {
      places: [
        ['streamId', readName],
        ['evolution', leaf(fc.constant(recorder), (value) => value === recorder)],
        [
          'options',
          options({
            toVersion: number(0, [0, 1, 2 ** 53 - 1]),
            asOf: optional(date),
            snapshot: optional(snapshot),
          }),
        ],
      ],
      call: (store, given) => core.foldStream(store, ...(as(given) as [never, never])),
    },
    inPlace: {
      places: [['change', callback]],
      call: (_store, given) => typeof core.inPlace(...(as(given) as [never])),
    },
    projection: {
      places: [
        [
          'options',
          record(
            {
              name,
              version: number(1, [1, 2 ** 31 - 1], 2 ** 31 - 1),
              events: optional(list(name, { least: 1 })),
              streamPrefix: optional(readName),
              key: callback,
              initialState: callback,
              evolve: callback,
            },
            { nested: false },
          ),
        ],
      ],
      call: (_store, given) => core.projection(...(as(given) as [never])).kind,
    },
    memoryStore: {
      places: [
        [
          'options',
          optional(
            record(
              {
                maxPayloadBytes: number(1, [1, 2 ** 53 - 1]),
                maxAppendBytes: number(1, [1, 2 ** 53 - 1]),
                inline: optional(list(anyProjection, { most: 1 })),
                observe: optional(
                  record({
                    measure: optional(callback),
                    around: optional(callback),
                    inject: optional(callback),
                  }),
                ),
                onMetric: optional(callback),
              },
              { nested: false },
            ),
          ),
        ],
      ],
      call: (_store, given) => typeof core.memoryStore(...(as(given) as [never])),
    },
    uuidOf: {
      places: [['parts[0]', leaf(fc.oneof(names, fc.constantFrom(0, -1, 1.5)), isPart)]],
      call: (_store, given) => core.uuidOf(...(as(given) as [never])),
    },
    ...catalogueCalls(kinds),
  }
}

/** Functions without input that could be wrong, or whose input comes from a store or an adapter. */
export const withoutInput = ['causedBy', 'decider', 'eventStore', 'fold', 'hasCode', 'payload', 'uuidv7']

/** A decider that decides the events of the command. */
const recorder = core.decider({
  initialState: () => ({ count: 0 }),
  decide: (events: readonly core.Event[]) => events,
  evolve: ({ count }) => ({ count: count + 1 }),
})

/** A schema that accepts every state. */
const anySchema: StandardSchema<unknown, { count: number }> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as { count: number } }) },
}

const isJsonText = (value: unknown) => {
  JSON.parse(value as string)
  return typeof value === 'string' && isText(value)
}
const isStore = (value: unknown) =>
  typeof (value as EventStore).append === 'function' && typeof (value as EventStore).readStream === 'function'
const isPart = (value: unknown) =>
  typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))

/** Generates one item of an array. Errors name it as if the array were there. */
const single =
  (kind: Kind): Kind =>
  (field) =>
    kind(`${field}[0]`).filter(({ value }) => {
      try {
        return !Array.isArray(value)
      } catch {
        return true
      }
    })

/** Leaves out values that are no array but can be iterated: they would be valid. */
const unlessIterable =
  (kind: Kind): Kind =>
  (field) =>
    kind(field).filter(({ value }) => {
      try {
        return Array.isArray(value) || typeof propertyOf(value, Symbol.iterator) !== 'function'
      } catch {
        return true
      }
    })

/** Leaves out values that an async function cannot return: JavaScript reads `then` of a returned value. */
const awaitable =
  (kind: Kind): Kind =>
  (field) =>
    kind(field).filter(({ value }) => {
      try {
        return typeof propertyOf(value, 'then') !== 'function'
      } catch {
        return false
      }
    })

function propertyOf(value: unknown, key: string | symbol): unknown {
  return (value as Readonly<Record<string | symbol, unknown>> | null | undefined)?.[key]
}

/** An entry may name its start only after it has started, and an error only if it has failed. */
function misplacedFacts(entry: unknown): readonly Fault[] {
  const { outcome, startId, error } = entry as core.NewAuditEntry
  const faults: Fault[] = []
  if (startId !== undefined && outcome === 'started') faults.push({ field: 'entry.startId', value: startId })
  if (error !== undefined && outcome !== 'failed') faults.push({ field: 'entry.error', value: error })
  return faults
}

/** What does not go with the order 'largest' of streams. */
function misfitsOfLargest(options: unknown): readonly Fault[] {
  const [limit, after] = [propertyOf(options, 'limit'), propertyOf(options, 'after')]
  const isTooMany = limit === undefined || (typeof limit === 'number' && limit > 1_000)
  return [
    ...(isTooMany ? [{ field: 'limit', value: limit }] : []),
    ...(after === undefined ? [] : [{ field: 'after', value: after }]),
  ]
}

function repeatedIds(appends: unknown): readonly Fault[] {
  const events = (appends as { events: core.Event[] }[]).flatMap((append) => append.events)
  const ids = events.flatMap(({ id }) => (id === undefined ? [] : [id.toLowerCase()]))
  return new Set(ids).size < ids.length ? [{ field: 'events', value: undefined }] : []
}

function repeatedStreams(appends: unknown): readonly Fault[] {
  const streams = (appends as { streamId: string }[]).map(({ streamId }) => streamId)
  return new Set(streams).size < streams.length ? [{ field: 'appends', value: undefined }] : []
}

function withoutIds(source: unknown): readonly Fault[] {
  return (source as core.ImportedEvent[]).flatMap((event, index) => {
    try {
      return event.id === undefined ? [{ field: `source[${index}].id`, value: undefined }] : []
    } catch {
      return []
    }
  })
}

async function collect(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const collected: unknown[] = []
  for await (const item of items) collected.push(item)
  return collected
}

async function runUntilCaughtUp(subscription: core.Subscription): Promise<unknown> {
  subscription.done.catch(() => {})
  try {
    await subscription.caughtUp()
    const { name, parked } = await subscription.status()
    return { name, parked }
  } finally {
    await subscription.stop()
  }
}

async function withWorker<T>(
  store: EventStore,
  use: (subscription: core.Subscription) => Promise<T>,
): Promise<T> {
  const subscription = store.subscribe({ name: 'worker', handle() {} })
  subscription.done.catch(() => {})
  try {
    // The stores differ in how soon a worker begins, so the call waits for it.
    await subscription.caughtUp()
    return await use(subscription)
  } finally {
    await subscription.stop()
  }
}
