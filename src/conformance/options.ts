/**
 * Cases of options and other objects that callers pass: the store refuses a value that is no such object, or that
 * throws when the store reads it, and its error names the field.
 */
import assert from 'node:assert/strict'
import { commandHandler } from '../command/command-handler.ts'
import { projection } from '../projection/projection.ts'
import type { EventStore } from '../store.ts'
import { uuidv7 } from '../uuid.ts'
import { balances, deposit } from './balances.ts'
import type { ConformanceCase } from './case.ts'
import { collect, counted, everything, logOf } from './events.ts'
import { failure, refused } from './expect.ts'

const group = 'options'

/** Passes a value that TypeScript would not accept. */
const wrong = <T>(value: unknown) => value as T

const decider = {
  initialState: () => 0,
  decide: (decided: unknown) => decided as never,
  evolve: (count: number) => count + 1,
}
const handle = (store: EventStore) => commandHandler<number, unknown, never>({ store, decider })

/** All calls that take options. */
const calls: Readonly<Record<string, (store: EventStore, options: never) => Promise<unknown>>> = {
  createStream: (store, options) => store.createStream('b', options),
  append: (store, options) => store.append('a', counted(1), options),
  'append without events': (store, options) => store.append('a', [], options),
  appendAll: (store, options) => store.appendAll([{ streamId: 'a', events: counted(1) }], options),
  readStream: (store, options) => store.readStream('a', options),
  readAll: async (store, options) => logOf(store, options),
  'raw.findEvent': (store, options) => store.raw.findEvent(uuidv7(), options),
  streamInfo: (store, options) => store.streamInfo('a', options),
  listStreams: async (store, options) => collect(store.listStreams(options)),
  import: (store, options) => store.import([], options),
  'view.get': (store, options) => store.view('v').get('k', options),
  'view.list': async (store, options) => collect(store.view('v').list(options)),
  subscriptionStatus: (store, options) => store.subscriptionStatus('s', options),
  'parked.list': async (store, options) => collect(store.parked('s').list(options)),
  'parked.show': (store, options) => store.parked('s').show(1, options),
  'parked.retry': (store, options) => store.parked('s').retry(1, options),
  'parked.skip': (store, options) => store.parked('s').skip(1, options),
  listProjections: async (store, options) => collect(store.listProjections(options)),
  rebuild: (store, options) => store.rebuild(balances, options),
  verify: (store, options) => store.verify(balances, options),
  'a command handler': (store, options) => handle(store)('a', counted(1), options),
}

const noOptions: readonly unknown[] = [null, 7, 'signal', true, [], [1], () => ({}), Symbol('s')]
const noSignals: readonly unknown[] = [null, 7, {}, { aborted: false }, Object.create(AbortSignal.prototype)]

function objectThrowingAt(property: string): object {
  const get = () => {
    throw new RangeError('read me not')
  }
  return Object.defineProperty({}, property, { get, enumerable: true })
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** Events and parts of events that throw when the store reads them, and the field that the error must name. */
const unreadable: readonly (readonly [field: string, event: unknown])[] = [
  ['events[0]', revoked()],
  ['events[0]', objectThrowingAt('type')],
  ['events[0]', objectThrowingAt('tags')],
  ['events[0].data', { type: 'T', data: objectThrowingAt('a') }],
  ['events[0].data', { type: 'T', data: [revoked()] }],
  ['events[0].metadata', { type: 'T', data: 1, metadata: revoked() }],
  [
    'events[0].tags',
    { type: 'T', data: 1, tags: new Proxy([], { get: () => objectThrowingAt('a').constructor('') }) },
  ],
]

export const optionCases: readonly ConformanceCase[] = [
  ...Object.entries(calls).map(
    ([name, call]): ConformanceCase => ({
      group,
      name: `refuses wrong options and wrong signals of ${name}, and writes nothing`,
      async run({ open }) {
        const store = await open()
        await store.append('a', counted(2))
        const before = await everything(store)
        for (const options of noOptions) {
          await refused(() => call(store, wrong(options)), 'invalid-input', { field: 'options' })
        }
        await refused(() => call(store, wrong(revoked())), 'invalid-input')
        await refused(() => call(store, wrong(objectThrowingAt('signal'))), 'invalid-input', {
          field: 'signal',
        })
        for (const signal of noSignals) {
          await refused(() => call(store, wrong({ signal })), 'invalid-input', { field: 'signal' })
        }
        assert.deepEqual(await everything(store), before)
      },
    }),
  ),
  {
    group,
    name: 'refuses options that must be booleans or functions, and are not',
    async run({ open }) {
      const store = await open({ inline: [balances] })
      for (const value of [null, 0, 1, 'yes', {}]) {
        await refused(() => logOf(store, { follow: wrong(value) }), 'invalid-input', { field: 'follow' })
        const counting = () => collect(store.listProjections({ counts: wrong(value) }))
        await refused(counting, 'invalid-input', { field: 'counts' })
        const clamping = store.import([], { clampTimes: wrong(value) })
        await refused(clamping, 'invalid-input', { field: 'clampTimes' })
        const field = 'onProgress'
        await refused(store.import([], { onProgress: wrong(value) }), 'invalid-input', { field })
        await refused(store.rebuild(balances, { onProgress: wrong(value) }), 'invalid-input', { field })
        await refused(store.verify(balances, { onProgress: wrong(value) }), 'invalid-input', { field })
      }
    },
  },
  {
    group,
    name: 'accepts options that are frozen, have no prototype, or are getters of a class',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(3))
      class Window {
        get fromVersion() {
          return 2
        }
        get limit() {
          return 1
        }
      }
      const bare = Object.assign(Object.create(null), { fromVersion: 2, limit: 1 })
      for (const options of [Object.freeze({ fromVersion: 2, limit: 1 }), bare, new Window()]) {
        const { events } = await store.readStream('a', options)
        assert.deepEqual(
          events.map(({ version }) => version),
          [2],
        )
      }
    },
  },
  ...unreadable.map(
    ([field, event], index): ConformanceCase => ({
      group,
      name: `refuses an event that throws when it is read, at ${field} (${index + 1})`,
      async run({ open }) {
        const store = await open()
        const events = wrong<never[]>([event])
        const error = await refused(store.append('a', events), 'invalid-input')
        assert.ok(error.field.startsWith(field), `${error.field} is within ${field}`)
        await refused(store.appendAll([{ streamId: 'a', events }]), 'invalid-input')
        await refused(handle(store)('a', events), 'invalid-input')
        assert.deepEqual(await everything(store), { log: [], streams: [] })
      },
    }),
  ),
  {
    group,
    name: 'refuses a decision that is no event, and command options that are wrong',
    async run({ open }) {
      const store = await open()
      for (const decided of [null, 7, 'T', [null], [counted(1)]]) {
        const error = await refused(handle(store)('a', decided), 'invalid-input')
        assert.match(error.field, /^events\[0\]/)
      }
      for (const metadata of ['text', ['a'], new Map([['a', 1]]), 7, null]) {
        const call = handle(store)('a', counted(1), { metadata: wrong(metadata) })
        await refused(call, 'invalid-input', { field: 'metadata' })
        const own = handle(store)('a', { type: 'T', data: 1, metadata })
        await refused(own, 'invalid-input', { field: 'events[0].metadata' })
      }
      for (const commandId of [null, 7, {}, 'a\ud800']) {
        const call = handle(store)('a', counted(1), { commandId: wrong(commandId) })
        await refused(call, 'invalid-input', { field: 'commandId' })
      }
      const expecting = handle(store)('a', counted(1), { expectedVersion: wrong('none') })
      await refused(expecting, 'invalid-input', { field: 'expectedVersion' })
      assert.deepEqual(await everything(store), { log: [], streams: [] })
    },
  },
  {
    group,
    name: 'refuses a projection that projection() has not made, in every call that takes one',
    async run({ open }) {
      const store = await open()
      const almostProjections: readonly unknown[] = [
        ...[
          null,
          undefined,
          7,
          {},
          { kind: 'documents' },
          { ...balances, evolve: 1 },
          { ...balances, name: '' },
        ],
        ...[{ ...balances, version: 2 ** 31 }, objectThrowingAt('kind'), revoked()],
      ]
      for (const value of almostProjections) {
        const given = wrong<typeof balances>(value)
        for (const call of [
          () => store.view(given),
          () => store.rebuild(given),
          () => store.verify(given),
          () => store.runOnce({ projection: given }),
          () => store.subscribe({ projection: given }),
        ]) {
          const error = await refused(call, 'invalid-input')
          assert.match(error.field, /^projection\b/)
        }
      }
      assert.ok((await failure(() => projection({ ...balances, version: 2 ** 31 }))) instanceof Error)
    },
  },
  {
    group,
    name: 'accepts the largest safe integer for every limit and batch size',
    async run({ open }) {
      const most = Number.MAX_SAFE_INTEGER
      const store = await open({ inline: [balances] })
      await store.append('a', [deposit('k', 1), deposit('l', 2)])
      const handled: number[] = []
      const name = 'all at once'
      const batch = {
        name,
        batchSize: most,
        handleBatch: (events: readonly unknown[]) => void handled.push(events.length),
      }
      assert.equal((await store.runOnce(batch)).handled, 2)
      assert.deepEqual(handled, [2])
      assert.equal((await store.rebuild(balances, { batchSize: most })).events, 2)
      assert.equal((await store.verify(balances, { limit: most })).ok, true)
      assert.equal((await logOf(store, { limit: most, until: most })).length, 2)
      const read = await store.readStream('a', { limit: most, toVersion: most })
      assert.equal(read.events.length, 2)
      assert.equal((await collect(store.listStreams({ limit: most }))).length, 1)
      assert.equal((await collect(store.view(balances).list({ limit: most }))).length, 2)
      const source = [{ ...deposit('k', 1), streamId: 'b' }]
      assert.equal((await store.import(source, { name: 'n', batchSize: most })).imported, 1)
    },
  },
]
