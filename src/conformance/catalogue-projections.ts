/** Cases of projections through a catalogue: inline, async and raw ones, their rebuilds and their checks. */
import assert from 'node:assert/strict'
import { defineEvents, payload } from '../catalogue/define-events.ts'
import type { RecordedEvent } from '../event.ts'
import { type DocumentProjection, projection } from '../projection/projection.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { hotel, memories, openHotel, plain, remember, todayOf } from './catalogue-hotel.ts'
import { openNewer, openUnreadable, unreadables } from './catalogue-unreadable.ts'
import { collect } from './events.ts'
import { refused } from './expect.ts'

const group = 'catalogues: projections'

interface Listed {
  readonly events: readonly { readonly type: string; readonly data: unknown }[]
}

/** Lists today's events of some types for each stream. */
export function lists(name: string, events?: readonly string[]): DocumentProjection<Listed> {
  return projection({
    name,
    events,
    key: ({ streamId }: RecordedEvent) => streamId,
    initialState: (): Listed => ({ events: [] }),
    evolve: ({ events }, { type, data }) => ({ events: [...events, { type, data }] }),
  })
}

const listOf = async (store: EventStore, name: string, key = 'a') =>
  ((await store.view<Listed>(name).get(key))?.state.events ?? []) as Listed['events']

const someTypes = ['Released', 'Withdrawn']
const ofSomeTypes = () => todayOf().filter(({ type }) => someTypes.includes(type))
const stored = memories.map((memory) => memory.stored)

export const catalogueProjectionCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'get the events of today inline, also the events of an import',
    async run({ open }) {
      const raw: RecordedEvent[] = []
      const inline = [
        lists('all'),
        lists('some', someTypes),
        projection({
          name: 'raw',
          events: ['Reserved'],
          handle: (events: readonly RecordedEvent[]) => void raw.push(...events),
        }),
      ]
      const store = await open({ events: hotel(), inline })
      await remember(store, 'a', stored)
      const withdrawn = { type: 'Withdrawn', data: { reason: 'late' } }
      await store.append('a', [withdrawn])
      assert.deepEqual(await listOf(store, 'all'), [...todayOf(), withdrawn])
      assert.deepEqual(await listOf(store, 'some'), [...ofSomeTypes(), withdrawn])
      const reserved = todayOf().filter(({ type }) => type === 'Reserved')
      assert.deepEqual(plain(raw), reserved)
      for (const { metadata } of raw) assert.deepEqual(metadata, { userId: 'ann' })
      for (const name of ['all', 'some']) {
        const one = lists(name, name === 'all' ? undefined : someTypes)
        assert.equal((await store.verify(one)).ok, true)
        const before = await listOf(store, name)
        assert.equal((await store.rebuild(one)).events > 0, true)
        assert.deepEqual(await listOf(store, name), before)
      }
    },
  },
  {
    group,
    name: 'get the events of today asynchronously, from a rebuild, and in a check',
    async run(context) {
      const store = await openHotel(context)
      const all = lists('all')
      const some = lists('some', someTypes)
      const rebuilt = lists('rebuilt', someTypes)
      await store.rebuild(rebuilt)
      assert.deepEqual(await listOf(store, 'rebuilt'), ofSomeTypes())
      for (const one of [all, some]) await store.runOnce({ projection: one })
      assert.deepEqual(await listOf(store, 'all'), todayOf())
      assert.deepEqual(await listOf(store, 'some'), ofSomeTypes())
      await remember(store, 'a', stored)
      for (const one of [all, some, rebuilt]) {
        await using subscription = store.subscribe({ projection: one })
        await subscription.caughtUp()
        assert.equal((await store.verify(one)).ok, true)
      }
      assert.deepEqual(await listOf(store, 'all'), [...todayOf(), ...todayOf()])
      assert.deepEqual(await listOf(store, 'rebuilt'), [...ofSomeTypes(), ...ofSomeTypes()])
      const seen: RecordedEvent[] = []
      const raw = projection({
        name: 'raw',
        events: someTypes,
        handle: (events: readonly RecordedEvent[]) => void seen.push(...events),
      })
      await store.runOnce({ projection: raw })
      assert.deepEqual(plain(seen), [...ofSomeTypes(), ...ofSomeTypes()])
    },
  },
  {
    group,
    name: 'move over events that are read as none, and over unknown ones if the catalogue skips them',
    async run({ open }) {
      const store = await open({ events: hotel({ count: 0 }, 'skip') })
      await remember(store, 'a', [
        { type: 'Noted', data: {} },
        { type: 'Stranger', data: {} },
      ])
      const all = lists('all')
      const { caughtUp, checkpoint } = await store.runOnce({ projection: all })
      const last = (await collect(store.raw.readAll())).at(-1)
      assert.deepEqual([caughtUp, checkpoint], [true, last?.position])
      assert.equal((await store.rebuild(all)).position, last?.position)
      assert.equal(await store.view(all).get('a'), undefined)
    },
  },
  {
    group,
    name: 'are refused with types that are no events of the catalogue',
    async run({ open }) {
      const events = hotel()
      const old = lists('old', ['Requested', 'Cancelled'])
      const error = await refused(() => open({ events, inline: [old] }), 'invalid-input', {
        field: 'inline[0].events[1]',
      })
      assert.match(error.message, /'Cancelled' is an old name: use 'Withdrawn'/)
      const store = await open({ events })
      const facts = { field: 'projection.events[1]' }
      await refused(() => store.subscribe({ projection: old }), 'invalid-input', facts)
      await refused(() => store.runOnce({ projection: old }), 'invalid-input', facts)
      await refused(store.rebuild(old), 'invalid-input', facts)
      await refused(store.verify(old), 'invalid-input', facts)
    },
  },
  {
    group,
    name: 'read the form that is written for older processes as the event of today',
    async run({ open }) {
      const events = defineEvents(
        { Withdrawn: payload<{ reason: string }>(), Priced: payload<{ amount: number; currency: string }>() },
        {
          upcasts: {
            Cancelled: 'Withdrawn',
            Priced: { 1: (amount: number) => ({ amount, currency: 'EUR' }) },
          },
          writeAs: { Withdrawn: 'Cancelled', Priced: { 1: ({ amount }) => amount } },
        },
      )
      const seen: RecordedEvent[] = []
      const raw = projection({
        name: 'raw',
        handle: (some: readonly RecordedEvent[]) => void seen.push(...some),
      })
      const store = await open({ events, inline: [lists('all'), raw] })
      const today = [
        { type: 'Withdrawn', data: { reason: 'ill' } },
        { type: 'Priced', data: { amount: 9, currency: 'EUR' } },
      ]
      await store.append('a', today)
      assert.deepEqual(plain(seen), today)
      assert.deepEqual(await listOf(store, 'all'), today)
      assert.deepEqual(plain((await store.raw.readStream('a')).events), [
        { type: 'Cancelled', data: { reason: 'ill' } },
        { type: 'Priced', data: 9 },
      ])
    },
  },
  ...unreadables.map(
    (one): ConformanceCase => ({
      group,
      name: `fail at ${one.name} in a run, a rebuild and a check, and skip nothing`,
      needs: one.needs,
      async run(context) {
        const store = await openUnreadable(context, one)
        const all = lists('all')
        const facts = { reason: one.reason, streamId: 'a', version: 2 }
        const failed = await refused(store.runOnce({ projection: all }), 'subscription-failed')
        await refused(Promise.reject(failed.cause), 'unreadable-event', facts)
        const [first] = await collect(store.raw.readAll({ limit: 1 }))
        assert.deepEqual(await listOf(store, 'all'), [{ type: 'Good', data: { number: 1 } }])
        assert.equal((await store.subscriptionStatus('all'))?.checkpoint, first?.position)
        await refused(store.rebuild(all), 'unreadable-event', facts)
        assert.deepEqual(await listOf(store, 'all'), [{ type: 'Good', data: { number: 1 } }])
        // A check reads what the documents contain, and these end before the event.
        const { ok, position } = await store.verify(all)
        assert.deepEqual([ok, position], [true, first?.position])
        if (one.events === undefined) return
        assert.equal((await (await openNewer(context)).runOnce({ projection: all })).caughtUp, true)
        await refused(store.verify(all), 'unreadable-event', facts)
        assert.equal((await listOf(store, 'all')).length, 3)
      },
    }),
  ),
  ...unreadables.map(
    (one): ConformanceCase => ({
      group,
      name: `fail at ${one.name} in a rebuild and a check of an inline projection, and keep its documents`,
      needs: one.needs,
      async run(context) {
        const all = lists('all')
        const store = await openUnreadable(context, one, [all])
        const before = await listOf(store, 'all')
        assert.deepEqual(
          before.map(({ data }) => data),
          [{ number: 1 }, { number: 2 }, { number: 3 }],
        )
        const facts = { reason: one.reason, streamId: 'a', version: 2 }
        await refused(store.verify(all), 'unreadable-event', facts)
        await refused(store.rebuild(all), 'unreadable-event', facts)
        await refused(store.verify(all), 'unreadable-event', facts)
        assert.deepEqual(await listOf(store, 'all'), before)
      },
    }),
  ),
]
