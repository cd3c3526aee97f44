/** Cases of the metadata keys that begin with `$`: they belong to the library, so a store refuses them from its callers. */
import assert from 'node:assert/strict'
import { defineEvents, payload } from '../catalogue/define-events.ts'
import { commandHandler } from '../command/command-handler.ts'
import { decider } from '../command/decider.ts'
import type { InvalidInputError } from '../errors/index.ts'
import type { Event, Metadata } from '../event.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { collect, counted, eventOfType, everything, logOf, streamOf } from './events.ts'
import { refused } from './expect.ts'

const group = 'reserved metadata'

/** Metadata with a reserved key, and the key. */
const reserved: readonly (readonly [Metadata, string])[] = [
  [{ $schemaVersion: 2 }, '$schemaVersion'],
  [{ userId: 'ann', $schemaVersion: 1 }, '$schemaVersion'],
  [{ $: null }, '$'],
  [{ $own: 'mine' }, '$own'],
  [{ a: 1, $schemaversion: 2 }, '$schemaversion'],
]

/** Keys that are free: `$` elsewhere in a key, in a value, and in keys within an object. */
const free: Metadata = {
  a$: '$schemaVersion',
  ' $own': ['$', { $schemaVersion: 3 }],
  nested: { $schemaVersion: 0, $own: { $: 1 } },
  text: '"$schemaVersion":7',
}

const eventWith = (metadata: Metadata): Event => ({ ...eventOfType('T'), metadata })

/** Every call of a writing function with metadata, and the field that its error must name. */
const writers: readonly (readonly [
  field: string,
  call: (store: EventStore, metadata: Metadata) => Promise<unknown>,
])[] = [
  ['events[1].metadata', (store, metadata) => store.append('a', [...counted(1), eventWith(metadata)])],
  ['metadata', (store, metadata) => store.append('a', counted(1), { metadata })],
  ['metadata', (store, metadata) => store.append('a', [], { metadata })],
  [
    'events[0].metadata',
    (store, metadata) =>
      store.appendAll([
        { streamId: 'a', events: counted(1) },
        { streamId: 'b', events: [eventWith(metadata)] },
      ]),
  ],
  ['metadata', (store, metadata) => store.appendAll([{ streamId: 'a', events: counted(1) }], { metadata })],
  ['metadata', (store, metadata) => store.createStream('a', { metadata })],
  ['events[0].metadata', (store, metadata) => handlerOf(store)('a', [eventWith(metadata)])],
  ['metadata', (store, metadata) => handlerOf(store)('a', counted(1), { metadata })],
]

/** A handler whose command is the decision. */
function handlerOf(store: EventStore) {
  return commandHandler({
    store,
    decider: decider({
      initialState: () => 0,
      decide: (events: readonly Event[]) => events,
      evolve: (count) => count + 1,
    }),
    cacheSize: 1,
  })
}

const imported = (metadata: Metadata, type = 'T') => ({ ...eventOfType(type), streamId: 'a', metadata })

export const reservedMetadataCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'refuses a key that begins with $ in every writing call, says why, and writes nothing',
    async run({ open }) {
      const store = await open()
      for (const [metadata, key] of reserved) {
        for (const [field, call] of writers) {
          const error = await refused(call(store, metadata), 'invalid-input', { field: `${field}.${key}` })
          assert.match(error.message, /reserved/)
          assert.match(error.message, key === '$schemaVersion' ? /the store writes it/ : /use another name/)
        }
      }
      assert.deepEqual(await everything(store), { log: [], streams: [] })
    },
  },
  {
    group,
    name: 'refuses a reserved key of a decision on a cached state, and keeps the state',
    async run({ open }) {
      const store = await open()
      const handle = handlerOf(store)
      await handle('a', counted(2))
      await refused(handle('a', [eventWith({ $own: 1 })]), 'invalid-input', {
        field: 'events[0].metadata.$own',
      })
      assert.equal((await handle('a', counted(1))).state, 3)
    },
  },
  {
    group,
    name: 'records $ elsewhere: later in a key, in a value, and in the keys of objects within the metadata',
    async run({ open }) {
      const store = await open()
      await store.createStream('c', { metadata: free })
      await store.append('a', [eventWith(free)])
      await store.append('a', [eventWith({ own: { $a: 1 } })], { metadata: free })
      await handlerOf(store)('a', [eventWith(free)], { commandId: 'x', metadata: { $undefined: undefined } })
      await store.import([imported(free)], { name: 'n' })
      const found = (await streamOf(store, 'a')).map(({ metadata }) => metadata)
      const caused = { correlationId: 'x', causationId: 'x' }
      assert.deepEqual(found, [free, { ...free, own: { $a: 1 } }, { ...caused, ...free }, free])
      assert.deepEqual((await store.streamInfo('c'))?.metadata, free)
    },
  },
  {
    group,
    name: 'imports $schemaVersion from 2 on, and no other reserved key or value',
    async run({ open }) {
      const store = await open()
      const fieldOf = (error: InvalidInputError) => error.field
      for (const wrong of [1, 0, -2, 1.5, 2 ** 53, '2', null, true, [2], { $schemaVersion: 2 }]) {
        const source = [imported({}), imported({ $schemaVersion: wrong })]
        const error = await refused(store.import(source, { name: 'n' }), 'invalid-input')
        assert.equal(fieldOf(error), 'source[1].metadata.$schemaVersion')
        assert.match(error.message, /whole number of at least 2/)
      }
      for (const key of ['$own', '$']) {
        const error = await refused(
          store.import([imported({ $schemaVersion: 2, [key]: 2 })], { name: 'n' }),
          'invalid-input',
        )
        assert.equal(fieldOf(error), `source[0].metadata.${key}`)
      }
      assert.deepEqual(await logOf(store), [])
      const metadata = [{ $schemaVersion: 2, userId: 'ann' }, { $schemaVersion: 2 ** 53 - 1 }]
      await store.import(
        metadata.map((one) => imported(one)),
        { name: 'n' },
      )
      assert.deepEqual(
        (await logOf(store)).map((event) => event.metadata),
        metadata,
      )
    },
  },
  {
    group,
    name: 'with a catalogue, imports $schemaVersion with stored events only, and shows it in raw reads',
    async run({ open }) {
      const events = defineEvents(
        { Priced: payload<{ amount: number }>() },
        { upcasts: { Priced: { 1: (old: { price: number }) => ({ amount: old.price }) } } },
      )
      const store = await open({ events })
      const today = { type: 'Priced', data: { amount: 1 }, streamId: 'a' }
      const source = [{ ...today, metadata: { $schemaVersion: 2, userId: 'ann' } }]
      const asCurrent = store.import(source, { name: 'n', shape: 'current' })
      await refused(asCurrent, 'invalid-input', { field: 'source[0].metadata.$schemaVersion' })
      await refused(store.append('a', [{ ...today, metadata: { $schemaVersion: 2 } }]), 'invalid-input')
      assert.equal((await store.import(source, { name: 'n' })).imported, 1)
      await store.append('a', [{ type: 'Priced', data: { amount: 2 } }])
      const seen = (all: readonly { data: unknown; metadata: unknown }[]) =>
        all.map(({ data, metadata }) => [data, metadata])
      assert.deepEqual(seen(await logOf(store)), [
        [{ amount: 1 }, { userId: 'ann' }],
        [{ amount: 2 }, {}],
      ])
      assert.deepEqual(seen(await collect(store.raw.readAll())), [
        [{ amount: 1 }, { $schemaVersion: 2, userId: 'ann' }],
        [{ amount: 2 }, { $schemaVersion: 2 }],
      ])
    },
  },
]
