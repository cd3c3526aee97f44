/** Cases of reading through a catalogue: streams, the log, its followers, and events that cannot be read. */
import assert from 'node:assert/strict'
import { defineEvents, payload } from '../catalogue/define-events.ts'
import type { EventDefinitions } from '../catalogue/definitions.ts'
import type { Event, RecordedEvent } from '../event.ts'
import type { ReadStreamOptions } from '../reads.ts'
import { uuidOf } from '../uuid.ts'
import type { ConformanceCase } from './case.ts'
import { hotel, memories, openHotel, plain, remember, todayOf } from './catalogue-hotel.ts'
import { openUnreadable, unreadables } from './catalogue-unreadable.ts'
import { collect, logOf, range, streamOf } from './events.ts'
import { refused } from './expect.ts'

const group = 'catalogues: reads'

export const catalogueReadCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'return a stream as its events of today, and its versions as the stored events have them',
    async run(context) {
      const store = await openHotel(context)
      const { events, version, exists } = await store.readStream('a')
      assert.deepEqual([version, exists], [memories.length, true])
      assert.deepEqual(plain(events), todayOf())
      assert.deepEqual(
        events.map((event) => event.version),
        memories.flatMap(({ today }, index) => today.map(() => index + 1)),
      )
      for (const { metadata } of events) assert.deepEqual(metadata, { userId: 'ann' })
      const stored = (await store.raw.readStream('a')).events
      const moved = stored[2] as RecordedEvent
      const [released, reserved] = events.filter((event) => event.version === 3)
      assert.deepEqual([released?.id, reserved?.id], [moved.id, uuidOf('part', moved.id, 1)])
      for (const part of [released, reserved]) {
        const { position, streamId, recordedAt } = moved
        assert.deepEqual(part, { ...part, position, streamId, recordedAt })
      }
      assert.equal(new Set(events.map(({ id }) => id)).size, events.length)
    },
  },
  {
    group,
    name: 'return in every range, direction and limit of a stream the parts of the stored events that it selects',
    async run(context) {
      const store = await openHotel(context)
      const count = memories.length
      for (const fromVersion of range(1, count + 1)) {
        for (const [toVersion, limit] of [
          [count, 1],
          [count, 2],
          [fromVersion + 1, undefined],
          [fromVersion, 5],
          [fromVersion + 3, 3],
        ] as const) {
          for (const direction of ['forward', 'backward'] as const) {
            const options: ReadStreamOptions = { fromVersion, toVersion, limit, direction }
            const indexes = range(fromVersion, Math.min(toVersion, count)).map((version) => version - 1)
            if (direction === 'backward') indexes.reverse()
            const selected = indexes.slice(0, limit).map((index) => memories[index] as (typeof memories)[0])
            const expected = selected.flatMap(({ today }) =>
              direction === 'forward' ? today : [...today].reverse(),
            )
            const slice = await store.readStream('a', options)
            assert.deepEqual(plain(slice.events), expected, JSON.stringify(options))
            assert.equal(slice.version, count)
          }
        }
      }
      const { recordedAt } = (await store.raw.readStream('a', { limit: 1 })).events[0] as RecordedEvent
      const past = await store.readStream('a', { asOf: recordedAt, toVersion: 3 })
      assert.deepEqual(plain(past.events), todayOf(memories.slice(0, 3)))
    },
  },
  {
    group,
    name: 'end a read of the log at its limit, before an event that cannot be read and after many that are left out',
    async run({ open }) {
      let isBroken = false
      const events = defineEvents(
        { Good: payload<object>(), Half: payload<object>() },
        {
          upcasts: {
            Noted: {},
            Pair: { Good: () => ({}), Half: () => ({}) },
            Bad: {
              Good: () => {
                if (isBroken) throw new Error('broken')
                return {}
              },
            },
          },
        },
      )
      const store = await open({ events })
      const types = [...Array.from({ length: 250 }, () => 'Noted'), 'Pair', 'Pair', 'Bad']
      await remember(
        store,
        'a',
        types.map((type) => ({ type, data: {} })),
      )
      isBroken = true
      const typesOf = async (limit: number) => (await logOf(store, { limit })).map(({ type }) => type)
      assert.deepEqual(await typesOf(1), ['Good', 'Half'])
      assert.deepEqual(await typesOf(2), ['Good', 'Half', 'Good', 'Half'])
      await refused(typesOf(3), 'unreadable-event')
    },
  },
  {
    group,
    name: 'return the log as its events of today, forward and backward, and limits count stored events that are returned',
    async run(context) {
      const store = await openHotel(context)
      await remember(
        store,
        'b',
        memories.map(({ stored }) => stored),
      )
      const all = [...memories, ...memories]
      assert.deepEqual(plain(await logOf(store)), todayOf(all))
      assert.deepEqual(plain(await logOf(store, { direction: 'backward' })), [...todayOf(all)].reverse())
      const shown = all.filter(({ today }) => today.length > 0)
      for (const limit of range(1, shown.length)) {
        assert.deepEqual(plain(await logOf(store, { limit })), todayOf(shown.slice(0, limit)))
        const backward = await logOf(store, { limit, direction: 'backward' })
        assert.deepEqual(plain(backward), [...todayOf(shown.slice(-limit))].reverse())
      }
    },
  },
  {
    group,
    name: 'resume after any event of the log without its parts, and end with any',
    async run(context) {
      const store = await openHotel(context)
      const stored = await collect(store.raw.readAll())
      assert.equal(stored.length, memories.length)
      for (const [index, { position }] of stored.entries()) {
        assert.deepEqual(plain(await logOf(store, { after: position })), todayOf(memories.slice(index + 1)))
        assert.deepEqual(
          plain(await logOf(store, { until: position })),
          todayOf(memories.slice(0, index + 1)),
        )
      }
      const log = await logOf(store)
      const firstPart = log.find(({ type }) => type === 'Released') as RecordedEvent
      const [next] = await logOf(store, { after: firstPart.position, limit: 1 })
      assert.deepEqual(next?.data, memories[3]?.today[0]?.data)
    },
  },
  {
    group,
    name: 'widen a filter of the log to the names under which its types are stored, and return no other type',
    async run(context) {
      const store = await openHotel(context)
      const types = ['Requested', 'Withdrawn', 'Released', 'Reserved']
      for (const subset of range(1, 15)) {
        const wanted = types.filter((_, bit) => subset & (1 << bit))
        const expected = todayOf().filter(({ type }) => wanted.includes(type))
        assert.deepEqual(plain(await logOf(store, { types: wanted })), expected, wanted.join())
        const backward = await logOf(store, { types: wanted, direction: 'backward' })
        assert.deepEqual(plain(backward), [...expected].reverse(), wanted.join())
        const [first] = await logOf(store, { types: wanted, limit: 1 })
        assert.equal(first?.type, expected[0]?.type)
      }
      // A part counts once, and a stored event without a wanted part does not count.
      assert.deepEqual(plain(await logOf(store, { types: ['Released'], limit: 1 })), [
        { type: 'Released', data: { nights: ['mo'] } },
      ])
      assert.equal((await logOf(store, { types: ['Reserved'], limit: 3 })).length, 3)
      for (const [type, problem] of [
        ['Cancelled', "'Cancelled' is an old name: use 'Withdrawn'"],
        ['Moved', "'Moved' is an old name: use 'Released' or 'Reserved'"],
        ['Noted', "'Noted' is not read any more"],
        ['Requestd', "did you mean 'Requested'?"],
      ] as const) {
        const { message } = await refused(
          () => store.readAll({ types: ['Released', type] }),
          'invalid-input',
          {
            field: 'types[1]',
          },
        )
        assert.ok(message.includes(problem), message)
      }
      const raw = await collect(store.raw.readAll({ types: ['Cancelled', 'Withdrawn'] }))
      assert.deepEqual(
        raw.map(({ type }) => type),
        ['Cancelled'],
      )
    },
  },
  {
    group,
    name: 'show a follower of the log the events of today as they are recorded',
    async run(context) {
      const store = await openHotel(context)
      const seen: RecordedEvent[] = []
      const last = { type: 'Withdrawn', data: { reason: 'the end' } }
      const following = (async () => {
        for await (const event of store.readAll({ follow: true, types: ['Released', 'Withdrawn'] })) {
          seen.push(event)
          if ((event.data as { reason?: string }).reason === 'the end') return
        }
      })()
      for (const { stored } of memories) await remember(store, 'b', [stored])
      await store.append('c', [last])
      await following
      const expected = todayOf([...memories, ...memories]).filter(
        ({ type }) => type === 'Released' || type === 'Withdrawn',
      )
      assert.deepEqual(plain(seen), [...expected, last])
    },
  },
  {
    group,
    name: 'return every event as it is stored to raw reads',
    async run(context) {
      const store = await openHotel(context)
      const expected = memories.map(({ stored: { type, data, schemaVersion } }) => ({
        type,
        data,
        metadata: {
          userId: 'ann',
          ...(schemaVersion === undefined ? {} : { $schemaVersion: schemaVersion }),
        },
      }))
      const bare = (events: readonly RecordedEvent[]) =>
        events.map(({ type, data, metadata }) => ({ type, data, metadata }))
      assert.deepEqual(bare((await store.raw.readStream('a')).events), expected)
      const backward = await store.raw.readStream('a', { direction: 'backward', limit: 3 })
      assert.deepEqual(bare(backward.events), [...expected].reverse().slice(0, 3))
      assert.deepEqual(bare(await collect(store.raw.readAll())), expected)
      assert.deepEqual(bare(await collect(store.raw.readAll({ types: ['Moved'], limit: 1 }))), [expected[2]])
    },
  },
  {
    group,
    name: 'upcast each event once',
    async run(context) {
      const calls = { count: 0 }
      const store = await openHotel(context, hotel(calls))
      // One event of version 1, and two that may be split.
      const each = 3
      for (const read of [
        () => streamOf(store, 'a'),
        () => logOf(store),
        () => logOf(store, { limit: 6 }),
        () => logOf(store, { direction: 'backward' }),
        () => logOf(store, { types: ['Requested', 'Released'] }),
      ]) {
        calls.count = 0
        await read()
        assert.equal(calls.count, each)
      }
    },
  },
  {
    group,
    name: 'give each reader data that no other event shares, also if an upcast puts the same value into each event',
    async run({ open }) {
      const none: { list: string[] } = { list: [] }
      const fields = payload<{ list: string[] }>()
      const events = defineEvents(
        { Listed: fields, Left: fields, Right: fields },
        {
          upcasts: {
            Listed: { 1: () => none },
            Split: { Left: () => none, Right: () => none },
          },
        },
      ) as EventDefinitions<Event>
      const store = await open({ events })
      await remember(store, 'a', [
        { type: 'Listed', data: {} },
        { type: 'Split', data: {} },
        { type: 'Listed', data: {} },
      ])
      const handle = ({ data, tags, metadata }: RecordedEvent) => {
        ;(data as typeof none).list.push('mine')
        ;(tags as string[]).push('mine')
        ;(metadata as Record<string, unknown>).mine = true
      }
      for (let read = 0; read < 2; read++) {
        const all = await collect(store.readAll())
        for (const event of all) {
          assert.deepEqual([event.data, event.tags, event.metadata], [{ list: [] }, [], { userId: 'ann' }])
          handle(event)
        }
      }
      await store.runOnce({ name: 's', handle })
      assert.deepEqual(none, { list: [] })
    },
  },
  {
    group,
    name: 'leave out unknown events if the catalogue says so, and keep versions and positions',
    async run(context) {
      const store = await openHotel(context, hotel({ count: 0 }, 'skip'))
      const stranger = { type: 'Stranger', data: {} }
      await remember(store, 'a', [stranger, { type: 'Cancelled', data: { reason: 'late' } }, stranger])
      const late = { type: 'Withdrawn', data: { reason: 'late' } }
      const slice = await store.readStream('a')
      assert.deepEqual(plain(slice.events), [...todayOf(), late])
      assert.deepEqual(
        [slice.version, slice.events.at(-1)?.version],
        [memories.length + 3, memories.length + 2],
      )
      const [last] = (await store.readStream('a', { direction: 'backward', limit: 2 })).events
      assert.deepEqual(last?.data, late.data)
      assert.deepEqual(plain(await logOf(store)), [...todayOf(), late])
      assert.deepEqual(plain(await logOf(store, { direction: 'backward', limit: 1 })), [late])
      const { version } = await store.append('a', [late], { expectedVersion: memories.length + 3 })
      assert.equal(version, memories.length + 4)
    },
  },
  ...unreadables.map(
    (one): ConformanceCase => ({
      group,
      name: `return what is before ${one.name}, and then refuse with its place`,
      needs: one.needs,
      async run(context) {
        const { reason, schemaVersion } = one
        const store = await openUnreadable(context, one)
        const [, old] = await collect(store.raw.readAll())
        const facts = {
          reason,
          type: 'Old',
          streamId: 'a',
          version: 2,
          schemaVersion,
          position: (old as RecordedEvent).position,
        } as const
        const { message } = await refused(store.readStream('a'), 'unreadable-event', facts)
        assert.match(message, /'Old' \(version 2 of stream 'a'/)
        assert.equal((await store.readStream('a', { toVersion: 1 })).events.length, 1)
        assert.equal((await store.readStream('a', { fromVersion: 3 })).events.length, 1)
        for (const direction of ['forward', 'backward'] as const) {
          const seen: unknown[] = []
          const reading = async () => {
            for await (const { data } of store.readAll({ direction })) seen.push(data)
          }
          await refused(reading(), 'unreadable-event', facts)
          assert.deepEqual(seen, [{ number: direction === 'forward' ? 1 : 3 }])
          // A limit that ends before the event does not meet it.
          assert.equal((await logOf(store, { direction, limit: 1 })).length, 1)
        }
        assert.equal((await logOf(store, { types: ['Good'], limit: 1 })).length, 1)
      },
    }),
  ),
]
