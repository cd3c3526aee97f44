/**
 * Cases of imported times: the store keeps them, and refuses or moves a time that would step back within its stream.
 */
import assert from 'node:assert/strict'
import type { ImportedEvent } from '../imported-event.ts'
import { uuidv7 } from '../uuid.ts'
import type { ConformanceCase } from './case.ts'
import { counted, everything, logOf, numbersOf, range, streamOf } from './events.ts'
import { refused } from './expect.ts'
import { sourceOf, timeAt } from './source.ts'

const group = 'import of times'

export const importTimeCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'gives an event without a time the present time, and no later append an earlier one',
    async run({ open }) {
      const store = await open()
      const before = Date.now()
      await store.import(
        [
          { streamId: 'a', type: 'T', data: 1, recordedAt: timeAt(0) },
          { streamId: 'a', type: 'T', data: 2 },
        ],
        { name: 'n' },
      )
      await store.append('a', counted(1))
      const [first, second, third] = (await streamOf(store, 'a')).map(({ recordedAt }) => recordedAt)
      assert.deepEqual(first, timeAt(0))
      // The clock of the server may differ slightly from the clock of this process.
      assert.ok(second !== undefined && Math.abs(second.getTime() - before) < 600_000)
      assert.ok(third !== undefined && third >= second)
    },
  },
  {
    group,
    name: 'refuses an event that is older than the one before it in its stream, with its whole batch',
    async run({ open }) {
      const store = await open()
      const source = sourceOf(20, 3)
      const late = source.with(15, { ...source[15], recordedAt: timeAt(2) } as ImportedEvent)
      const facts = { streamId: source[15]?.streamId ?? '' }
      await refused(store.import(late), 'import-out-of-order', facts)
      assert.deepEqual(await everything(store), { log: [], streams: [] })
      // In batches of ten, the first batch is recorded, and the second one is refused.
      await refused(store.import(late, { batchSize: 10 }), 'import-out-of-order', facts)
      assert.deepEqual(numbersOf(await logOf(store)), range(1, 10))
      assert.equal((await store.import(source, { batchSize: 10 })).imported, 10)
      assert.deepEqual(numbersOf(await logOf(store)), range(1, 20))
    },
  },
  {
    group,
    name: 'refuses an event after one of its stream that has no time, as that one is recorded now',
    async run({ open }) {
      const store = await open()
      const source: ImportedEvent[] = [
        { streamId: 'a', type: 'T', data: 1 },
        { streamId: 'a', type: 'T', data: 2, recordedAt: timeAt(0) },
      ]
      for (const batchSize of [1, 2]) {
        const name = `n-${batchSize}`
        const renamed = source.map((event) => ({ ...event, streamId: name }))
        await refused(store.import(renamed, { name, batchSize }), 'import-out-of-order', { streamId: name })
      }
    },
  },
  {
    group,
    name: 'accepts equal times, and times that are older than the times of other streams',
    async run({ open }) {
      const store = await open()
      await store.append('other', counted(1))
      const times = [5, 5, 2, 5, 2, 9]
      await store.import(
        times.map((time) => ({
          streamId: `s-${time}`,
          type: 'T',
          data: 1,
          id: uuidv7(),
          recordedAt: timeAt(time),
        })),
      )
      const recorded = (await logOf(store)).slice(1).map(({ recordedAt }) => recordedAt)
      assert.deepEqual(recorded, times.map(timeAt))
    },
  },
  {
    group,
    name: 'moves a time that is out of order to the time of the previous event if clampTimes is set',
    async run({ open }) {
      const store = await open()
      const times = [3, 1, 4, 1, 5, 2, 6]
      await store.import(
        times.map((time) => ({
          streamId: 'a',
          type: 'T',
          data: time,
          id: uuidv7(),
          recordedAt: timeAt(time),
        })),
        { clampTimes: true, batchSize: 3 },
      )
      const events = await streamOf(store, 'a')
      assert.deepEqual(
        events.map(({ data }) => data),
        times,
      )
      assert.deepEqual(
        events.map(({ recordedAt }) => recordedAt),
        [3, 3, 4, 4, 5, 5, 6].map(timeAt),
      )
    },
  },
  {
    group,
    name: 'refuses times in the future, with and without clampTimes',
    async run({ open }) {
      const store = await open()
      const [event] = sourceOf(1)
      for (const clampTimes of [false, true]) {
        for (const ahead of [3_600_000, 400 * 24 * 3_600_000]) {
          const source = [
            ...sourceOf(2),
            { ...event, recordedAt: new Date(Date.now() + ahead) } as ImportedEvent,
          ]
          await refused(store.import(source, { clampTimes }), 'invalid-input', {
            field: 'source[2].recordedAt',
          })
        }
      }
      assert.deepEqual(await logOf(store), [])
    },
  },
  {
    group,
    name: 'keeps times of the distant past to the millisecond',
    async run({ open }) {
      const store = await open()
      const times = ['0001-01-01T00:00:00.000Z', '1582-10-15T12:34:56.789Z', '1969-12-31T23:59:59.999Z']
      await store.import(
        times.map((time) => ({
          streamId: 'a',
          type: 'T',
          data: time,
          id: uuidv7(),
          recordedAt: new Date(time),
        })),
      )
      for (const { data, recordedAt } of await streamOf(store, 'a'))
        assert.equal(recordedAt.toISOString(), data)
      const { events } = await store.readStream('a', { asOf: new Date(times[1] ?? '') })
      assert.equal(events.length, 2)
      const first = await store.readStream('a', { asOf: new Date(times[0] ?? '') })
      assert.equal(first.events.length, 1)
    },
  },
]
