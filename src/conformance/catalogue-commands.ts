/** Cases of folding and of commands through a catalogue: versions and ids are those of the stored events. */
import assert from 'node:assert/strict'
import { defineEvents, payload } from '../catalogue/define-events.ts'
import type { EventDefinitions } from '../catalogue/definitions.ts'
import { commandHandler } from '../command/command-handler.ts'
import { decider } from '../command/decider.ts'
import { foldStream } from '../command/fold-stream.ts'
import type { Event, RecordedEvent } from '../event.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { hotel, memories, openHotel, plain, remember, todayOf } from './catalogue-hotel.ts'
import { openUnreadable, unreadables } from './catalogue-unreadable.ts'
import { collect, range, streamOf } from './events.ts'
import { refused } from './expect.ts'

const group = 'catalogues: commands'

/** The state is the list of the events of today. A command is the number of nights to reserve; 0 decides nothing. */
const nights = decider({
  initialState: (): readonly { type: string; data: unknown }[] => [],
  decide: (count: number): Event[] =>
    range(1, count).map((night) => ({ type: 'Reserved', data: { nights: [String(night)] } })),
  evolve: (state, { type, data }) => [...state, { type, data }],
})

const reserved = (count: number) =>
  range(1, count).map((night) => ({ type: 'Reserved', data: { nights: [String(night)] } }))

/** The ways in which a handler loads a state. */
const ways = [
  { cacheSize: 0 },
  { cacheSize: 10 },
  { snapshot: { name: 'nights', version: 1, every: 2, wait: true } },
]

/** Handlers that load a state in different ways, each on a stream of its own that has all memories. */
async function handlersOf(store: EventStore) {
  const handlers = ways.map((way) => commandHandler({ store, decider: nights, ...way }))
  const streams = ways.map((_, index) => `way-${index}`)
  for (const stream of streams) {
    await remember(
      store,
      stream,
      memories.map(({ stored }) => stored),
    )
  }
  return handlers.map((handle, index) => ({ handle, stream: streams[index] as string }))
}

export const catalogueCommandCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'fold the events of today, up to the version of any stored event',
    async run(context) {
      const store = await openHotel(context)
      const whole = await foldStream(store, 'a', nights)
      assert.deepEqual([whole.state, whole.version, whole.exists], [todayOf(), memories.length, true])
      for (const toVersion of range(1, memories.length)) {
        const { state, version } = await foldStream(store, 'a', nights, { toVersion })
        assert.deepEqual([state, version], [todayOf(memories.slice(0, toVersion)), toVersion])
      }
    },
  },
  {
    group,
    name: 'fold a stream whose last event is read as none at the version of that event',
    async run({ open }) {
      const store = await open({ events: hotel() })
      await remember(
        store,
        'a',
        [memories[0], memories[1]].flatMap((one) => (one ? [one.stored] : [])),
      )
      assert.equal((await foldStream(store, 'a', nights)).version, 2)
      await remember(store, 'b', [{ type: 'Noted', data: {} }])
      assert.deepEqual(await foldStream(store, 'b', nights), { state: [], version: 1, exists: true })
      for (const way of ways) {
        const handle = commandHandler({ store, decider: nights, ...way })
        for (const stream of ['a', 'b']) {
          const before = (await store.readStream(stream)).version
          const nothing = await handle(stream, 0, { expectedVersion: before })
          assert.deepEqual([nothing.version, nothing.events], [before, []])
          assert.equal((await handle(stream, 1, { expectedVersion: before })).version, before + 1)
        }
      }
    },
  },
  {
    group,
    name: 'decide on the events of today, and append at the version of the stream',
    async run({ open }) {
      const store = await open({ events: hotel() })
      for (const { handle, stream } of await handlersOf(store)) {
        const first = await handle(stream, 2)
        assert.equal(first.version, memories.length + 2)
        assert.deepEqual(first.state, [...todayOf(), ...reserved(2)])
        assert.deepEqual(plain(first.events), reserved(2))
        // Another process of an earlier release appends between two commands.
        await remember(
          store,
          stream,
          memories.map(({ stored }) => stored),
        )
        const second = await handle(stream, 1, { expectedVersion: 2 * memories.length + 2 })
        assert.equal(second.version, 2 * memories.length + 3)
        assert.deepEqual(second.state, [...first.state, ...todayOf(), ...reserved(1)])
        await refused(handle(stream, 1, { expectedVersion: 3 }), 'wrong-expected-version', {
          actual: second.version,
        })
        assert.deepEqual((await handle(stream, 0)).state, second.state)
        assert.deepEqual(plain(await streamOf(store, stream)), second.state)
      }
    },
  },
  {
    group,
    name: 'find the events of a command again by its id, also if the catalogue splits or drops them since',
    needs: ['shared-data'],
    async run({ open }) {
      const store = await open({
        events: defineEvents({
          Moved: payload<object>(),
          Noted: payload<object>(),
          Reserved: payload<object>(),
        }),
      })
      const past = decider({
        initialState: () => 0,
        decide: (types: readonly string[]): Event[] =>
          types.map((type) => ({ type, data: { from: ['mo'], to: ['tu'] } })),
        evolve: (count) => count + 1,
      })
      const commands = [['Moved'], ['Noted'], ['Noted', 'Moved', 'Noted'], ['Moved', 'Moved']]
      const before = commandHandler({ store, decider: past })
      const stream = 'a'
      await store.append(stream, [{ type: 'Reserved', data: { nights: [] } }])
      for (const [index, types] of commands.entries()) await before(stream, types, { commandId: `c${index}` })
      const newer = await open({ events: hotel() })
      const { version } = await newer.readStream(stream)
      for (const way of ways) {
        const after = commandHandler({ store: newer, decider: nights, ...way })
        for (const [index, types] of commands.entries()) {
          // Another decision than the first time: the events of the first call count.
          const result = await after(stream, index % 3, { commandId: `c${index}` })
          assert.deepEqual([result.deduplicated, result.version], [true, version], types.join())
          const expected = types.flatMap((type) => (type === 'Moved' ? ['Released', 'Reserved'] : []))
          assert.deepEqual(
            result.events.map(({ type }) => type),
            expected,
            types.join(),
          )
        }
      }
      assert.equal((await newer.readStream(stream)).version, version)
    },
  },
  {
    group,
    name: 'ignore a snapshot that an older release has written with other upcasts',
    needs: ['shared-data'],
    async run({ open }) {
      const today = { Reserved: payload<{ nights: string[] }>() }
      const older = await open({ events: defineEvents(today) })
      const upcasts = { Reserved: { 1: (old: { nights: string[] }) => ({ nights: [...old.nights, 'so'] }) } }
      const newer = await open({ events: defineEvents(today, { upcasts }) })
      const snapshot = { name: 'nights', version: 1, every: 1, wait: true }
      await commandHandler({ store: older, decider: nights, snapshot })('a', 12)
      assert.notEqual(await newer.snapshots.read('nights', 'a'), undefined)
      const expected = range(1, 12).map((night) => ({
        type: 'Reserved',
        data: { nights: [String(night), 'so'] },
      }))
      assert.deepEqual((await foldStream(newer, 'a', nights, { snapshot })).state, expected)
      const handle = commandHandler({ store: newer, decider: nights, snapshot })
      assert.deepEqual((await handle('a', 0)).state, expected)
    },
  },
  {
    group,
    name: 'repeat a command with its id on a stream that has splits and dropped events around it',
    async run({ open }) {
      const store = await open({ events: hotel() })
      for (const { handle, stream } of await handlersOf(store)) {
        const first = await handle(stream, 2, { commandId: 'c' })
        await remember(
          store,
          stream,
          memories.map(({ stored }) => stored),
        )
        const again = await handle(stream, 2, { commandId: 'c' })
        assert.deepEqual(again.events, first.events)
        assert.deepEqual([again.deduplicated, again.version], [true, 2 * memories.length + 2])
        assert.deepEqual(again.state, [...todayOf(), ...reserved(2), ...todayOf()])
      }
    },
  },
  {
    group,
    name: 'fold events that were unknown when a snapshot was written, and are known today',
    needs: ['shared-data'],
    async run({ open }) {
      const early = defineEvents({ Reserved: payload<unknown>() }, { unknown: 'skip' })
      const later = defineEvents(
        { Reserved: payload<unknown>(), Paid: payload<unknown>() },
        { unknown: 'skip' },
      )
      const store = await open()
      const snapshot = { name: 'nights', version: 1, every: 2, wait: true }
      const paid = { type: 'Paid', data: {} }
      await store.append('a', [...reserved(1), paid, ...reserved(6)])
      const types = async (events?: EventDefinitions<Event>) => {
        const { state } = await foldStream(await open({ events }), 'a', nights, { snapshot })
        return state.map(({ type }) => type)
      }
      const nightly = (count: number) => Array(count).fill('Reserved')
      assert.deepEqual(await types(early), nightly(7))
      assert.deepEqual(await types(later), ['Reserved', 'Paid', ...nightly(6)])
      assert.deepEqual(await types(early), nightly(7))
      assert.deepEqual(await types(), ['Reserved', 'Paid', ...nightly(6)])
    },
  },
  ...unreadables.map(
    (one): ConformanceCase => ({
      group,
      name: `fail on a stream with ${one.name}, and write nothing`,
      needs: one.needs,
      async run(context) {
        const store = await openUnreadable(context, one)
        const facts = { reason: one.reason, streamId: 'a', version: 2 }
        await refused(foldStream(store, 'a', nights), 'unreadable-event', facts)
        for (const [index, way] of ways.entries()) {
          const count = decider({
            initialState: () => 0,
            decide: (): Event => ({ type: 'Good', data: {} }),
            evolve: (state) => state + 1,
          })
          const handle = commandHandler({ store, decider: count, ...way })
          for (const options of [{}, { commandId: 'c' }, { expectedVersion: 3 }]) {
            await refused(handle('a', undefined, options), 'unreadable-event', facts)
          }
          // Another stream is not concerned.
          await handle(`b${index}`, undefined)
        }
        const stored: readonly RecordedEvent[] = await collect(store.raw.readAll({ streamPrefix: 'a' }))
        assert.equal(stored.length, 3)
      },
    }),
  ),
]
