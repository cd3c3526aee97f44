/** Cases of subscriptions through a catalogue: what stored events are today is delivered as one unit each. */
import assert from 'node:assert/strict'
import { defineEvents, payload } from '../catalogue/define-events.ts'
import type { RecordedEvent } from '../event.ts'
import { projection } from '../projection/projection.ts'
import type { EventStore } from '../store.ts'
import type { HandlerContext } from '../subscription/subscription.ts'
import type { ConformanceCase } from './case.ts'
import { hotel, memories, openHotel, plain, remember, todayOf } from './catalogue-hotel.ts'
import { collect, collector, range } from './events.ts'
import { latch, refused } from './expect.ts'

const group = 'catalogues: subscriptions'

const stored = memories.map((memory) => memory.stored)
const moved = { type: 'Moved', data: { from: ['mo'], to: ['tu'] } }
const parts = [
  { type: 'Released', data: { nights: ['mo'] } },
  { type: 'Reserved', data: { nights: ['tu'] } },
]

const positionsOf = async (store: EventStore): Promise<number[]> =>
  (await collect(store.raw.readAll())).map(({ position }) => position)

export const catalogueSubscriptionCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'get the events of today one by one, in batches and in transactions, and resume after any of them',
    async run(context) {
      const store = await openHotel(context)
      const positions = await positionsOf(store)
      for (const types of [undefined, ['Requested', 'Reserved'], ['Released']] as const) {
        for (const transactional of [false, true]) {
          for (const isBatch of [false, true]) {
            const seen: RecordedEvent[] = []
            const name = `${types} ${transactional} ${isBatch}`
            const handler = isBatch
              ? { handleBatch: (events: readonly RecordedEvent[]) => void seen.push(...events), batchSize: 2 }
              : { handle: (event: RecordedEvent) => void seen.push(event) }
            const options = { name, types, transactional, ...handler }
            const once = await store.runOnce(options)
            const expected = todayOf().filter(({ type }) => types?.includes(type as never) ?? true)
            assert.deepEqual(plain(seen), expected, name)
            assert.deepEqual([once.checkpoint, once.caughtUp], [positions.at(-1), true], name)
            await store.runOnce(options)
            assert.equal(seen.length, expected.length, name)
          }
        }
      }
    },
  },
  {
    group,
    name: 'upcast each event once for each call of the handler',
    async run(context) {
      const calls = { count: 0 }
      const store = await openHotel(context, hotel(calls))
      calls.count = 0
      await store.runOnce({ name: 'single', handle() {} })
      assert.equal(calls.count, 3)
      await store.runOnce({ name: 'batch', handleBatch() {} })
      assert.equal(calls.count, 6)
    },
  },
  {
    group,
    name: 'keep the parts of an event together in each partition, in the order of their stream',
    async run({ open }) {
      const store = await open({ events: hotel() })
      const streams = range(1, 8).map((stream) => `s${stream}`)
      for (const stream of streams) await remember(store, stream, stored)
      const { handled, handle } = collector()
      await using subscription = store.subscribe({ name: 's', partitions: 4, handle })
      await subscription.caughtUp()
      for (const stream of streams) {
        assert.deepEqual(plain(handled.filter(({ streamId }) => streamId === stream)), todayOf(), stream)
      }
      assert.equal(handled.length, streams.length * todayOf().length)
    },
  },
  {
    group,
    name: 'retry an event that is split as one unit, and count it once',
    async run({ open }) {
      const store = await open({ events: hotel() })
      await remember(store, 'a', [moved, moved])
      const positions = await positionsOf(store)
      for (const transactional of [false, true]) {
        for (const isBatch of [false, true]) {
          const seen: string[] = []
          let isFailing = true
          const handle = ({ type }: RecordedEvent, { attempt }: HandlerContext) => {
            seen.push(`${type} ${attempt}`)
            if (type === 'Reserved' && isFailing) {
              isFailing = false
              throw new Error('not now')
            }
          }
          const batch = (events: readonly RecordedEvent[], handlerContext: HandlerContext) => {
            for (const event of events) handle(event, handlerContext)
          }
          const handler = isBatch ? { handleBatch: batch, batchSize: 1 } : { handle }
          const name = `${transactional} ${isBatch}`
          const once = await store.runOnce({ name, transactional, onError: { backoff: 1 }, ...handler })
          const again = ['Released 1', 'Reserved 1', 'Released 2', 'Reserved 2', 'Released 1', 'Reserved 1']
          assert.deepEqual(seen, again, name)
          assert.deepEqual([once.handled, once.checkpoint], [2, positions[1]], name)
        }
      }
    },
  },
  {
    group,
    name: 'handle both parts again if the worker is lost between them',
    async run({ open }) {
      const store = await open({ events: hotel() })
      await remember(store, 'a', [moved])
      const seen: string[] = []
      const isAtSecond = latch()
      const lost = store.subscribe({
        name: 's',
        async handle({ type }: RecordedEvent) {
          if (type === 'Released') return
          isAtSecond.release()
          await new Promise(() => {})
        },
      })
      await isAtSecond.released
      await lost.stop({ timeout: 0 })
      await store.runOnce({ name: 's', handle: ({ type }: RecordedEvent) => void seen.push(type) })
      assert.deepEqual(seen, ['Released', 'Reserved'])
    },
  },
  {
    group,
    name: 'begin no later part of a split event once its call was given up',
    async run({ open }) {
      const store = await open({ events: hotel() })
      await remember(store, 'a', [moved])
      for (const way of ['too long', 'too long in a transaction', 'abandoned'] as const) {
        const seen: string[] = []
        const first = latch()
        const late = latch()
        let left = 1
        const options = {
          name: way,
          transactional: way === 'too long in a transaction',
          onError: { retries: 1, backoff: 1 },
          async handle({ type }: RecordedEvent) {
            seen.push(type)
            if (left-- > 0) {
              first.release()
              await late.released
            }
          },
        }
        if (way === 'abandoned') {
          const lost = store.subscribe(options)
          await first.released
          await lost.stop({ timeout: 0 })
        }
        await store.runOnce({ ...options, handlerTimeout: 500 })
        late.release()
        await new Promise((resolve) => setTimeout(resolve, 20))
        assert.deepEqual(seen, ['Released', 'Released', 'Reserved'], way)
      }
    },
  },
  {
    group,
    name: 'park a split event once, show its parts, and select it by its stored name and by those of its parts',
    async run({ open }) {
      const store = await open({ events: hotel() })
      const name = 's'
      const parked = store.parked(name)
      let isBroken = true
      const seen: RecordedEvent[] = []
      const run = () =>
        store.runOnce({
          name,
          onError: { retries: 0, action: 'park' },
          handle(event: RecordedEvent) {
            seen.push(event)
            if (isBroken && event.type === 'Reserved') throw new Error('broken')
          },
        })
      for (const by of [1, 'Moved', 'Released', 'Reserved'] as const) {
        isBroken = true
        await remember(store, 'a', [moved])
        const { parked: count } = await run()
        assert.equal(count, 1)
        const position = (await positionsOf(store)).at(-1) as number
        const [record, ...more] = await collect(parked.list())
        assert.deepEqual([record?.type, record?.position, more.length], ['Moved', position, 0])
        assert.deepEqual(plain((await parked.show(position))?.events ?? []), parts)
        const filter = by === 1 ? position : { type: by }
        if (by !== 1) assert.equal(await parked.retry({ type: 'Withdrawn' }), 0)
        assert.equal(await parked.retry(filter), 1)
        isBroken = false
        seen.length = 0
        assert.equal((await run()).handled, 1)
        assert.deepEqual(plain(seen), parts)
        assert.deepEqual(await collect(parked.list()), [])
      }
    },
  },
  {
    group,
    name: 'list parked events of an old name under the name of today, and select them by both',
    async run({ open }) {
      const store = await open({ events: hotel() })
      const parked = store.parked('s')
      const onError = { retries: 0, action: 'block-stream' } as const
      for (const type of ['Cancelled', 'Withdrawn']) {
        await remember(store, type, [{ type: 'Cancelled', data: { reason: 'ill' } }, moved])
        await store.runOnce({
          name: 's',
          onError,
          handle: () => {
            throw new Error('broken')
          },
        })
        const records = await collect(parked.list())
        assert.deepEqual(
          records.map((record) => [record.type, record.state]),
          [
            ['Withdrawn', 'parked'],
            ['Moved', 'blocked'],
          ],
        )
        assert.equal(await parked.skip({ type }), 1)
        await store.runOnce({ name: 's', onError, handle() {} })
        assert.deepEqual(await collect(parked.list()), [])
      }
    },
  },
  {
    group,
    name: 'start again with a filter by types, of which an old version is split',
    async run({ open }) {
      const events = defineEvents(
        { Moved: payload<{ to: string }>(), Released: payload<object>() },
        {
          upcasts: {
            Moved: { 1: { Released: () => ({}), Moved: ({ to }: { to: string }) => ({ to }) } },
            Freed: { Released: () => ({}) },
          },
        },
      )
      const store = await open({ events })
      for (const types of [['Moved'], ['Released'], ['Released', 'Moved']]) {
        const name = types.join()
        for (let run = 0; run < 2; run++) {
          const { handled, handle } = collector()
          await remember(store, `${name} ${run}`, [
            { type: 'Moved', data: { to: 'tu' } },
            { type: 'Freed', data: {} },
          ])
          await store.runOnce({ name, types, streamPrefix: name, handle })
          const all = ['Released', 'Moved', 'Released']
          assert.deepEqual(
            handled.map(({ type }) => type),
            all.filter((type) => types.includes(type)),
          )
        }
      }
    },
  },
  {
    group,
    name: 'start in both releases with a filter by a type that has another name in each',
    needs: ['shared-data'],
    async run({ open }) {
      const older = defineEvents({
        Cancelled: payload<object>(),
        Moved: payload<object>(),
        Other: payload<object>(),
      })
      const newer = defineEvents(
        { Withdrawn: payload<object>(), Released: payload<object>(), Reserved: payload<object>() },
        {
          writeAs: { Withdrawn: 'Cancelled' },
          upcasts: {
            Cancelled: 'Withdrawn',
            Moved: { Released: () => ({}), Reserved: () => ({}) },
            Other: {},
          },
        },
      )
      const stores = { older: await open({ events: older }), newer: await open({ events: newer }) }
      const filters = {
        renamed: { older: ['Cancelled'], newer: ['Withdrawn'] },
        split: { older: ['Moved', 'Cancelled'], newer: ['Withdrawn', 'Released', 'Reserved'] },
        dropped: { older: ['Other', 'Cancelled'], newer: ['Withdrawn'] },
      }
      for (const [name, types] of Object.entries(filters)) {
        for (const release of ['older', 'newer', 'older', 'newer'] as const) {
          await stores.older.append('a', [{ type: 'Cancelled', data: {} }])
          const { handled, handle } = collector()
          const store = stores[release]
          const { caughtUp } = await store.runOnce({ name, types: types[release], handle })
          assert.equal(caughtUp, true)
          assert.equal(handled.at(-1)?.type, release === 'older' ? 'Cancelled' : 'Withdrawn')
        }
      }
      const error = await refused(
        stores.newer.runOnce({ name: 'split', types: ['Reserved'], handle() {} }),
        'subscription-failed',
      )
      await refused(Promise.reject(error.cause), 'subscription-mismatch')
    },
  },
  {
    group,
    name: 'need a higher version for another type in their filter, and then leave it to the newer release',
    needs: ['shared-data'],
    async run({ open }) {
      const older = defineEvents({ Booked: payload<object>() })
      const newer = defineEvents({ Booked: payload<object>(), Extended: payload<object>() })
      const [before, after] = [await open({ events: older }), await open({ events: newer })]
      const first = collector()
      await using running = before.subscribe(
        older.pick('Booked').subscription({ name: 's', handle: first.handle }),
      )
      await before.append('a', [{ type: 'Booked', data: {} }])
      await running.caughtUp()
      const handler = collector()
      const picked = newer.pick('Booked', 'Extended')
      const options = picked.subscription({ name: 's', handle: handler.handle })
      const { cause } = await refused(after.runOnce(options), 'subscription-failed')
      const { message } = await refused(Promise.reject(cause), 'subscription-mismatch')
      assert.match(message, /stored with types \["Booked"\].*raise its version to 2/)
      await after.append('a', [
        { type: 'Extended', data: {} },
        { type: 'Booked', data: {} },
      ])
      assert.equal((await after.runOnce({ ...options, version: 2 })).caughtUp, true)
      await running.done
      const all = [...first.handled, ...handler.handled]
      assert.deepEqual(
        all.map(({ type }) => type),
        ['Booked', 'Extended', 'Booked'],
      )
    },
  },
  {
    group,
    name: 'move their checkpoint over events that are read as none, and over unknown ones if the catalogue skips them',
    async run({ open }) {
      const store = await open({ events: hotel({ count: 0 }, 'skip') })
      await remember(store, 'a', [
        { type: 'Noted', data: {} },
        { type: 'Stranger', data: {} },
        moved,
        { type: 'Stranger', data: {} },
      ])
      const last = (await positionsOf(store)).at(-1)
      for (const transactional of [false, true]) {
        const { handled, handle } = collector()
        const once = await store.runOnce({ name: `single ${transactional}`, transactional, handle })
        assert.deepEqual([plain(handled), once.checkpoint], [parts, last])
        const batches: RecordedEvent[][] = []
        const handleBatch = (events: readonly RecordedEvent[]) => void batches.push([...events])
        await store.runOnce({ name: `batch ${transactional}`, transactional, batchSize: 1, handleBatch })
        assert.deepEqual(batches.map(plain), [parts])
      }
    },
  },
  {
    group,
    name: 'are refused with types that are no events of the catalogue',
    async run({ open }) {
      const store = await open({ events: hotel() })
      const options = { name: 's', types: ['Withdrawn', 'Cancelled'], handle() {} }
      const facts = { field: 'types[1]' }
      await refused(() => store.subscribe(options), 'invalid-input', facts)
      await refused(() => store.runOnce(options), 'invalid-input', facts)
    },
  },
  {
    group,
    name: 'give each call of the handler an event that no upcast has changed before',
    async run({ open }) {
      let isBroken = false
      const events = defineEvents(
        { Listed: payload<{ list: number[] }>(), Breaking: payload<object>() },
        {
          upcasts: {
            Listed: {
              1: (old: { list: number[] }) => {
                old.list.push(0)
                return old
              },
            },
            Breaking: { 1: (old: object) => (isBroken ? assert.fail('broken') : old) },
          },
          writeAs: { Listed: { 1: ({ list }) => ({ list: list.slice(0, -1) }) } },
        },
      )
      const inline = projection({
        name: 'inline',
        events: ['Listed'],
        key: () => 'all',
        initialState: (): unknown[] => [],
        evolve: (state, { data }) => [...state, data],
      })
      const store = await open({ events, inline: [inline] })
      await remember(store, 'a', [{ type: 'Listed', data: { list: [1] } }])
      for (const transactional of [false, true]) {
        for (const isBatch of [false, true]) {
          const seen: unknown[] = []
          const handle = ({ data }: RecordedEvent) => {
            seen.push(data)
            if (seen.length < 4) throw new Error('not now')
          }
          const handleBatch = ([event]: readonly RecordedEvent[]) => handle(event as RecordedEvent)
          const name = `${transactional} ${isBatch}`
          const onError = { backoff: 1 }
          const changed: unknown[] = []
          await store.runOnce({
            name,
            transactional,
            onError,
            onStateChange: (_, { event }) => void (event && changed.push(event.data)),
            ...(isBatch ? { handleBatch } : { handle }),
          })
          assert.deepEqual(seen, Array(4).fill({ list: [1, 0] }), name)
          assert.deepEqual(changed, Array(3).fill({ list: [1, 0] }), name)
        }
      }
      await store.append('b', [
        { type: 'Listed', data: { list: [2, 0] } },
        { type: 'Listed', data: { list: [3, 0] } },
      ])
      const all = [1, 2, 3].map((one) => ({ list: [one, 0] }))
      assert.deepEqual((await store.view(inline).get('all'))?.state, all)
      await store.rebuild(inline)
      assert.deepEqual((await store.view(inline).get('all'))?.state, all)
      await remember(store, 'c', [{ type: 'Breaking', data: {} }])
      isBroken = true
      for (const transactional of [false, true]) {
        const seen: unknown[] = []
        const handleBatch = (batch: readonly RecordedEvent[]) =>
          void seen.push(...batch.map(({ data }) => data))
        const name = `breaking ${transactional}`
        await store.runOnce({ name, transactional, onError: { action: 'park' }, handleBatch })
        assert.deepEqual(seen, all)
      }
      const streams = [await store.readStream('a'), await store.readStream('a')]
      assert.deepEqual(
        streams.map(({ events: [event] }) => event?.data),
        Array(2).fill({ list: [1, 0] }),
      )
      assert.deepEqual((await store.raw.readStream('a')).events[0]?.data, { list: [1] })
    },
  },
]
