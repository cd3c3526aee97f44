/** Cases of `append`: what the store records, and how it numbers streams and the log. */
import assert from 'node:assert/strict'
import type { Event } from '../event.ts'
import type { ConformanceCase } from './case.ts'
import { counted, eventOfType, everything, logOf, numbersOf, range, streamOf, streamsOf } from './events.ts'
import { refusedAt } from './expect.ts'

const group = 'append'
const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export const appendCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'numbers the events of a new stream from version 1',
    async run({ open }) {
      const store = await open()
      const result = await store.append('cart-1', counted(3))
      assert.equal(result.streamId, 'cart-1')
      assert.equal(result.firstVersion, 1)
      assert.equal(result.version, 3)
      assert.equal(result.deduplicated, false)
      assert.ok(result.recordedAt instanceof Date)
      assert.equal(result.positions.length, 3)
      assert.equal(result.position, result.positions[2])
      const keys = [
        'deduplicated',
        'firstVersion',
        'position',
        'positions',
        'recordedAt',
        'streamId',
        'version',
      ]
      assert.deepEqual(Object.keys(result).sort(), keys)
    },
  },
  {
    group,
    name: 'numbers the events of a stream without gaps while other streams grow',
    async run({ open }) {
      const store = await open()
      for (const from of [1, 3, 5, 7]) {
        await store.append('a', counted(2, from))
        await store.append('b', counted(1, from))
      }
      const events = await streamOf(store, 'a')
      assert.deepEqual(numbersOf(events), range(1, 8))
      assert.deepEqual(
        events.map(({ version }) => version),
        range(1, 8),
      )
      assert.deepEqual((await store.append('a', counted(2))).firstVersion, 9)
    },
  },
  {
    group,
    name: 'gives every event a position that is a safe integer and higher than all before it',
    async run({ open }) {
      const store = await open()
      let last = 0
      for (const streamId of ['b', 'a', 'b', 'c']) {
        const { positions, position } = await store.append(streamId, counted(3))
        for (const next of positions) {
          assert.ok(Number.isSafeInteger(next) && next > last)
          last = next
        }
        assert.equal(position, last)
      }
      const log = await logOf(store)
      assert.equal(log.at(-1)?.position, last)
    },
  },
  {
    group,
    name: 'records an event exactly as it was given, and adds only its stream, version, position and time',
    async run({ open }) {
      const store = await open()
      const given = {
        id: '0190a5b2-0000-7000-8000-00000000abcd',
        type: 'ItemAdded',
        data: {
          sku: 'A-1',
          price: { amount: 12.5, currency: 'EUR' },
          gift: false,
          note: null,
          parts: [1, [2]],
        },
        metadata: { correlationId: 'c', causationId: 'd', userId: 'u', traceparent: 't', shop: { id: 7 } },
        tags: ['sku:A-1', 'shop:7'],
      }
      const result = await store.append('cart-1', [given])
      const recorded = {
        ...given,
        streamId: 'cart-1',
        version: 1,
        position: result.position,
        recordedAt: result.recordedAt,
      }
      assert.deepEqual(await streamOf(store, 'cart-1'), [recorded])
      assert.deepEqual(await logOf(store), [recorded])
    },
  },
  {
    group,
    name: 'gives empty metadata and no tags to an event without them',
    async run({ open }) {
      const store = await open()
      await store.append('a', [
        { type: 'Plain', data: 1 },
        { type: 'Empty', data: 2, metadata: {}, tags: [] },
        { type: 'Full', data: 3, metadata: { userId: 'u' }, tags: ['t'] },
      ])
      const events = await streamOf(store, 'a')
      assert.deepEqual(
        events.map(({ metadata, tags }) => ({ metadata, tags })),
        [
          { metadata: {}, tags: [] },
          { metadata: {}, tags: [] },
          { metadata: { userId: 'u' }, tags: ['t'] },
        ],
      )
    },
  },
  {
    group,
    name: 'gives events without an id a UUIDv7, in ascending order',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(50))
      await store.append('a', counted(50))
      const ids = (await streamOf(store, 'a')).map(({ id }) => id)
      assert.ok(ids.every((id) => uuid7.test(id)))
      assert.deepEqual([...new Set(ids)].sort(), ids)
    },
  },
  {
    group,
    name: 'adds the metadata of the call to every event, where the properties of the event win',
    async run({ open }) {
      const store = await open()
      const own: Event = { type: 'B', data: {}, metadata: { userId: 'own', extra: 1 } }
      await store.append('a', [eventOfType('A'), own], { metadata: { userId: 'shared', correlationId: 'c' } })
      await store.appendAll([{ streamId: 'b', events: [eventOfType('A'), own] }], {
        metadata: { userId: 'shared', correlationId: 'c' },
      })
      const expected = [
        { userId: 'shared', correlationId: 'c' },
        { userId: 'own', correlationId: 'c', extra: 1 },
      ]
      for (const streamId of ['a', 'b']) {
        const events = await streamOf(store, streamId)
        assert.deepEqual(
          events.map(({ metadata }) => metadata),
          expected,
        )
      }
    },
  },
  {
    group,
    name: 'shows an event to every kind of read as soon as append returns',
    async run({ open }) {
      const store = await open()
      for (const number of range(1, 30)) {
        const { position } = await store.append('a', counted(1, number))
        const { events, version } = await store.readStream('a', { fromVersion: number })
        assert.deepEqual(numbersOf(events), [number])
        assert.equal(version, number)
        assert.deepEqual(numbersOf(await logOf(store, { after: position - 1 })), [number])
        assert.deepEqual(numbersOf(await logOf(store, { direction: 'backward', limit: 1 })), [number])
        assert.equal((await store.streamInfo('a'))?.version, number)
        assert.equal((await streamsOf(store))[0]?.version, number)
      }
    },
  },
  {
    group,
    name: 'shows an event to every other store on the same data as soon as append returns',
    needs: ['shared-data'],
    async run({ open }) {
      const [store, other] = [await open(), await open()]
      for (const number of range(1, 20)) {
        await store.appendAll([
          { streamId: 'a', events: counted(1, number) },
          { streamId: `b-${number}`, events: [], expectedVersion: 'noStream' },
        ])
        assert.equal((await other.streamInfo('a'))?.version, number)
        assert.deepEqual(numbersOf(await streamOf(other, 'a')), range(1, number))
        assert.deepEqual(numbersOf(await logOf(other)), range(1, number))
        const [stream] = await streamsOf(other)
        assert.equal(stream?.version, number)
        await refusedAt(number, other, 'a', counted(1), number - 1)
      }
    },
  },
  {
    group,
    name: 'records 70,000 events in one call, more than an SQL statement can have parameters',
    async run({ open }) {
      const store = await open()
      const { version, positions } = await store.append('a', counted(70_000))
      assert.equal(version, 70_000)
      assert.equal(positions.length, 70_000)
      const { events } = await store.readStream('a', { fromVersion: 69_001 })
      assert.deepEqual(numbersOf(events), range(69_001, 70_000))
      assert.deepEqual(
        events.map(({ position }) => position),
        positions.slice(69_000),
      )
      assert.deepEqual(numbersOf(await logOf(store, { limit: 3000 })), range(1, 3000))
    },
  },
  {
    group,
    name: 'writes nothing without events, and returns the present version and position of the stream',
    async run({ open }) {
      const store = await open()
      const { position } = await store.append('a', counted(3))
      await store.createStream('created')
      const before = await everything(store)
      const nothing = { positions: [], recordedAt: undefined, deduplicated: false }
      assert.deepEqual(await store.append('a', []), {
        streamId: 'a',
        version: 3,
        firstVersion: 4,
        position,
        ...nothing,
      })
      for (const streamId of ['missing', 'created']) {
        const result = await store.append(streamId, [], { expectedVersion: 0 })
        assert.deepEqual(result, { streamId, version: 0, firstVersion: 1, position: 0, ...nothing })
      }
      assert.deepEqual(await everything(store), before)
      assert.equal(await store.streamInfo('missing'), undefined)
    },
  },
  {
    group,
    name: 'writes nothing when it refuses an append',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(2))
      const before = await everything(store)
      await refusedAt(2, store, 'a', counted(5), 1)
      await refusedAt(0, store, 'b', counted(5), 1)
      assert.deepEqual(await everything(store), before)
      assert.equal((await store.append('a', counted(1))).version, 3)
    },
  },
]
