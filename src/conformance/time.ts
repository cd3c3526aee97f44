/** Cases of `recordedAt`: the time of an event comes from one clock, and never steps back within a stream. */
import assert from 'node:assert/strict'
import type { ConformanceCase } from './case.ts'
import { counted, logOf, range, streamOf } from './events.ts'
import { allAtOnce } from './expect.ts'

const group = 'time'
const hour = 3_600_000

export const timeCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'gives all events of an append one time, which the result and every read return',
    async run({ open }) {
      const store = await open()
      const { recordedAt } = await store.append('a', counted(3))
      const times = [...(await streamOf(store, 'a')), ...(await logOf(store))].map(
        (event) => event.recordedAt,
      )
      assert.deepEqual(times, Array(6).fill(recordedAt))
      assert.deepEqual((await store.streamInfo('a'))?.lastRecordedAt, recordedAt)
    },
  },
  {
    group,
    name: 'records the present time, in any time zone of the server',
    async run({ open }) {
      const store = await open()
      const { createdAt } = await store.createStream('created')
      const { recordedAt } = await store.append('a', counted(1))
      for (const time of [createdAt, recordedAt, (await store.streamInfo('a'))?.createdAt]) {
        assert.ok(time instanceof Date && Math.abs(time.getTime() - Date.now()) < hour)
      }
    },
  },
  {
    group,
    name: 'never lets time decrease within a stream that many callers append to',
    async run({ open }) {
      const store = await open()
      await allAtOnce(100, (index) => store.append('a', counted(2, index)))
      const times = (await streamOf(store, 'a')).map(({ recordedAt }) => recordedAt.getTime())
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      )
    },
  },
  {
    group,
    name: 'repeats the time of the last event of a stream while the clock is behind it',
    async run({ open }) {
      const store = await open()
      // The clock of another machine may be slightly ahead, so an import accepts times slightly in the future.
      const ahead = new Date(Date.now() + 40_000)
      const id = '0190a5b2-0000-7000-8000-000000000001'
      await store.import([{ streamId: 'a', type: 'Ahead', data: {}, id, recordedAt: ahead }])
      const alone = await store.append('a', counted(2))
      assert.deepEqual(alone.recordedAt, ahead)
      const [together] = await store.appendAll([
        { streamId: 'a', events: counted(1) },
        { streamId: 'b', events: counted(1) },
      ])
      assert.deepEqual(together?.recordedAt, ahead)
      const times = (await streamOf(store, 'a')).map(({ recordedAt }) => recordedAt)
      assert.deepEqual(times, Array(4).fill(ahead))
      assert.deepEqual((await store.streamInfo('a'))?.lastRecordedAt, ahead)
      // The times of other streams do not wait.
      const elsewhere = (await store.append('b', counted(1))).recordedAt
      assert.ok(elsewhere !== undefined && elsewhere < ahead)
    },
  },
  {
    group,
    name: 'includes an event when a stream is read as of its time, and excludes it a millisecond before',
    async run({ open }) {
      const store = await open()
      const start = Date.UTC(2020, 1, 29, 12)
      const at = (index: number) => new Date(start + index)
      await store.import(
        range(0, 9).map((index) => ({
          streamId: 'a',
          type: 'Counted',
          data: {},
          id: `0190a5b2-0000-7000-8000-00000000000${index}`,
          // Two events in each millisecond.
          recordedAt: at(Math.floor(index / 2)),
        })),
      )
      for (const index of range(-1, 6)) {
        const { events, version } = await store.readStream('a', { asOf: at(index) })
        assert.equal(events.length, Math.min(10, Math.max(0, (index + 1) * 2)))
        assert.equal(version, 10)
      }
    },
  },
  {
    group,
    name: 'reads a stream as of the exact time of each of its appends',
    async run({ open }) {
      const store = await open()
      for (const number of range(1, 20)) await store.append('a', counted(1, number))
      const all = await streamOf(store, 'a')
      for (const { recordedAt } of all) {
        for (const asOf of [recordedAt, new Date(recordedAt.getTime() - 1)]) {
          const { events } = await store.readStream('a', { asOf })
          assert.deepEqual(
            events,
            all.filter((event) => event.recordedAt <= asOf),
          )
        }
      }
    },
  },
]
