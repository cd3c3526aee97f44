/** Cases of `readStream`: one stream, or a window of it. */
import assert from 'node:assert/strict'
import type { RecordedEvent } from '../event.ts'
import type { ReadStreamOptions } from '../reads.ts'
import type { ConformanceCase } from './case.ts'
import { counted, eventOfType, identified, numbersOf, range, streamOf } from './events.ts'
import { allAtOnce } from './expect.ts'

const group = 'readStream'

/** The events that a window must show: an independent implementation of the contract. */
export function windowOf(
  all: readonly RecordedEvent[],
  options: ReadStreamOptions,
): readonly RecordedEvent[] {
  const { fromVersion = 1, toVersion = all.length, asOf, direction, limit = all.length } = options
  const within = all.filter(
    ({ version, recordedAt }) =>
      version >= fromVersion && version <= toVersion && (asOf === undefined || recordedAt <= asOf),
  )
  return (direction === 'backward' ? within.toReversed() : within).slice(0, limit)
}

/** Returns every combination of one value for each key. */
function combinations<T extends object>(choices: { readonly [Key in keyof T]: readonly T[Key][] }): T[] {
  let all: object[] = [{}]
  for (const [key, values] of Object.entries(choices) as [string, readonly unknown[]][]) {
    all = all.flatMap((chosen) => values.map((value) => ({ ...chosen, [key]: value })))
  }
  return all as T[]
}

export const readStreamCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'returns no events of a missing or an empty stream, and reports whether it exists',
    async run({ open }) {
      const store = await open()
      await store.append('other', counted(2))
      await store.createStream('created')
      const missing = await store.readStream('missing')
      assert.deepEqual(missing, { streamId: 'missing', version: 0, exists: false, events: [] })
      const created = await store.readStream('created', { direction: 'backward', asOf: new Date() })
      assert.deepEqual(created, { streamId: 'created', version: 0, exists: true, events: [] })
      assert.equal((await store.readStream('other')).exists, true)
    },
  },
  {
    group,
    name: 'returns exactly the window asked for, at every edge, in both directions',
    async run({ open }) {
      const store = await open()
      const time = (index: number) => new Date(Date.UTC(2021, 0, 1) + index)
      await store.import(
        identified(4).map((event, index) => ({ ...event, streamId: 'a', recordedAt: time(2 * index) })),
      )
      await store.append('b', counted(3))
      const all = await streamOf(store, 'a')
      const windows = combinations<ReadStreamOptions>({
        fromVersion: [undefined, 2, 4, 5, Number.MAX_SAFE_INTEGER],
        toVersion: [undefined, 0, 1, 3, 4, Number.MAX_SAFE_INTEGER],
        limit: [undefined, 1, 3],
        direction: ['forward', 'backward'],
        asOf: [undefined, time(-1), time(2), time(3)],
      })
      for (const portion of range(0, Math.ceil(windows.length / 50))) {
        const from = 50 * portion
        await allAtOnce(Math.min(50, Math.max(0, windows.length - from)), async (index) => {
          const options = windows[from + index] ?? {}
          const slice = await store.readStream('a', options)
          assert.deepEqual(slice.events, windowOf(all, options), JSON.stringify(options))
          assert.equal(slice.version, 4)
          assert.equal(slice.exists, true)
        })
      }
    },
  },
  {
    group,
    name: 'returns no events of other streams with similar ids',
    async run({ open }) {
      const store = await open()
      const names = ['a', 'A', 'a ', ' a', 'aa', 'a%', 'a_', 'á', 'a\u0301']
      for (const name of names) await store.append(name, [eventOfType('Named', { name })])
      for (const name of names) {
        const { events, version } = await store.readStream(name)
        assert.equal(version, 1)
        assert.deepEqual(
          events.map(({ data, streamId }) => ({ data, streamId })),
          [{ data: { name }, streamId: name }],
        )
      }
      assert.equal((await store.readStream('_')).exists, false)
      assert.equal((await store.readStream('%')).exists, false)
    },
  },
  {
    group,
    name: 'returns a stream of 6,500 events with payloads of all sizes, whole and in part',
    async run({ open }) {
      const store = await open()
      const size = (number: number) => (number % 500 === 0 ? 60_000 : number % 50 === 0 ? 3_000 : number % 40)
      const dataOf = (number: number) => ({ number, filling: 'é'.repeat(size(number)) })
      for (const from of range(0, 12).map((call) => call * 500 + 1)) {
        await store.append(
          'a',
          range(from, from + 499).map((number) => eventOfType('Counted', dataOf(number))),
        )
      }
      const { events, version } = await store.readStream('a')
      assert.equal(version, 6500)
      assert.deepEqual(numbersOf(events), range(1, 6500))
      for (const [index, event] of events.entries()) assert.deepEqual(event.data, dataOf(index + 1))
      assert.deepEqual(
        events.map((event) => event.version),
        range(1, 6500),
      )

      const backward = await store.readStream('a', { direction: 'backward' })
      assert.deepEqual(backward.events, events.toReversed())
      const windows: ReadStreamOptions[] = [
        { fromVersion: 990, toVersion: 3010 },
        { fromVersion: 5999 },
        { toVersion: 2001, direction: 'backward' },
        { limit: 2500 },
        { limit: 2500, direction: 'backward' },
        { fromVersion: 10, toVersion: 6490, limit: 6480, direction: 'backward' },
        { asOf: events[4999]?.recordedAt },
        { asOf: events[4999]?.recordedAt, direction: 'backward', limit: 4000 },
      ]
      for (const options of windows) {
        const slice = await store.readStream('a', options)
        assert.deepEqual(slice.events, windowOf(events, options), JSON.stringify(options))
        assert.equal(slice.version, 6500)
      }
    },
  },
  {
    group,
    name: 'returns 40 payloads of half a megabyte',
    async run({ open }) {
      const store = await open()
      const dataOf = (number: number) => ({ number, filling: String(number % 10).repeat(500_000) })
      for (const from of [1, 11, 21, 31]) {
        await store.append(
          'a',
          range(from, from + 9).map((number) => eventOfType('Counted', dataOf(number))),
        )
      }
      const { events } = await store.readStream('a')
      assert.deepEqual(numbersOf(events), range(1, 40))
      assert.ok(
        events.every(
          ({ data }, index) => (data as { filling: string }).filling === dataOf(index + 1).filling,
        ),
      )
    },
  },
  {
    group,
    name: 'returns to each reader its own copies of the events',
    async run({ open }) {
      const store = await open()
      await store.append('a', [{ type: 'T', data: { list: [1] }, metadata: { userId: 'u' }, tags: ['t'] }])
      const untouched = structuredClone(await streamOf(store, 'a'))
      const [mine] = (await streamOf(store, 'a')) as [RecordedEvent<{ type: 'T'; data: { list: number[] } }>]
      mine.data.list.push(2)
      Object.assign(mine.metadata, { userId: 'other' })
      ;(mine.tags as string[]).push('u')
      mine.recordedAt.setTime(0)
      assert.deepEqual(await streamOf(store, 'a'), untouched)
    },
  },
]
